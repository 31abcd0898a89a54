"""Work in processes of its own: one way to start, limit, stop and kill a child."""
