"""Answers of services that cost something: on disk before they are used, never asked for twice.

    answer = PaidCalls(job.folder).remember(call_key("chat", url, model, body), ask)

A kill at any instant, a failing database or another run finds the answer and uses it. `ask` hands
its answer over while it still has its place at the service, before the next call may take it: so
one kill costs no more calls than there are places, those on their way.
"""

import hashlib
import json
import logging
import re
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

from meeting_pipeline.storage.files import RecordFolder, make_folder, sync, write_durably

Keep: TypeAlias = Callable[[bytes], bytes]
"""Takes an answer, has it on disk and returns it."""

_ANSWER = re.compile(r"[0-9a-f]{64}\.json(\.part)?")
_PART = re.compile(r"[0-9a-f]{64}\.json\.part")
_log = logging.getLogger(__name__)


def call_key(kind: str, base_url: str, model: str, body: bytes, ask: int = 0) -> str:
    """The fingerprint of a call: the same input to the same model of the same host.

    kind: which endpoint. ask: 0, or the how-manieth deliberate repetition of the same call.
    """
    host = urlsplit(base_url).netloc.rpartition("@")[2]
    digest = hashlib.sha256("\0".join((kind, host, model, str(ask), "")).encode())
    digest.update(body)
    return digest.hexdigest()


class PaidCalls:
    """The answers of one recording's calls, `calls/<key>.json` in its folder."""

    def __init__(self, folder: RecordFolder) -> None:
        self._path = folder.file("calls")

    def remember(self, key: str, call: Callable[[Keep], bytes]) -> bytes:
        """The answer kept under this key, else what `call` answers.

        Args:
            key: of `call_key`.
            call: returns its answer as `Keep` did, to which it gave it as soon as it was there.
        """
        answer = self._kept(key)
        return call(partial(self._keep, key)) if answer is None else answer

    def has(self, key: str) -> bool:
        """Whether an answer is kept under this key."""
        return self._kept(key) is not None

    def any(self) -> bool:
        """Whether any answer is kept."""
        return self._path.is_dir() and any(self._path.iterdir())

    def forget(self, key: str) -> None:
        """Remove an answer of no use, so that a later attempt asks anew."""
        self._file(key).unlink(missing_ok=True)

    def forget_all(self) -> None:
        """Remove every answer for good, and the folder with them; what is not ours stays.

        Raises OSError.
        """
        if self._path.is_symlink() or not self._path.is_dir():
            return
        for answer in self._path.iterdir():
            if _ANSWER.fullmatch(answer.name):
                answer.unlink(missing_ok=True)
        sync(self._path)
        with suppress(OSError):  # something else is in it
            self._path.rmdir()

    def tidy(self) -> None:
        """Remove what a killed process has left half-written, before anybody else begins here."""
        with suppress(OSError):  # it does no harm
            for part in self._path.glob("*.json.part"):
                if _PART.fullmatch(part.name) and part.is_file() and not part.is_symlink():
                    part.unlink()

    def _keep(self, key: str, answer: bytes) -> bytes:
        make_folder(self._path)
        kept = {"sha256": _sha256(answer), "answer": answer.decode("utf-8", "surrogateescape")}
        write_durably(self._file(key), json.dumps(kept).encode())
        return answer

    def _kept(self, key: str) -> bytes | None:
        """The answer, or None where there is none or the disk has altered it."""
        try:
            kept = json.loads(self._file(key).read_bytes())
            answer = kept["answer"].encode("utf-8", "surrogateescape")
            if kept["sha256"] == _sha256(answer):
                return bytes(answer)
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, AttributeError):
            pass
        _log.warning("%s is damaged; the call is made again", self._file(key))
        return None

    def _file(self, key: str) -> Path:
        return self._path / f"{key}.json"


def _sha256(answer: bytes) -> str:
    return hashlib.sha256(answer).hexdigest()
