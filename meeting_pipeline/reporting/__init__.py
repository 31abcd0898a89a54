"""What a run, a recording or a student looks like to programs and to people."""
