"""Find what the next night does not heal by itself, and repair it where that is safe.

Findings come lazily: what was found is repaired before the search continues. Nothing that the
program did not make is removed or changed.
"""
