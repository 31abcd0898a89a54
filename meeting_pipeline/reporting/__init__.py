"""Results as JSON documents, exports and notices."""
