"""The company behind the meeting API: people, and recordings whose state follows the clock."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

Content = bytes | Path
"""A media file: in memory or on disk."""


class RecordKind(StrEnum):
    """The kind of a row of the list; the value is its `query_record_type`."""

    CLOUD = "1"
    UPLOAD = "2"
    TRANSCRIPTION = "3"
    CLIENT_VIDEO = "4"
    CLIENT_AUDIO = "5"


@dataclass(frozen=True)
class Person:
    """A person with an account; operators and owners are named by their userid."""

    userid: str
    name: str
    is_admin: bool = False


@dataclass(frozen=True)
class Stay:
    """One visit to a meeting. The userid of a guest is empty; times are Unix seconds."""

    name: str
    joined_at: float
    left_at: float
    userid: str = ""


@dataclass(frozen=True)
class RecordFile:
    """One file of a record. Times are Unix seconds.

    Attributes:
        record_file_id: The id of the file.
        started_at: The start of the file.
        ended_at: The end of the file.
        video: The video, or None where none was produced.
        audio: The audio, or None where none was produced.
        transcript: Tencent's own transcript, or "".
        allow_download: Whether the owner allows downloads.
        record_size: The size in the list; None means the true size of the video, else of the audio.
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
        """Return the size in the list, in bytes."""
        if self.record_size is not None:
            return self.record_size
        return size_of(self.video or self.audio or b"")


@dataclass(frozen=True)
class Record:
    """One row of the list. Times are Unix seconds.

    `appears_at` is when the row enters the list, `transcoding_at` and `ready_at` are when its state
    becomes 2 and 3, `deleted_at` is when it leaves. Recurring meetings have a `sub_meeting_id`.
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
        """Return the state: 1 recording, 2 transcoding, 3 done."""
        return 1 + (now >= self.transcoding_at) + (now >= self.ready_at)

    def listed(self, now: float) -> bool:
        """Return whether the list contains the row at this moment."""
        return self.appears_at <= now and not self.gone(now)

    def gone(self, now: float) -> bool:
        """Return whether the row was deleted before this moment."""
        return self.deleted_at is not None and self.deleted_at <= now

    @property
    def ended_at(self) -> float:
        """Return the end of the last file, else the start."""
        return max((file.ended_at for file in self.files), default=self.started_at)


@dataclass(frozen=True)
class Change:
    """A change made right after the N-th list page was served, counted over all lists."""

    after_page: int
    add: tuple[Record, ...] = ()
    delete: tuple[str, ...] = ()


class Company:
    """People and records; every method may be called while the servers run.

    Lists are ordered newest first.
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
        """Delete records at the source: they leave all lists, and their addresses answer 4051."""
        with self._lock:
            self._delete(meeting_record_ids)

    def after(self, *changes: Change) -> None:
        """Plan changes between the pages of a list."""
        with self._lock:
            self._changes.extend(changes)

    def page_served(self) -> None:
        """Count a list page and make the changes planned for after it."""
        with self._lock:
            self._pages += 1
            for change in self._changes:
                if change.after_page == self._pages:
                    self._records.update((new.meeting_record_id, new) for new in change.add)
                    self._delete(change.delete)

    def records(self) -> list[Record]:
        """Return all records, also deleted ones, newest first."""
        with self._lock:
            return sorted(self._records.values(), key=lambda record: -record.started_at)

    def record(self, meeting_record_id: str) -> Record | None:
        with self._lock:
            return self._records.get(meeting_record_id)

    def is_admin(self, userid: str) -> bool:
        """Return whether this person may see the whole company."""
        return userid in self.people and self.people[userid].is_admin

    def _delete(self, meeting_record_ids: Iterable[str]) -> None:
        for key in meeting_record_ids:
            self._records[key] = replace(self._records[key], deleted_at=0.0)


def size_of(content: Content) -> int:
    """Return the length of a media file in bytes."""
    return len(content) if isinstance(content, bytes) else content.stat().st_size
