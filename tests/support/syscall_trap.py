"""A trap for the system calls of one thread: it counts them, or kills the process at the N-th.

The kernel holds each of the calls and asks (seccomp's user notifications), and no other call of the
thread costs anything: with strace, which is woken by all of them, nights take twice as long.
Children inherit the wire; their calls pass uncounted. A call at which the process is killed is not
begun.
"""

import ctypes
import os
import platform
import select
import signal
import socket
import struct
import threading
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from fcntl import ioctl
from pathlib import Path
from queue import SimpleQueue
from types import MappingProxyType

from tests.support.system_programs import require

NUMBERS: Mapping[str, int] = MappingProxyType(
    {
        "write": 1,
        "pwrite64": 18,
        "connect": 42,
        "sendto": 44,
        "sendmsg": 46,
        "vfork": 58,
        "fsync": 74,
        "fdatasync": 75,
        "ftruncate": 77,
        "rename": 82,
        "mkdir": 83,
        "rmdir": 84,
        "unlink": 87,
        "unlinkat": 263,
        "clone3": 435,
    }
)
"""On x86-64."""

MUTATIONS = tuple(NUMBERS)
"""The calls that change something outside the process, as this Python and its libraries make."""

_NAMES = {number: name for name, number in NUMBERS.items()}
_SECCOMP, _SET_FILTER, _NEW_LISTENER = 317, 1, 1 << 3
_NO_NEW_PRIVILEGES = 38
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06  # of the kernel's packet filters
_AT_NUMBER, _AT_ARCHITECTURE, _X86_64 = 0, 4, 0xC000_003E
_ALLOW, _ASK = 0x7FFF_0000, 0x7FC0_0000
_RECEIVE, _SEND = 0xC050_2100, 0xC018_2101  # ioctls
_NOTICE, _ANSWER = struct.Struct("=QIIi60x"), struct.Struct("=Qqii")
_NOTICE_BYTES, _GO_ON = 80, 1


class _Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


@dataclass(frozen=True)
class Trip:
    """names: of the calls that are counted. number: of the one to be killed at, 0 for none."""

    names: tuple[str, ...]
    number: int = 0


def why_not() -> str | None:
    """Why there can be no wire here, or None where there can."""
    if platform.machine() != "x86_64":
        return f"the numbers of system calls on {platform.machine()} are not known"
    actions = Path("/proc/sys/kernel/seccomp/actions_avail")
    if not actions.exists() or "user_notif" not in actions.read_text():
        return "this kernel has no seccomp user notifications"
    return None


def require_syscall_trap() -> None:
    """Raise RequirementMissing where the system calls of a thread cannot be trapped."""
    require(why_not())


def lay(trip: Trip, watcher: socket.socket) -> None:
    """Lay the wire across this thread, for whom `watch` is called with the other end of `watcher`.

    Another thread tells who watches, for its calls are free.
    """
    wires: SimpleQueue[int] = SimpleQueue()
    thread = threading.get_native_id()

    def tell() -> None:
        wire = wires.get()
        with watcher:
            socket.send_fds(watcher, [str(thread).encode()], [wire])
        os.close(wire)

    teller = threading.Thread(target=tell)
    teller.start()
    wires.put(_wire(trip.names))
    teller.join()


def _wire(names: tuple[str, ...]) -> int:
    steps = [(_LOAD, 0, 0, _AT_ARCHITECTURE), (_EQUAL, 0, len(names) + 1, _X86_64)]
    steps += [(_LOAD, 0, 0, _AT_NUMBER)]
    for left, name in zip(range(len(names), 0, -1), names, strict=True):
        steps += [(_EQUAL, left, 0, NUMBERS[name])]
    steps += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _ASK)]
    code = b"".join(struct.pack("=HBBI", *step) for step in steps)
    library = ctypes.CDLL(None, use_errno=True)
    library.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    wanted = ctypes.byref(_Filter(len(steps), code))
    wire: int = library.syscall(_SECCOMP, _SET_FILTER, _NEW_LISTENER, wanted)
    if wire < 0:
        raise OSError(ctypes.get_errno(), "the kernel takes no wire")
    return wire


def watch(trip: Trip, watcher: socket.socket, process: int) -> Counter[str]:
    """Count the calls, or kill `process` at the one that is meant, until nobody can make any more.

    None is counted where the thread never began.
    """
    with watcher:
        said, wires, _, _ = socket.recv_fds(watcher, 32, 1)
    made: Counter[str] = Counter()
    if not wires:
        return made
    [wire], thread = wires, int(said)
    poll = select.poll()
    poll.register(wire, select.POLLIN)
    while not poll.poll()[0][1] & select.POLLHUP:
        with suppress(FileNotFoundError):  # who made the call has been killed
            notice = bytearray(_NOTICE_BYTES)
            ioctl(wire, _RECEIVE, notice)
            call, who, _, number = _NOTICE.unpack_from(notice)
            made[_NAMES[number]] += who == thread
            if who == thread and made.total() == trip.number:
                os.kill(process, signal.SIGKILL)
            else:
                ioctl(wire, _SEND, _ANSWER.pack(call, 0, 0, _GO_ON))
    os.close(wire)
    return made
