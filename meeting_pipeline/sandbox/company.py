"""The company behind the meeting API: people and recordings, moving with the clock."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

Content = bytes | Path
"""A media file: in memory or on disk."""


class RecordKind(StrEnum):
    """What a row of the list is; the value is `query_record_type` that asks for it."""

    CLOUD = "1"
    UPLOAD = "2"
    TRANSCRIPTION = "3"
    CLIENT_VIDEO = "4"
    CLIENT_AUDIO = "5"


@dataclass(frozen=True)
class Person:
    """Somebody with an account; userid is what operators and owners are called."""

    userid: str
    name: str
    is_admin: bool = False


@dataclass(frozen=True)
class Stay:
    """One visit to a meeting. userid is "" for a guest; times are Unix seconds."""

    name: str
    joined_at: float
    left_at: float
    userid: str = ""


@dataclass(frozen=True)
class RecordFile:
    """One file of a record. Times are Unix seconds.

    video, audio: the media, None where it was not produced. transcript: Tencent's own text, or "".
    record_size: what the list says; None means the true size of the video, else of the audio.
    """

    record_file_id: str
    started_at: float
    ended_at: float
    video: Content | None = None
    audio: Content | None = None
    transcript: str = ""
    allow_download: bool = True
    record_size: int | None = None

    @property
    def size(self) -> int:
        """What the list says, in bytes."""
        if self.record_size is not None:
            return self.record_size
        return size_of(self.video or self.audio or b"")


@dataclass(frozen=True)
class Record:
    """One row of the list. Times are Unix seconds.

    appears_at: before it the row is not listed. transcoding_at, ready_at: when the state becomes
    2 and 3. deleted_at: from then on it is gone. sub_meeting_id: set for recurring meetings.
    """

    meeting_record_id: str
    meeting_id: str
    meeting_code: str
    owner: str
    subject: str
    started_at: float
    files: tuple[RecordFile, ...] = ()
    kind: RecordKind = RecordKind.CLOUD
    sub_meeting_id: str = ""
    stays: tuple[Stay, ...] = ()
    appears_at: float = 0.0
    transcoding_at: float = 0.0
    ready_at: float = 0.0
    deleted_at: float | None = None

    def state(self, now: float) -> int:
        """1 recording, 2 transcoding, 3 done."""
        return 1 + (now >= self.transcoding_at) + (now >= self.ready_at)

    def listed(self, now: float) -> bool:
        """Whether the list shows it at this moment."""
        return self.appears_at <= now and not self.gone(now)

    def gone(self, now: float) -> bool:
        """Whether it was deleted by this moment."""
        return self.deleted_at is not None and self.deleted_at <= now

    @property
    def ended_at(self) -> float:
        """The end of its last file, else its start."""
        return max((file.ended_at for file in self.files), default=self.started_at)


@dataclass(frozen=True)
class Change:
    """What happens right after the n-th list page was served, counted over all lists."""

    after_page: int
    add: tuple[Record, ...] = ()
    delete: tuple[str, ...] = ()


class Company:
    """People and records; every method may be called while the servers run.

    records: newest first is the order of every list. changes: see `Change`.
    """

    def __init__(
        self,
        people: Iterable[Person],
        records: Iterable[Record] = (),
        changes: Iterable[Change] = (),
    ) -> None:
        self._lock = threading.Lock()
        self.people = {person.userid: person for person in people}
        self._records = {record.meeting_record_id: record for record in records}
        self._changes = list(changes)
        self._pages = 0

    def add(self, *records: Record) -> None:
        """Add records, or replace those with the same id."""
        with self._lock:
            self._records.update((record.meeting_record_id, record) for record in records)

    def delete(self, *meeting_record_ids: str) -> None:
        """Delete records at the source: no list shows them, their addresses answer 4051."""
        with self._lock:
            self._delete(meeting_record_ids)

    def after(self, *changes: Change) -> None:
        """Plan changes between the pages of a list."""
        with self._lock:
            self._changes.extend(changes)

    def page_served(self) -> None:
        """Count a list page and make the changes that were planned after it."""
        with self._lock:
            self._pages += 1
            for change in self._changes:
                if change.after_page == self._pages:
                    self._records.update((new.meeting_record_id, new) for new in change.add)
                    self._delete(change.delete)

    def records(self) -> list[Record]:
        """Every record there ever was, newest first."""
        with self._lock:
            return sorted(self._records.values(), key=lambda record: -record.started_at)

    def record(self, meeting_record_id: str) -> Record | None:
        with self._lock:
            return self._records.get(meeting_record_id)

    def is_admin(self, userid: str) -> bool:
        """Whether this person may see the whole company."""
        return userid in self.people and self.people[userid].is_admin

    def _delete(self, meeting_record_ids: Iterable[str]) -> None:
        for key in meeting_record_ids:
            self._records[key] = replace(self._records[key], deleted_at=0.0)


def size_of(content: Content) -> int:
    """The length in bytes."""
    return len(content) if isinstance(content, bytes) else content.stat().st_size
