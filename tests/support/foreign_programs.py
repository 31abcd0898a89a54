"""Programs of others that listen on loopback for as long as a test needs them."""

import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

_STARTS = 3  # between choosing a free port and taking it, another process may be quicker
_READY_WITHIN_S = 60


@contextmanager
def listening(
    command: Callable[[int], Sequence[str]], log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[int]:
    """Runs the command for a free port, which it is given; yields the port once it is taken.

    log: gets what the program says.
    """
    process, port = _started(command, log, environment)
    try:
        yield port
    finally:
        process.terminate()
        process.wait(timeout=60)


def _started(
    command: Callable[[int], Sequence[str]], log: Path, environment: Mapping[str, str] | None
) -> tuple[subprocess.Popen[bytes], int]:
    for _ in range(_STARTS):
        port = _free_port()
        with log.open("ab") as stream:
            process = subprocess.Popen(command(port), stdout=stream, stderr=stream, env=environment)
        if _listens(process, port):
            return process, port
        process.kill()
        process.wait()
    raise RuntimeError(f"{command(0)[0]} did not start: {log.read_text('utf-8')[-2000:]}")


def _listens(process: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until it does; False when it ended or takes too long."""

    def connects() -> bool:
        if process.poll() is not None:
            return False
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return process.poll() is None

    return Retrying(
        retry=retry_if_exception_type(OSError),
        wait=wait_fixed(0.02),
        stop=stop_after_delay(_READY_WITHIN_S),
        retry_error_callback=lambda state: False,
    )(connects)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
