"""Programs of the system, never of the folder that a command happens to be started in."""

import os
import shutil
from pathlib import Path


def find_program(name: str) -> str | None:
    """Return the path of a program, or None where there is none.

    Entries of PATH that are empty or relative, such as ".", mean whatever the current folder is.
    They are passed over, because what lies there may be anybody's.

    Args:
        name: The name of a program, or a path, which is taken as it is.
    """
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    fixed = [folder for folder in folders if Path(folder).is_absolute()]
    return shutil.which(name, path=os.pathsep.join(fixed))
