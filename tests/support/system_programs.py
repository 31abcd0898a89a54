"""Programs and abilities of the system that tests need and a laptop may lack.

A test that needs one raises RequirementMissing, directly or in a fixture. `tests/conftest.py`
reports that as a skip with the reason; where the environment variable CI is set it stays a failure,
so that CI cannot quietly test less.
"""

import os
import shutil

_SYSTEM_FOLDERS = "/usr/sbin:/usr/local/sbin:/usr/bin"  # Debian's PATH for users hides mariadbd


class RequirementMissing(RuntimeError):
    """This machine lacks something that a test needs; the message says what, and how to get it."""


def require_program(name: str, package: str, path: str | None = None) -> str:
    """Return the path of a system program.

    Args:
        name: The program, as one would type it.
        package: The Debian package that contains it.
        path: The folders to search, separated by colons; PATH and the system's by default.

    Raises:
        RequirementMissing: The program is not installed.
    """
    found = shutil.which(name, path=path)
    if not found and path is None:
        found = shutil.which(name, path=_SYSTEM_FOLDERS)
    if not found:
        raise RequirementMissing(f"{name} is not installed: apt-get install {package}")
    return found


def require(missing: str | None) -> None:
    """Raise RequirementMissing with that reason, unless it is None."""
    if missing is not None:
        raise RequirementMissing(missing)


def is_ci() -> bool:
    """Tell whether a missing requirement is a failure here."""
    return bool(os.environ.get("CI"))
