"""One line of an examination of the installation."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """What was tested and what to do when it is red.

    ok: None where it does not apply to this installation. hint: "" where nothing needs doing.
    """

    code: str
    ok: bool | None
    message: str
    hint: str = ""
