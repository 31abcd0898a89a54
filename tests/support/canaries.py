"""Twelve secrets that every fault night is given, and who looks for them where none belongs.

Ten have one value in every night; each signed link has a token of its own, and so has every aria2c.
"""

import os
import re
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from meeting_pipeline.sandbox.openai_api import Keys
from meeting_pipeline.sandbox.tencent_gate import EXAMPLE
from tests.support.processes import command_line, family

DB_PASS = "canary-DB-pass-7311"
_NOTIFY_PASS, _NOTIFY_PATH = "canarynotifypass7315", "canarynotifypath7316"
_PROXY_PASS, _FTP_PASS = "canary-proxy-pass-7317", "canary-ftp-proxy-7318"
_FOREIGN = "canary-somebody-elses-7319"

ENVIRONMENT = MappingProxyType(
    {
        "DB_PASS": DB_PASS,
        "NOTIFY_URLS": f"json://me:{_NOTIFY_PASS}@127.0.0.1:9/{_NOTIFY_PATH}",
        "HTTPS_PROXY": f"http://me:{_PROXY_PASS}@127.0.0.1:9",
        "FTP_PROXY": f"http://me:{_FTP_PASS}@127.0.0.1:9",
        "FOREIGN_API_TOKEN": _FOREIGN,
    }
)
"""What a night is given beside the sandbox's keys."""

VALUES: Mapping[str, str] = MappingProxyType(
    {
        "TQM_SECRET_ID": EXAMPLE.secret_id,
        "TQM_SECRET_KEY": EXAMPLE.secret_key,
        "ASR_API_KEY": Keys().asr,
        "KIMI_API_KEY": Keys().chat,
        "DB_PASS": DB_PASS,
        "the password of NOTIFY_URLS": _NOTIFY_PASS,
        "the token of NOTIFY_URLS": _NOTIFY_PATH,
        "the password of HTTPS_PROXY": _PROXY_PASS,
        "the password of FTP_PROXY": _FTP_PASS,
        "FOREIGN_API_TOKEN": _FOREIGN,
    }
)
_PATTERNS = MappingProxyType(
    {
        "a signed link": re.compile(rb"token=[\w-]{20,}"),
        "aria2's password": re.compile(rb"(?:rpc-secret|all-proxy-passwd)=\w"),
    }
)
KINDS = (*VALUES, *_PATTERNS)
_BELONG_IN = (".env",)
_EVERY_S = 0.01


def found_in(content: bytes) -> list[str]:
    """Which of KINDS are in there."""
    fixed = [name for name, value in VALUES.items() if value.encode() in content]
    return fixed + [name for name, pattern in _PATTERNS.items() if pattern.search(content)]


def found_in_files(folder: Path) -> Iterator[str]:
    """ "KIND in PATH" for every file below; a settings file may have them."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and path.name not in _BELONG_IN:
            for kind in found_in(path.read_bytes()):
                yield f"{kind} in {path.relative_to(folder)}"


class CommandLines:
    """Reads, while the block runs, what the list of processes shows of all our children."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="command-lines", daemon=True)

    def __enter__(self) -> "CommandLines":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def found(self) -> Iterator[str]:
        """ "KIND in the command line of PROGRAM"."""
        for line in sorted(self.seen):
            for kind in found_in(line.encode()):
                yield f"{kind} in the command line of {line.split(' ')[0]}"

    def _watch(self) -> None:
        while not self._over.wait(_EVERY_S):
            self.seen |= {command_line(pid) for pid in family(os.getpid())}
