"""Durable files, and the answers of paid calls that are stored in them."""
