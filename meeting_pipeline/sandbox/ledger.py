"""The record of all requests: violations of rules, refusals for their rate, and paid calls."""

import hashlib
import threading
from collections import Counter
from dataclasses import dataclass

from .wire import Json


@dataclass(frozen=True)
class Violation:
    """A rule of the contract that a request broke; rule is a stable snake_case word."""

    rule: str
    endpoint: str
    detail: str = ""


class Ledger:
    """The record of all requests, for assertions. Read the attributes when no client is active.

    Attributes:
        calls: Requests per endpoint.
        errors: Refusals per "endpoint code".
        rate_refusals: Refusals for the rate, per endpoint.
        sizes: The bytes of each media file.
        served: The bytes of each media file that were sent, with those in flight when a client
            disconnected; on loopback these are many unless Kind.THROTTLE slows the transfer.
        uploads: Answered transcriptions per content hash.
        upload_seconds: The duration per content hash.
        bursts: How often burst k of tone recording n was transcribed, by (n, k).
        chats: Answered chat calls per hash of model and messages.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.violations: list[Violation] = []
        self.calls: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.rate_refusals: Counter[str] = Counter()
        self.sizes: dict[str, int] = {}
        self.served: Counter[str] = Counter()
        self.uploads: Counter[str] = Counter()
        self.upload_seconds: dict[str, float] = {}
        self.bursts: Counter[tuple[int, int]] = Counter()
        self.chats: Counter[str] = Counter()

    def call(self, endpoint: str) -> None:
        with self._lock:
            self.calls[endpoint] += 1

    def violation(self, rule: str, endpoint: str, detail: str = "") -> None:
        with self._lock:
            self.violations.append(Violation(rule, endpoint, detail))

    def error(self, endpoint: str, code: str) -> None:
        with self._lock:
            self.errors[f"{endpoint} {code}"] += 1

    def rate_refusal(self, endpoint: str) -> None:
        with self._lock:
            self.rate_refusals[endpoint] += 1

    def sent(self, file: str, size: int, sent: int) -> None:
        """Count bytes of a media file that went out; size is the whole file's."""
        with self._lock:
            self.sizes[file] = size
            self.served[file] += sent

    def transcribed(self, upload: bytes, seconds: float, bursts: list[tuple[int, int]]) -> None:
        """Count a transcription that was answered, and so billed."""
        key = hashlib.sha256(upload).hexdigest()
        with self._lock:
            self.uploads[key] += 1
            self.upload_seconds[key] = seconds
            self.bursts.update(bursts)

    def chatted(self, paid_for: bytes) -> None:
        """Count a chat call that was answered, and so billed."""
        with self._lock:
            self.chats[hashlib.sha256(paid_for).hexdigest()] += 1

    def rules_broken(self) -> Counter[str]:
        """Return how often each rule was broken."""
        return Counter(violation.rule for violation in self.violations)

    def times_fetched(self) -> dict[str, float]:
        """Return how many times each media file was sent; 1.0 is once."""
        return {file: self.served[file] / size for file, size in self.sizes.items() if size}

    def report(self) -> Json:
        """Return the ledger as a JSON value, for a person."""
        return {
            "calls": dict(self.calls),
            "errors": dict(self.errors),
            "violations": dict(self.rules_broken()),
            "rate_refusals": dict(self.rate_refusals),
            "media_files": len(self.sizes),
            "media_bytes": sum(self.served.values()),
            "audio_seconds": sum(self.upload_seconds[key] * n for key, n in self.uploads.items()),
            "chat_calls": sum(self.chats.values()),
        }
