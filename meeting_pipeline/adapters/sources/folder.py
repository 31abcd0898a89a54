"""The source of recordings that are files in a folder.

A recording is identified by its content: the sha256 of the file is the record id, so a renamed or
copied file is the same recording. Its start is taken from the first of these that has a credible
time: the sidecar (see `sidecar`), the file name or the name of its folder (see `filename_dates`),
the container, the modification time. A time in the future is not credible. If the modification time
is in the future or before 1970, too, the recording starts when its file was first seen.

An error with one file affects only what is known about that file, and no other file.
"""

import logging
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from zoneinfo import ZoneInfo

from meeting_pipeline.adapters.sources.file_facts import FileFacts
from meeting_pipeline.adapters.sources.filename_dates import (
    ambiguous_date_in,
    date_in_name,
    meeting_code_in_name,
)
from meeting_pipeline.adapters.sources.folder_examination import (
    NOTHING_THERE,
    examine,
    gaps,
    suspicious_emptiness,
)
from meeting_pipeline.adapters.sources.folder_files import (
    FolderContents,
    MediaFile,
    media_files,
    read_small,
)
from meeting_pipeline.adapters.sources.folder_names import printable, subject_of
from meeting_pipeline.adapters.sources.left_out import LeftOut, Reason
from meeting_pipeline.adapters.sources.renditions import one_a_meeting
from meeting_pipeline.adapters.sources.sidecar import SIDECAR_BYTES, Sidecar, read_sidecar
from meeting_pipeline.domain.checks import Check
from meeting_pipeline.domain.model import Participant, RecordKey, RecordMeta
from meeting_pipeline.domain.window import Window
from meeting_pipeline.errors import ConfigError, MeetingError, RetryableError
from meeting_pipeline.ports.media import Listen, Probe
from meeting_pipeline.ports.sources import MediaLink

_EARLIEST_YEAR = 2000
_A_MOMENT = timedelta(minutes=1)  # a window that ends now was made less than this long ago
_AMBIGUOUS = (
    "名称中的日期有歧义 the date in its name, {}, is ambiguous (month or day first?): "
    "write it as 2026-01-05"
)

_log = logging.getLogger(__name__)


class FolderSource:
    """A RecordingSource for a folder and all folders below it.

    Attributes:
        oldest_waiting: Always None: a file that waits here is listed later whatever its date.
    """

    name = "folder"

    def __init__(
        self,
        folder: Path,
        *,
        settle_s: float,
        zone: ZoneInfo,
        index_file: Path,
        probe: Probe,
        listen: Listen,
        now: Callable[[], datetime],
    ) -> None:
        """Create the source.

        Args:
            folder: The folder.
            settle_s: A file is still being written if its modification time is within this many
                seconds of now; also after now, because the clock of a file server may be ahead.
            zone: The time zone of file names and sidecars without an offset.
            index_file: Stores hashes between runs; its folder is not searched.
            probe: Inspects a media file; if it raises, the recording has no duration.
            listen: Measures the sound of a media file, to find the files of one meeting.
            now: Returns the current time, aware.
        """
        self.oldest_waiting: datetime | None = None
        self._folder = folder.absolute()
        self._settle_s = settle_s
        self._zone = zone
        self._own_folder = index_file.absolute().parent
        self._facts = FileFacts(index_file, probe, listen)
        self._now = now
        self._files: list[MediaFile] = []
        self._left_out = LeftOut()
        self._is_bare = False
        self._locating = threading.Lock()

    @property
    def waiting(self) -> int:
        """Return how many files the last listing saw that it could not list yet."""
        return self._left_out.waiting

    @property
    def notes(self) -> tuple[str, ...]:
        """What the last listing left out, a sentence for each reason, for people."""
        nothing = (NOTHING_THERE,) if self._is_bare else ()
        return (*nothing, *self._left_out.sentences())

    @property
    def left_out(self) -> Mapping[str, int]:
        """Return how many files and folders the last listing left out, by reason."""
        return self._left_out.counts()

    def list_records(self, window: Window) -> Iterator[RecordMeta]:
        """Yield the recordings of a window; see `RecordingSource.list_records`.

        What is left out is counted in `left_out` and told in `notes`; files that are still being
        written are counted in `waiting`, too.

        Args:
            window: The time to list.

        Raises:
            ConfigError: The folder cannot be listed ("no_folder").
            RetryableError: There is nothing where there were recordings before ("folder_empty"): a
                disk that is not mounted looks like this, and so does an empty mount point. At the
                end of the listing: files or folders cannot be read ("folder_unreadable").
        """
        self._is_bare = False
        try:
            found = self._look()
        except OSError as error:
            raise ConfigError(
                "no_folder",
                f"cannot list the folder {self._folder}: {error.strerror}",
                hint="set MEETING_FOLDER to a folder that exists and may be read",
            ) from error
        self._files, self._left_out = found.files, found.left_out
        if why := suspicious_emptiness(self._folder, found, had_files=not self._facts.is_empty):
            raise why
        if not found.files and Reason.UNREADABLE not in self.left_out:
            self._is_bare = True
            _log.warning("%s: %s", self._folder, NOTHING_THERE)
        if links := self.left_out.get(Reason.LINK):
            _log.info("%d symbolic links ignored in %s", links, self._folder)
        self._facts.begin(self._files)
        return self._listed(window)

    def participants(self, meta: RecordMeta) -> tuple[Participant, ...] | None:
        return meta.participants

    def locate(self, meta: RecordMeta) -> MediaLink:
        """Return a link to the file of a recording; see `RecordingSource.locate`.

        Args:
            meta: The recording.

        Raises:
            RetryableError: The file is not in the folder ("file_missing").
        """
        with self._locating:
            found = self._find(meta, self._files) or self._search_again(meta)
        if found is None:
            raise RetryableError(
                "file_missing",
                f"the file of recording {meta.key} is not in {self._folder}",
                hint="put it back, under any name",
            )
        return MediaLink(
            found.path.as_uri(), found.suffix, found.size_bytes, sha256=meta.key.record_id
        )

    def file_name(self, meta: RecordMeta) -> str | None:
        """Return the name of a recording's file below the folder; nothing is read for it.

        Args:
            meta: The recording.
        """
        key = meta.key.record_id
        known = (file.name for file in self._files if self._facts.known_sha256(file) == key)
        return next((printable(name) for name in known), None)

    def examine(self) -> list[Check]:
        return examine(self._folder, self._look, had_files=not self._facts.is_empty)

    def _look(self) -> FolderContents:
        return media_files(self._folder, {self._own_folder})

    def _listed(self, window: Window) -> Iterator[RecordMeta]:
        listed: set[str | None] = set()
        copies: set[MediaFile] = set()
        try:
            candidates, seconds = self._candidates(window)
            described = [file for file, _ in candidates if file.sidecar]
            for file, notes in candidates:
                sha256 = self._sha256(file)
                if sha256 and self._is_second(file, sha256, seconds, copies):
                    copies.add(file)
                    continue
                if sha256 and not file.sidecar and self._has_copy(file, sha256, described):
                    continue  # of copies, the one with a sidecar tells more
                if sha256 and sha256 not in listed and window.contains(notes.start_ts):
                    self._facts.note_second(file, is_second=False)
                    yield self._meta(file, sha256, notes)
                listed.add(sha256)
        finally:
            self._facts.save()
        if unreadable := self.left_out.get(Reason.UNREADABLE):
            raise gaps(self._folder, unreadable)

    def _has_copy(self, file: MediaFile, sha256: str, among: Sequence[MediaFile]) -> bool:
        alike = (one for one in among if one.size_bytes == file.size_bytes)
        return any(self._sha256(one) == sha256 for one in alike)

    def _is_second(
        self,
        file: MediaFile,
        sha256: str,
        seconds: Mapping[MediaFile, MediaFile],
        copies: Collection[MediaFile],
    ) -> bool:
        """Return whether a file is a copy of the second file of a meeting that is listed."""
        return any(
            second.size_bytes == file.size_bytes
            and instead not in copies
            and self._sha256(second) == sha256
            and self._sha256(instead) != sha256
            for second, instead in seconds.items()
        )

    def _candidates(
        self, window: Window
    ) -> tuple[list[tuple[MediaFile, Sidecar]], Mapping[MediaFile, MediaFile]]:
        """Return what may be listed: the finished files of the window, and copies of them.

        Returns:
            The files, with what is known about them, and the second files of their meetings (see
            `Meetings.others`), whose copies are not listed either.
        """
        unfinished = {file.name for file in self._files if not self._is_finished(file)}
        if unfinished:
            names = ", ".join(repr(name) for name in sorted(unfinished))
            _log.info("left for the next run, still being written: %s", names)
        settled = [file for file in self._files if file.name not in unfinished]
        meetings = one_a_meeting(settled, self._facts)
        for file in meetings.others:
            self._facts.note_second(file, is_second=True)
            self._left_out.add(Reason.SECOND_FILE, str(file.path))
        finished = [(file, self._notes(file)) for file in meetings.files]
        sizes = {file.size_bytes for file, notes in finished if window.contains(notes.start_ts)}
        return [
            (file, notes) for file, notes in finished if file.size_bytes in sizes
        ], meetings.others

    def _is_finished(self, file: MediaFile) -> bool:
        age_s = self._now().timestamp() - file.mtime_ns / 1e9
        if file.is_coming:
            self._left_out.add(Reason.DOWNLOADING, str(file.path))
        elif abs(age_s) < self._settle_s:
            self._left_out.add(Reason.JUST_CHANGED, str(file.path))
        else:
            return True
        return False

    def _notes(self, file: MediaFile) -> Sidecar:
        """Return what is known about a recording without its hash, at least its start."""
        try:
            return self._read_notes(file)
        except MeetingError:  # not caused by the file
            raise
        except Exception:  # noqa: BLE001 - a bug, and its traceback is in the log
            _log.exception("%r: unexpected error; listing it by its file time alone", file.name)
            return Sidecar(self._written(file))

    def _read_notes(self, file: MediaFile) -> Sidecar:
        doubts: list[str] = []
        notes = self._with_sidecar(file, lambda: self._start(file, doubts))
        return replace(notes, problems=(*doubts, *notes.problems))

    def _with_sidecar(self, file: MediaFile, start: Callable[[], datetime]) -> Sidecar:
        if file.sidecar is None:
            return Sidecar(start())
        try:
            content = read_small(file.sidecar, SIDECAR_BYTES)
        except OSError as error:
            notes = Sidecar(start(), problems=(f"cannot be read: {error.strerror}",))
        else:
            notes = read_sidecar(content, self._zone, self._now(), start)
        for problem in notes.problems:
            _log.warning("sidecar %r of %r: %s", file.sidecar.name, file.name, problem)
        name = printable(file.sidecar.name)
        return replace(notes, problems=tuple(f"{name}: {one}" for one in notes.problems))

    def _start(self, file: MediaFile, doubts: list[str]) -> datetime:
        """Return when the recording began, by the file itself; never after now.

        Args:
            file: The file.
            doubts: Gets a note if no name has a date that is certain, but one that is ambiguous.
        """
        now, names = self._now(), list(_names_of(file))
        written = min(file.modified or now, now)
        for name in names:
            if named := date_in_name(name, self._zone, now, written):
                return named
        ambiguous = (ambiguous_date_in(name, self._zone, now) for name in names)
        if doubt := next(filter(None, ambiguous), None):
            _log.warning("%r: the date %s is ambiguous", file.name, doubt)
            doubts.append(_AMBIGUOUS.format(doubt))
        created = self._facts.probed(file).created_at
        if created and created <= now and created.year >= _EARLIEST_YEAR:
            return created.astimezone(UTC)
        return self._written(file)

    def _written(self, file: MediaFile) -> datetime:
        """Return when the file was written, or first seen if its time cannot be right."""
        now, modified = self._now(), file.modified
        if modified and modified <= now:
            return modified
        seen_at = self._facts.first_seen(file, now, otherwise=now - _A_MOMENT)
        _log.warning(
            "%r: its file time is %s, so its start is when it was first seen; "
            "write the date into the file name, and set the clock of the device that wrote it",
            file.name,
            "before 1970" if file.mtime_ns < 0 else "in the future",
        )
        return seen_at.astimezone(UTC)

    def _sha256(self, file: MediaFile) -> str | None:
        """Return the hash of the file as it was listed, or None if it changed or is unreadable."""
        reason = Reason.CHANGING
        try:
            if sha256 := self._facts.sha256(file):
                return sha256
        except OSError as error:
            _log.warning("%r cannot be read: %s", file.name, error.strerror)
            if not isinstance(error, FileNotFoundError):
                reason = Reason.UNREADABLE
        self._left_out.add(reason, str(file.path))
        return None

    def _meta(self, file: MediaFile, sha256: str, notes: Sidecar) -> RecordMeta:
        duration_s = self._facts.probed(file).duration_s
        end = notes.start_ts + timedelta(seconds=duration_s) if duration_s is not None else None
        return RecordMeta(
            key=RecordKey(self.name, sha256),
            start_ts=notes.start_ts,
            subject=notes.subject or subject_of(PurePosixPath(file.name)),
            end_ts=notes.end_ts or end,
            duration_s=duration_s,
            meeting_record_id=notes.meeting_record_id,
            meeting_id=notes.meeting_id,
            meeting_code=notes.meeting_code or meeting_code_in_name(file.path.name),
            teacher_id=notes.teacher_id,
            participants=notes.participants,
            size_bytes=file.size_bytes,
            notes=notes.problems,
        )

    def _search_again(self, meta: RecordMeta) -> MediaFile | None:
        try:
            self._files = self._look().files
        except OSError as error:
            _log.warning("cannot list the folder %s: %s", self._folder, error.strerror)
            return None
        found = self._find(meta, self._files)
        self._facts.save()
        return found

    def _find(self, meta: RecordMeta, files: list[MediaFile]) -> MediaFile | None:
        wanted = meta.key.record_id
        likely = (
            file
            for file in files
            if meta.size_bytes in (None, file.size_bytes)
            and self._facts.known_sha256(file) in (None, wanted)
        )
        here = (file for file in likely if _is_here(file))
        return next((file for file in here if self._sha256(file) == wanted), None)


def _is_here(file: MediaFile) -> bool:
    try:
        return file.is_unchanged()
    except OSError:
        return False


def _names_of(file: MediaFile) -> Iterator[str]:
    """Yield the names that may have a date: the file's, its folder's, the folder's of that …"""
    path = PurePosixPath(printable(file.name))
    yield path.stem
    yield from (folder.name for folder in path.parents)
    yield path.parent.as_posix()  # 2026/01/05
