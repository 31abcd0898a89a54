"""One function for each operation of a user; commands parse, call one, and render its result."""
