"""Services of a process around its work: logs, locks, signals, programs."""
