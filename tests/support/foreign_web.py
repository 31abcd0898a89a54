"""Web servers that others wrote, for media and in front of services: Apache, BusyBox, Python."""

import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    retry_if_result,
    stop_after_delay,
    wait_fixed,
)

from meeting_pipeline.sandbox.openai_api import Keys
from tests.support.certificates import self_signed
from tests.support.foreign_programs import listening
from tests.support.system_programs import require_program

SLOW, DATED = "/slow", "/dated"
"""What goes before a path at Apache: 24 MB a second for a connection; no ETag, but a date."""

_MODULES = (
    *("mpm_event", "authz_core", "authz_host", "alias", "env", "mime", "setenvif"),
    *("proxy", "proxy_http", "ratelimit", "ssl", "socache_shmcb", "status"),
)
_CONFIG = """
ServerRoot {folder}
DefaultRuntimeDir {folder}
PidFile {folder}/pid
ServerName localhost
User nobody
Group nogroup
{modules}
Listen 127.0.0.1:{port}
TypesConfig /dev/null
AddType audio/mp4 .m4a
AddType video/mp4 .mp4
ErrorLog {folder}/log
LogFormat "%m %U %>s" calls
CustomLog {folder}/calls calls
SSLEngine on
SSLCertificateFile {certificate}
DocumentRoot {folder}/media
Alias {slow} {folder}/media
Alias {dated} {folder}/media
<Location />
  Require all denied
</Location>
<LocationMatch "^({slow}|{dated})?/cos/">
  Require expr "%{{QUERY_STRING}} =~ /^token=[\\w-]{{40,}}$/ && -z %{{HTTP:Authorization}}"
</LocationMatch>
<Location {slow}>
  SetOutputFilter RATE_LIMIT
  SetEnv rate-limit 24000
</Location>
<Location {dated}>
  FileETag None
</Location>
<Location /v1/audio>
  Require expr "%{{HTTP:Authorization}} == 'Bearer {keys.asr}'"
  ProxyPass http://127.0.0.1:{speech}/v1/audio
</Location>
<Location /v1/chat>
  Require expr "%{{HTTP:Authorization}} == 'Bearer {keys.chat}'"
  ProxyPass http://127.0.0.1:{chat}/v1/chat
</Location>
<Location /server-status>
  SetHandler server-status
  Require local
</Location>
"""
_PAID = frozenset(f"POST /v1/{name} 200" for name in ("audio/transcriptions", "chat/completions"))
_IDLE_WITHIN_S = 60
_READY_WITHIN_S = 20


@dataclass(frozen=True)
class WebServer:
    """One that serves the files below `media`. url: without a slash at its end."""

    url: str
    media: Path


@dataclass(frozen=True)
class Apache(WebServer):
    """With TLS, signed links and keys. ca: whom to trust. calls: its log of requests."""

    ca: Path
    calls: Path

    def paid(self) -> int:
        """How many transcriptions and chats were answered, by its log, once it does nothing."""
        Retrying(
            retry=retry_if_result(lambda busy: busy > 1),  # one of them tells us
            wait=wait_fixed(0.01),
            stop=stop_after_delay(_IDLE_WITHIN_S),
        )(self._busy)
        return sum(line in _PAID for line in self._lines())

    def parts_given(self) -> int:
        """How many ranges of media were asked for and given so far."""
        return sum(line.endswith(" 206") for line in self._lines())

    def wait_until_ready(self, log: Path) -> None:
        """It takes its port before it has read all of its settings."""

        def failed(state: RetryCallState) -> None:
            raise RuntimeError(f"Apache did not start: {log.read_text('utf-8')[-2000:]}")

        Retrying(
            retry=retry_if_exception_type(requests.ConnectionError),
            wait=wait_fixed(0.02),
            stop=stop_after_delay(_READY_WITHIN_S),
            retry_error_callback=failed,
        )(self._busy)

    def _lines(self) -> list[str]:
        return self.calls.read_text("utf-8").splitlines()

    def _busy(self) -> int:
        answer = requests.get(f"{self.url}/server-status?auto", verify=str(self.ca), timeout=10)
        answer.raise_for_status()
        lines = dict(line.split(": ", 1) for line in answer.text.splitlines() if ": " in line)
        return int(lines["BusyWorkers"])


@contextmanager
def apache(speech: int, chat: int) -> Iterator[Apache]:
    """An Apache that serves media, and is in front of two services on these ports of loopback."""
    with _served_folder() as folder:
        certificate = self_signed(folder, "localhost")
        ca = folder / "ca.pem"
        ca.write_text(_public_part(certificate.read_text("ascii")), "ascii")
        facts = {"folder": folder, "certificate": certificate, "keys": Keys()}
        ports = {"speech": speech, "chat": chat}

        def command(port: int) -> Sequence[str]:
            modules = "\n".join(
                f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so"
                for name in _MODULES
            )
            text = _CONFIG.format(
                port=port, modules=modules, slow=SLOW, dated=DATED, **facts, **ports
            )
            (folder / "config").write_text(text, "utf-8")
            apache2 = require_program("apache2", "apache2-bin")
            return [apache2, "-D", "FOREGROUND", "-f", str(folder / "config")]

        with listening(command, folder / "log") as port:
            server = Apache(f"https://localhost:{port}", folder / "media", ca, folder / "calls")
            server.wait_until_ready(folder / "log")
            yield server


@contextmanager
def busybox() -> Iterator[WebServer]:
    """BusyBox's: gives ranges whatever If-Range says, has tags, hangs up after each answer."""
    with _served_folder() as folder:
        root = str(folder / "media")
        command = (require_program("busybox", "busybox"), "httpd", "-f", "-h", root)
        with listening(lambda port: [*command, "-p", f"127.0.0.1:{port}"], folder / "log") as port:
            yield WebServer(f"http://127.0.0.1:{port}", folder / "media")


@contextmanager
def python_web() -> Iterator[WebServer]:
    """The one of Python's standard library: no ranges, no tags, HTTP/1.0."""
    with _served_folder() as folder:
        root = str(folder / "media")
        command = (sys.executable, "-P", "-m", "http.server", "--bind", "127.0.0.1", "-d", root)
        with listening(lambda port: [*command, str(port)], folder / "log") as port:
            yield WebServer(f"http://127.0.0.1:{port}", folder / "media")


@contextmanager
def _served_folder() -> Iterator[Path]:
    """A folder with `media` in it, which a server that gives up being root can read."""
    folder = Path(tempfile.mkdtemp(prefix="web", dir="/tmp"))
    try:
        folder.chmod(0o755)
        (folder / "media").mkdir(mode=0o755)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def put(content: Path, path: Path) -> None:
    """A copy of the file, with its time, for a server to serve."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(content, path)
    path.chmod(0o644)


def _public_part(pem: str) -> str:
    return pem[pem.index("-----BEGIN CERTIFICATE-----") :]
