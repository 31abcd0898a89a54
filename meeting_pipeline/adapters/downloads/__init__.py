"""Download the media of a recording."""
