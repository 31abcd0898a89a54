"""Kill a night at its k-th step on disk or in the database, as a power cord would."""

import os
import signal
import sys
import traceback
from collections.abc import Callable

from sqlalchemy import Engine, event

_FILE_STEPS = {"os.rename", "os.remove", "os.mkdir"}
_WRITING = os.O_WRONLY | os.O_RDWR


def killed_at(step: int, night: Callable[[], object]) -> bool:
    """Run `night` in a forked process that is killed -9 just before its step-th mutation.

    Mutations are files opened for writing, renamed, removed, folders made, statements sent and
    transactions committed. False when the night ended before that many; any other end is an error.
    """
    child = os.fork()
    if child == 0:
        _run(step, night)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, "the night itself failed"
    return False


def _run(step: int, night: Callable[[], object]) -> None:
    left = step

    def mutation(*_details: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def audit(name: str, details: tuple[object, ...]) -> None:
        opens = name == "open" and isinstance(details[2], int) and details[2] & _WRITING
        if opens or name in _FILE_STEPS:
            mutation()

    sys.addaudithook(audit)
    event.listen(Engine, "before_cursor_execute", mutation)
    event.listen(Engine, "commit", mutation)
    try:
        night()
    except BaseException:  # noqa: BLE001 (a forked child must never return into the test runner)
        traceback.print_exc()
        os._exit(1)
    os._exit(0)
