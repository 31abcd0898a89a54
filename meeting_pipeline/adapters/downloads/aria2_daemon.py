"""Private aria2c process, controlled by RPC.

Its secrets are in a file that exists in memory only, and links are sent by RPC: neither is visible
in the process list or the log, and no file is left when one of the two processes is killed.
"""

import logging
import os
import secrets
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

from meeting_pipeline.adapters.downloads.aria2_status import DaemonLost, DownloadStatus
from meeting_pipeline.adapters.downloads.media_client import ca_bundle
from meeting_pipeline.adapters.downloads.tunnel import USER, Tunnel
from meeting_pipeline.adapters.http.connections import BreakableAdapter
from meeting_pipeline.adapters.processes.process_group import ProcessGroup

log = logging.getLogger(__name__)
logger.disable("aria2p")  # it logs its calls, with the links

_START_S = 5.0
_RPC_S = 3.0  # an aria2c that does not answer for this long hangs
_RPC_CONNECTIONS = 10  # kept open, for threads that call at the same time
_STOP_S = 2.0
_SOON_S = 0.02
_ENVIRONMENT = {"PATH": os.defpath}  # no secret of ours, and no proxy except the tunnel
_CONFIGURATION = {
    "enable-rpc": "true",
    "quiet": "true",
    "no-netrc": "true",
    "proxy-method": "tunnel",
    "max-concurrent-downloads": "64",
    "auto-save-interval": "1",
    "file-allocation": "none",
    "continue": "true",
    "min-split-size": "1M",  # the minimum: hosts that limit each connection are what aria2 is for
    "allow-overwrite": "true",
    "auto-file-renaming": "false",
    "follow-torrent": "false",
    "follow-metalink": "false",
    "max-tries": "5",
    "retry-wait": "1",
    "connect-timeout": "10",
}


class Daemon:
    """One running aria2c; every method raises DaemonLost where it does not answer.

    Args:
        program: The path of aria2c.
        tunnel: The proxy that is its only way out.
        stall_s: Seconds without any byte after which it gives up a connection.
    """

    def __init__(self, program: str, tunnel: Tunnel, stall_s: float) -> None:
        self._processes = ProcessGroup()
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
        """Return its version."""
        with _answering():
            answer: Any = self._rpc.get_version()
            return str(answer["version"])

    def add(self, url: str, part: Path, connections: int) -> str:
        """Start a download.

        Args:
            url: The link.
            part: The file to write.
            connections: Connections for this file; aria2 takes at most 16 to one host.

        Returns:
            The id of the download.
        """
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

    def status(self, gid: str) -> DownloadStatus:
        """Return the current state of a download."""
        keys = ["status", "errorCode", "completedLength", "totalLength"]
        with _answering():
            answer = self._rpc.tell_status(gid, keys)
            return DownloadStatus(
                state=answer["status"],
                error_code=answer.get("errorCode", "0"),
                completed_bytes=int(answer["completedLength"]),
                total_bytes=int(answer["totalLength"]),
            )

    def wait(self, gid: str, seconds: float) -> None:
        """Wait until a download (or aria2c) ends, for that many seconds at most."""
        if self._ended[gid].wait(seconds):
            self._ended[gid].clear()

    def over(self, gid: str) -> None:
        """Forget a download that is not waited for any more."""
        self._ended.pop(gid, None)

    def abandon(self, gid: str) -> None:
        """Stop a download and keep its part."""
        with suppress(DaemonLost):  # then it has stopped as well
            with _answering():
                self._rpc.force_remove(gid)
            self.wait(gid, _STOP_S)

    def kill(self) -> None:
        """Kill aria2c (and its child, should it be a wrapper).

        Up to a second of its work is lost, as it saves its control files once a second.
        """
        self._processes.close()

    def _start(self, program: str, file: Path) -> None:
        try:
            self._process = self._processes.start(
                [program, f"--conf-path={file}"],
                environment=_ENVIRONMENT,
                stderr=subprocess.DEVNULL,
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
        """Wake the threads whose download ended; events may be lost, as `wait` has a timeout."""
        try:
            self._rpc.listen_to_notifications(
                on_download_complete=self._wake,
                on_download_error=self._wake,
                on_download_stop=self._wake,
                handle_signals=False,
            )
        except (OSError, WebSocketException, aria2p.ClientException):
            log.debug("aria2c has stopped sending events", exc_info=True)
        for gid in list(self._ended):
            self._wake(gid)

    def _wake(self, gid: str) -> None:
        if event := self._ended.get(gid):
            event.set()


class _Rpc(aria2p.Client):
    """RPC client that keeps its connections and ignores the proxies of the environment."""

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
    """Provide a file in memory while the block runs, for processes of our user."""
    with os.fdopen(os.memfd_create("aria2.conf"), "wb") as stream:
        stream.write(text.encode())
        stream.flush()
        yield Path(f"/proc/{os.getpid()}/fd/{stream.fileno()}")


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except (requests.RequestException, aria2p.ClientException, ValueError, KeyError):
        raise DaemonLost from None  # the message may contain the link


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
