"""Keep rows and files in order: retention, erasure, repair."""
