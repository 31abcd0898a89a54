"""The search for damage that the next night does not repair by itself, and its repair.

Findings are lazy: a finding is repaired before the search continues. Nothing that the program did
not make is removed or changed.
"""
