"""A run, from a time window to a report."""
