"""One module for each back end: `make` loads its adapter and builds it from a `BackendContext`."""
