"""One private aria2c and what we say to each other.

Its secrets come in a file that is in memory only, links come by RPC; the list of processes and the
log show neither, and whenever one of us is killed no file stays behind.
"""

import logging
import os
import secrets
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from typing import Any

import aria2p
import requests
from loguru import logger
from websocket import WebSocketException

from meeting_pipeline.adapters.downloads.aria2_status import DaemonLost, Status
from meeting_pipeline.adapters.downloads.media_client import ca_bundle
from meeting_pipeline.adapters.downloads.tunnel import USER, Tunnel
from meeting_pipeline.adapters.http.connections import BreakableAdapter

log = logging.getLogger(__name__)
logger.disable("aria2p")  # loguru would print what it is asked

_START_S = 5.0
_RPC_S = 3.0  # who does not answer for so long hangs
_RPC_CONNECTIONS = 10  # kept; threads that talk at the same time
_STOP_S = 2.0
_SOON_S = 0.02
_ENVIRONMENT = {"PATH": os.defpath}  # none of our secrets, and no proxy beside the tunnel
_CONFIGURATION = {
    "enable-rpc": "true",
    "quiet": "true",
    "no-netrc": "true",
    "proxy-method": "tunnel",
    "max-concurrent-downloads": "64",
    "auto-save-interval": "1",
    "file-allocation": "none",
    "continue": "true",
    "min-split-size": "1M",  # the least it takes: aria2 is for hosts that limit each connection
    "allow-overwrite": "true",
    "auto-file-renaming": "false",
    "follow-torrent": "false",
    "follow-metalink": "false",
    "max-tries": "5",
    "retry-wait": "1",
    "connect-timeout": "10",
}


class Daemon:
    """One aria2c that answers. Raises DaemonLost wherever it does not (any more)."""

    def __init__(self, program: str, tunnel: Tunnel, stall_s: float) -> None:
        self._ended: dict[str, Event] = {}
        port, secret = _free_port(), secrets.token_hex(16)
        self._rpc = _Rpc("http://127.0.0.1", port, secret, _RPC_S)
        private = {
            **_CONFIGURATION,
            "rpc-listen-port": str(port),
            "rpc-secret": secret,
            "all-proxy": f"http://127.0.0.1:{tunnel.port}",
            "all-proxy-user": USER,
            "all-proxy-passwd": tunnel.password,
            "ca-certificate": ca_bundle(),
            "timeout": str(round(max(1.0, stall_s))),
            "stop-with-process": str(os.getpid()),
        }
        with _in_memory("".join(f"{name}={value}\n" for name, value in private.items())) as file:
            self._start(program, file)
        Thread(target=self._listen, name="aria2-events", daemon=True).start()

    def version(self) -> str:
        """What it calls itself."""
        with _answering():
            said: Any = self._rpc.get_version()
            return str(said["version"])

    def add(self, url: str, part: Path, connections: int) -> str:
        """Start a download; returns its id."""
        gid = secrets.token_hex(8)
        self._ended[gid] = Event()
        options = {
            "gid": gid,
            "dir": str(part.parent),
            "out": part.name,
            "split": str(connections),
            "max-connection-per-server": str(min(connections, 16)),
        }
        with _answering():
            self._rpc.add_uri([url], options)
        return gid

    def status(self, gid: str) -> Status:
        """How that download stands now."""
        keys = ["status", "errorCode", "completedLength", "totalLength"]
        with _answering():
            said = self._rpc.tell_status(gid, keys)
            return Status(
                state=said["status"],
                error_code=said.get("errorCode", "0"),
                completed_bytes=int(said["completedLength"]),
                total_bytes=int(said["totalLength"]),
            )

    def wait(self, gid: str, seconds: float) -> None:
        """Wait until that download (or aria2c) ends, but no longer than that."""
        if self._ended[gid].wait(seconds):
            self._ended[gid].clear()

    def over(self, gid: str) -> None:
        """Nobody waits for that download any more."""
        self._ended.pop(gid, None)

    def abandon(self, gid: str) -> None:
        """Stop that download; what it has stays."""
        with suppress(DaemonLost):  # then it has stopped as well
            with _answering():
                self._rpc.force_remove(gid)
            self.wait(gid, _STOP_S)

    def kill(self) -> None:
        """End aria2c (and its child, should it be a wrapper); a second of its work may be lost."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _start(self, program: str, file: Path) -> None:
        try:
            self._process = subprocess.Popen(  # noqa: S603 - a list, no shell
                [program, f"--conf-path={file}"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=_ENVIRONMENT,
                start_new_session=True,
            )
        except OSError as error:
            raise DaemonLost from error
        try:
            self._await_answer()
        except DaemonLost:
            self.kill()
            raise

    def _await_answer(self) -> None:
        deadline = monotonic() + _START_S
        while monotonic() < deadline:
            with suppress(DaemonLost), _answering():
                self._rpc.get_version()
                return
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_SOON_S)
                break
        raise DaemonLost

    def _listen(self) -> None:
        """Wake who waits for a download that ended; `wait` looks anyway, so none need come."""
        try:
            self._rpc.listen_to_notifications(
                on_download_complete=self._wake,
                on_download_error=self._wake,
                on_download_stop=self._wake,
                handle_signals=False,
            )
        except (OSError, WebSocketException, aria2p.ClientException):
            log.debug("aria2c sends no events any more", exc_info=True)
        for gid in list(self._ended):
            self._wake(gid)

    def _wake(self, gid: str) -> None:
        if event := self._ended.get(gid):
            event.set()


class _Rpc(aria2p.Client):
    """Keeps its connection, and takes no proxy of the environment for it."""

    def __init__(self, host: str, port: int, secret: str, timeout: float) -> None:
        super().__init__(host, port, secret, timeout)
        self._session = requests.Session()
        self._session.trust_env = False
        self._adapter = BreakableAdapter(pool_connections=1, pool_maxsize=_RPC_CONNECTIONS)
        self._session.mount("http://", self._adapter)

    def post(self, payload: str) -> Any:
        with self._adapter.attempt() as attempt, attempt.within(self.timeout):
            return self._session.post(self.server, data=payload, timeout=self.timeout).json()


@contextmanager
def _in_memory(text: str) -> Iterator[Path]:
    """A file that is nowhere on a disk, and gone with the block; for processes of our user."""
    with os.fdopen(os.memfd_create("aria2.conf"), "wb") as stream:
        stream.write(text.encode())
        stream.flush()
        yield Path(f"/proc/{os.getpid()}/fd/{stream.fileno()}")


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except (requests.RequestException, aria2p.ClientException, ValueError, KeyError):
        raise DaemonLost from None  # what they say may contain the link


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
