"""A file server on loopback that is no bottleneck itself, and a line before it that may be one.

    python -m bench.downloading.file_server FOLDER [--line-mbit N] [--connection-mbit N]

Prints its port. Ranges, entity tags and keep-alive as object stores have them. The bytes go from
the page cache to the socket by sendfile.
"""

import argparse
import os
import re
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

STEP_BYTES = 1 << 16
UNLIMITED_STEP_BYTES = 1 << 22
BURST_S = 0.02
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


class Line:
    """Lets `bytes_per_s` through, in the order in which it is asked; 0 is no limit at all."""

    def __init__(self, bytes_per_s: float) -> None:
        self._bytes_per_s = bytes_per_s
        self._free_at = 0.0
        self._lock = threading.Lock()

    def take(self, count: int) -> None:
        """Wait until that many bytes may go."""
        if not self._bytes_per_s:
            return
        with self._lock:
            now = time.monotonic()
            turn = max(self._free_at, now - BURST_S)
            self._free_at = turn + count / self._bytes_per_s
        if turn > now:
            time.sleep(turn - now)


class FileServer(ThreadingHTTPServer):
    """One thread a connection; all of them share `line`."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, folder: Path, line_mbit: float = 0.0, connection_mbit: float = 0.0) -> None:
        self.folder = folder
        self.line = Line(line_mbit * 125_000)
        self.connection_bytes_per_s = connection_mbit * 125_000
        self.step_bytes = STEP_BYTES if line_mbit or connection_mbit else UNLIMITED_STEP_BYTES
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients hang up as they like; whatever else breaks, the bench misses the file."""


class _Handler(BaseHTTPRequestHandler):
    server: FileServer
    connection: socket.socket
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._own_line = Line(self.server.connection_bytes_per_s)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, with_body: bool) -> None:
        path = self.server.folder / Path(self.path.partition("?")[0]).name
        if not path.is_file():
            self.send_error(404)
            return
        size, etag = path.stat().st_size, f'"{path.name}"'
        found = _RANGE.fullmatch(self.headers.get("Range", ""))
        if found and self.headers.get("If-Range", etag) == etag:
            start, stop = int(found[1]), min(int(found[2] or size) + 1, size)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{size}")
        else:
            start, stop = 0, size
            self.send_response(200)
        self.send_header("Content-Type", "audio/mp4")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", etag)
        self.send_header("Content-Length", str(stop - start))
        self.end_headers()
        if with_body:
            self._send(path, start, stop)

    def _send(self, path: Path, start: int, stop: int) -> None:
        file = os.open(path, os.O_RDONLY)
        try:
            while start < stop:
                step = min(self.server.step_bytes, stop - start)
                self._own_line.take(step)
                self.server.line.take(step)
                step_end = start + step
                while start < step_end:
                    start += os.sendfile(self.connection.fileno(), file, start, step_end - start)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            os.close(file)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--line-mbit", type=float, default=0.0)
    parser.add_argument("--connection-mbit", type=float, default=0.0)
    said = parser.parse_args()
    server = FileServer(said.folder, said.line_mbit, said.connection_mbit)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
