"""What a process of ours needs around its work: logs, locks, signals, programs."""
