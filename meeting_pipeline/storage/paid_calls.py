"""The answers of paid calls, stored before they are used so that no call is paid for twice.

    answer = PaidCalls(job.folder).remember(call_key("chat", url, model, body), call)

After a kill, a database failure, or in another run, the stored answer is used. `call` stores its
answer while it still holds its slot of the service, before the next call may take it. One kill
therefore costs no more calls than there are slots, namely those in flight.
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
"""Stores an answer on disk and returns it."""

_ANSWER = re.compile(r"[0-9a-f]{64}\.json(\.part)?")
_PART = re.compile(r"[0-9a-f]{64}\.json\.part")
_log = logging.getLogger(__name__)


def call_key(kind: str, base_url: str, model: str, body: bytes, ask: int = 0) -> str:
    """Return the fingerprint of a call: the same input to the same model of the same host.

    Args:
        kind: The endpoint.
        base_url: The address of the service, of which only the host counts.
        model: The model.
        body: The request.
        ask: 0, or N for the N-th deliberate repetition of the same call.
    """
    host = urlsplit(base_url).netloc.rpartition("@")[2]
    digest = hashlib.sha256("\0".join((kind, host, model, str(ask), "")).encode())
    digest.update(body)
    return digest.hexdigest()


def _any(answer: bytes) -> bool:
    return True


class PaidCalls:
    """The stored answers of one recording's calls: `calls/<key>.json` in its folder.

    An answer that cannot be read is never kept, because the record would meet it in every later
    run. One that an older version has kept is dropped, and the call is made again.

    Args:
        folder: The folder of the recording.
        is_readable: Whether an answer of the service can be used.
    """

    def __init__(self, folder: RecordFolder, is_readable: Callable[[bytes], bool] = _any) -> None:
        self._path = folder.file("calls")
        self._is_readable = is_readable

    def remember(self, key: str, call: Callable[[Keep], bytes]) -> bytes:
        """Return the answer that is stored under a key, or make the call.

        Args:
            key: The fingerprint of the call, from `call_key`.
            call: Makes the call. It receives a function that stores the answer, calls it as soon as
                it has the answer, and returns its result.
        """
        answer = self._kept(key)
        return call(partial(self._keep, key)) if answer is None else answer

    def has(self, key: str) -> bool:
        """Return whether an answer is stored under this key."""
        return self._kept(key) is not None

    def any(self) -> bool:
        """Return whether any answer is stored."""
        return self._path.is_dir() and any(self._path.iterdir())

    def forget(self, key: str) -> None:
        """Remove an answer that cannot be used, so that a later attempt makes the call again."""
        self._file(key).unlink(missing_ok=True)

    def forget_all(self) -> None:
        """Remove all answers durably, and their folder unless it holds other files.

        Raises:
            OSError: An answer cannot be removed.
        """
        if self._path.is_symlink() or not self._path.is_dir():
            return
        for answer in self._path.iterdir():
            if _ANSWER.fullmatch(answer.name):
                answer.unlink(missing_ok=True)
        sync(self._path)
        with suppress(OSError):  # it holds other files
            self._path.rmdir()

    def tidy(self) -> None:
        """Remove the part files that a killed process has left, before new calls begin."""
        with suppress(OSError):  # such a file does no harm
            for part in self._path.glob("*.json.part"):
                if _PART.fullmatch(part.name) and part.is_file() and not part.is_symlink():
                    part.unlink()

    def _keep(self, key: str, answer: bytes) -> bytes:
        if not self._is_readable(answer):
            return answer
        make_folder(self._path)
        kept = {"sha256": _sha256(answer), "answer": answer.decode("utf-8", "surrogateescape")}
        write_durably(self._file(key), json.dumps(kept).encode())
        return answer

    def _kept(self, key: str) -> bytes | None:
        """Return the stored answer, or None if there is none or it cannot be used."""
        try:
            kept = json.loads(self._file(key).read_bytes())
            answer = kept["answer"].encode("utf-8", "surrogateescape")
            if kept["sha256"] == _sha256(answer) and self._is_readable(answer):
                return bytes(answer)
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            pass
        _log.warning("%s cannot be used; making the call again", self._file(key))
        self.forget(key)
        return None

    def _file(self, key: str) -> Path:
        return self._path / f"{key}.json"


def _sha256(answer: bytes) -> str:
    return hashlib.sha256(answer).hexdigest()
