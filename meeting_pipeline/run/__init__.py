"""One run, from a window of time to a report."""
