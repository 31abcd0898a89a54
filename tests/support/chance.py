"""Chance that can be had once more: a failed test tells the seed that draws the same.

TEST_SEED=1234 .venv/bin/python -m pytest tests/faults/test_random_kills.py
"""

import os
import secrets
from random import Random

SEED = os.environ.setdefault("TEST_SEED", str(secrets.randbelow(1 << 32)))
"""Of all tests of a run, in whichever process: those that are started inherit it."""

TOLD = f"TEST_SEED={SEED} draws the same once more"


def drawn_for(test: str) -> Random:
    """What a test draws from; which others run, and in which order, changes nothing."""
    return Random(f"{SEED} {test}")
