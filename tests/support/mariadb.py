"""A private MariaDB server in a short temporary directory, for as long as the tests run."""

import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from tests.support.system_programs import require_program

_STARTS = 3  # between choosing a free port and taking it, another process may be quicker
_READY_WITHIN_S = 30
_NO_TLS = "ssl_disabled=true"  # reading the certificates takes longer than most tests


class MariaDb:
    """A running server. `url` names one of its databases, `execute` runs a statement as root."""

    def __init__(self, folder: Path, port: int, process: subprocess.Popen[bytes]) -> None:
        self.socket = folder / "s"
        self.port = port
        self.process = process
        self._root = create_engine(
            f"mysql+pymysql://root@/?unix_socket={self.socket}&{_NO_TLS}",
            isolation_level="AUTOCOMMIT",
        )

    def url(self, database: str) -> str:
        return f"mysql+pymysql://root@127.0.0.1:{self.port}/{database}?{_NO_TLS}"

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows of one statement, if it has any."""
        with self._root.connect() as connection:
            result = connection.exec_driver_sql(statement)
            return [tuple(row) for row in result] if result.returns_rows else []

    def stop(self) -> None:
        """End the server and wait for it."""
        self.process.terminate()
        self.process.wait(timeout=120)


@contextmanager
def running_mariadb(*options: str, keep: Path | None = None) -> Iterator[MariaDb]:
    """A server with these options; it and its files are gone afterwards.

    keep: a folder with a short path, for a server whose files stay there for the next time.
    """
    folder = keep or Path(
        tempfile.mkdtemp(prefix="mdb", dir="/tmp")
    )  # a socket's path is < 108 bytes
    try:
        if not (folder / "d").exists():
            _install(folder)
        server = _start(folder, options)
        try:
            yield server
        finally:
            server.stop()
    finally:
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)


def _install(folder: Path) -> None:
    _run(
        _program("mariadb-install-db"),
        "--no-defaults",
        f"--datadir={folder / 'd'}",
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
        "--innodb-log-file-size=16M",
    )


def _start(folder: Path, options: tuple[str, ...]) -> MariaDb:
    log = folder / "log"
    for _ in range(_STARTS):
        port = _free_port()
        with log.open("ab") as stream:
            command = [*_command(folder, port), *options]
            process = subprocess.Popen(command, stdout=stream, stderr=stream)
        server = MariaDb(folder, port, process)
        if _is_ready(server):
            return server
        server.stop()
    raise RuntimeError(f"MariaDB did not start: {log.read_text()[-2000:]}")


def _command(folder: Path, port: int) -> list[str]:
    return [
        _program("mariadbd"),
        "--no-defaults",
        f"--datadir={folder / 'd'}",
        f"--socket={folder / 's'}",
        f"--pid-file={folder / 'pid'}",
        f"--tmpdir={folder}",  # servers that share one delete each other's tables at their start
        f"--port={port}",
        "--bind-address=127.0.0.1",
        "--skip-name-resolve",
        "--skip-log-bin",
        "--performance-schema=off",
        "--innodb-flush-log-at-trx-commit=0",
        "--innodb-doublewrite=0",
        "--innodb-buffer-pool-size=64M",
        "--innodb-log-file-size=16M",
        *_as_user(),
    ]


def _is_ready(server: MariaDb) -> bool:
    """Wait until it answers; False when it ended or says nothing for too long."""

    def answers() -> bool:
        if server.process.poll() is not None:
            return False
        server.execute("SELECT 1")
        return True

    return Retrying(
        retry=retry_if_exception_type(OperationalError),
        wait=wait_fixed(0.02),
        stop=stop_after_delay(_READY_WITHIN_S),
        retry_error_callback=lambda state: False,
    )(answers)


def _as_user() -> list[str]:
    return ["--user=root"] if Path("/proc/self").owner() == "root" else []


def _run(*command: str) -> None:
    user = _as_user()
    done = subprocess.run([*command, *user], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stdout[-1000:]}{done.stderr[-1000:]}")


def _program(name: str) -> str:
    return require_program(name, "--no-install-recommends mariadb-server-core mariadb-client")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
