"""Work in other processes: one way to start, limit, stop and kill a child."""
