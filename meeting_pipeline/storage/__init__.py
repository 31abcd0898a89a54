"""Files that survive a kill, and the answers of paid calls kept in them."""
