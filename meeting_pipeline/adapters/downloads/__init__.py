"""Downloaders for the media of recordings."""
