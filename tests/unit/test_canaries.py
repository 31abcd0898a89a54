"""Who looks for secrets in every fault test finds each of the twelve."""

import shlex
import shutil
import subprocess
from pathlib import Path

from tests.support import canaries


def test_security_05_whoever_looks_for_the_twelve_finds_each(tmp_path: Path) -> None:
    """In a file, and in the command line of a child of a child."""
    left = tmp_path / "left"
    left.mkdir()
    tokens = [*canaries.VALUES.values(), f"token={'x' * 24}", "rpc-secret=0"]
    for number, token in enumerate(tokens):
        (left / str(number)).write_text(f"x{token}x")
    assert len(canaries.KINDS) == 12
    assert {one.partition(" in ")[0] for one in canaries.found_in_files(left)} == {*canaries.KINDS}
    shutil.rmtree(left)

    shown: set[str] = set()
    with canaries.watched_command_lines() as commands:
        words = shlex.join(["sh", "-c", "read line", *tokens])
        child = subprocess.Popen(["sh", "-c", f"{words}; true"], stdin=subprocess.PIPE)
        while len(shown) < len(tokens):
            assert child.poll() is None
            shown |= {*commands.found()}
        child.communicate(b"\n")
