"""What watches a run without being able to break it, one file each."""
