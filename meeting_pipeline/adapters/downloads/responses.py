"""Answers of media hosts: a body to read, or one of our errors."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic

import requests
from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

from meeting_pipeline.adapters.downloads.part_file import RemoteFile
from meeting_pipeline.adapters.http.attempts import Attempt
from meeting_pipeline.errors import LinkExpired, RecordError, RetryableError

_BLOCK_BYTES = 1 << 18
_SLOWEST_BYTES_PER_S = 512
_NO_MEDIA = re.compile(r"text/(html|xml)|application/(json|xml|xhtml\+xml)", re.IGNORECASE)
_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+)", re.ASCII)
_EXPIRED = (401, 403, 404, 410)
_LATER = (408, 425, 429)
_WHOLE, _PARTIAL, _OUT_OF_RANGE, _SERVER_ERROR = 200, 206, 416, 500


@dataclass(frozen=True)
class Answer:
    """An answer with status 200, 206 or 416.

    Attributes:
        url: The link after all redirects.
        status: The HTTP status.
        remote: The identity of the object.
        start: The offset of the body in the file, or None where a 206 does not say.
    """

    url: str
    status: int
    remote: RemoteFile
    start: int | None
    _response: requests.Response
    _attempt: Attempt
    _stall_s: float

    @property
    def is_partial(self) -> bool:
        """Whether the body is a byte range (206)."""
        return self.status == _PARTIAL

    @property
    def is_out_of_range(self) -> bool:
        """Whether the object has no byte in the requested range (416)."""
        return self.status == _OUT_OF_RANGE

    @classmethod
    def of(cls, response: requests.Response, attempt: Attempt, stall_s: float) -> "Answer":
        """Make an answer of a response.

        Args:
            response: The response, with its body still to be read.
            attempt: The attempt that it belongs to.
            stall_s: Seconds in which hardly any byte comes, after which reading fails.

        Raises:
            MeetingError: The meaning of a refusal; 200, 206 and 416 are not refused.
        """
        _refuse(response)
        headers, status = response.headers, response.status_code
        found = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", ""))
        start = int(found[1]) if found and found[1] else None
        total = int(found[2]) if found else None
        if status == _WHOLE:
            start, total = 0, response.raw.length_remaining
        remote = RemoteFile(total, headers.get("ETag"), headers.get("Last-Modified"))
        return cls(response.url, status, remote, start, response, attempt, stall_s)

    def blocks(self) -> Iterator[bytes]:
        """Yield the body as it arrives.

        Raises:
            RetryableError: "download_stalled": hardly any byte comes.
            IncompleteRead: The body is shorter than promised; `MediaClient.get` translates it.
        """
        stall = StallDetector(self._stall_s)
        while block := self._next_block():
            yield block
            stall.count(len(block))

    def _next_block(self) -> bytes:
        """Read a block; only the host is timed, not the use of the blocks."""
        with self._attempt.within(self._stall_s):
            block: bytes = self._response.raw.read1(_BLOCK_BYTES, decode_content=False)
            return block


class StallDetector:
    """Detector of downloads of which hardly any byte comes.

    Args:
        stall_s: Seconds over which bytes are counted.
    """

    def __init__(self, stall_s: float) -> None:
        self._stall_s = stall_s
        self._since, self._received = monotonic(), 0

    def count(self, received: int) -> None:
        """Count bytes.

        Raises:
            RetryableError: "download_stalled": too few came in the last `stall_s` seconds.
        """
        self._received += received
        if monotonic() > self._since + self._stall_s:
            if self._received < _SLOWEST_BYTES_PER_S * self._stall_s:
                raise stalled(f"only {self._received} bytes", self._stall_s)
            self._since, self._received = monotonic(), 0


def stalled(amount: str, seconds: float) -> RetryableError:
    """Return the error for a host that sent only that amount in that many seconds."""
    return RetryableError("download_stalled", f"the media host sent {amount} in {seconds:g} s")


def _refuse(response: requests.Response) -> None:
    status = response.status_code
    if status == _OUT_OF_RANGE:
        return
    if status in (_WHOLE, _PARTIAL):
        kind = response.headers.get("Content-Type", "")
        encoding = response.headers.get("Content-Encoding", "identity")
        # BusyBox gives every byte range the type of a page
        is_page = status == _WHOLE and _NO_MEDIA.match(kind)
        if is_page or encoding != "identity":
            raise RecordError(
                "not_media", f"the media host sent {kind} ({encoding}), which is not media"
            )
    elif status in _EXPIRED:
        raise LinkExpired("link_expired", f"the media host refuses the link ({status})")
    elif status in _LATER or status >= _SERVER_ERROR:
        raise RetryableError(
            "media_host_busy", f"the media host answers {status}", retry_after_s=_wait(response)
        )
    else:
        raise RecordError("download_refused", f"the media host answers {status}")


def _wait(response: requests.Response) -> float | None:
    """Return the seconds of Retry-After (a number or a date), or None without a valid one."""
    try:
        return Retry().get_retry_after(response.raw)
    except InvalidHeader:
        return None
