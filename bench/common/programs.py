"""Check for the system programs that a benchmark needs, before it measures anything."""

import shutil
import sys
from collections.abc import Collection

EXIT_MISSING = 2
PACKAGES = {
    "curl": "curl",
    "ffmpeg": "ffmpeg",
    "jq": "jq",
    "mariadb": "mariadb-client",
    "mariadb-install-db": "mariadb-server-core",
    "mariadbd": "mariadb-server-core",
    "xargs": "findutils",
}
"""The Debian package of each program."""

MARIADB = ("mariadbd", "mariadb-install-db")
SHELL = ("curl", "ffmpeg", "jq", "mariadb", "xargs")
SYSTEM_FOLDERS = "/usr/sbin:/usr/local/sbin:/usr/bin"


def require(names: Collection[str]) -> None:
    """End the process with EXIT_MISSING, saying what to install, unless all programs are there."""
    missing = [name for name in names if not _is_installed(name)]
    if not missing:
        return
    packages = " ".join(sorted({PACKAGES[name] for name in missing}))
    print(
        f"This benchmark needs {', '.join(missing)}. Install: apt-get install {packages}",
        file=sys.stderr,
    )
    sys.exit(EXIT_MISSING)


def _is_installed(name: str) -> bool:
    return bool(shutil.which(name) or shutil.which(name, path=SYSTEM_FOLDERS))
