"""The observers of a run, one in each file."""
