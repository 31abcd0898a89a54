"""The search for programs of the system, which ignores the current folder."""

import os
import shutil
from pathlib import Path


def find_program(name: str) -> str | None:
    """Return the path of a program, or None if there is none.

    Entries of PATH that are empty or relative, such as ".", are ignored: they mean the current
    folder, where other users may have put programs.

    Args:
        name: The name of a program, or a path, which is used as it is.
    """
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    fixed = [folder for folder in folders if Path(folder).is_absolute()]
    return shutil.which(name, path=os.pathsep.join(fixed))
