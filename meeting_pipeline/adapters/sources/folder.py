"""Recordings that lie as files in a folder.

A recording is its content: the sha256 of the file is the record id, so a renamed or twice-copied
file is one recording. It starts when, in this order, its sidecar (see `sidecar`), its name or the
name of the folder it lies in (see `filename_dates`), its container or its modification time says.
None of them is believed when it lies in the future. Where the modification time does, too, or lies
before 1970, the recording starts when its file was first seen.

Whatever goes wrong with one file costs that file what cannot be known about it, and no other.
"""

import logging
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from meeting_pipeline.adapters.sources.filename_dates import date_in_name, meeting_code_in_name
from meeting_pipeline.adapters.sources.folder_files import (
    FolderContents,
    MediaFile,
    media_files,
    read_small,
)
from meeting_pipeline.adapters.sources.folder_index import FolderIndex, KnownFile
from meeting_pipeline.adapters.sources.sidecar import SIDECAR_BYTES, Sidecar, read_sidecar
from meeting_pipeline.domain.display import strip_control_characters
from meeting_pipeline.domain.model import Participant, RecordKey, RecordMeta
from meeting_pipeline.domain.window import Window
from meeting_pipeline.errors import (
    ConfigError,
    MeetingError,
    RecordError,
    RetryableError,
    SkipRecord,
)
from meeting_pipeline.ports.media import MediaInfo
from meeting_pipeline.ports.sources import MediaLink
from meeting_pipeline.storage.files import sha256_of

_WORTH_A_SAVE_BYTES = 64 << 20
_EARLIEST_YEAR = 2000
_A_MOMENT = timedelta(minutes=1)  # a window "until now" was made that long ago at the most

_log = logging.getLogger(__name__)


class FolderSource:
    """A RecordingSource over a folder and everything below it.

    settle_s: a file whose modification time is closer to now than this is still being written,
    also where it is later than now, for a file server has a clock of its own.
    zone: of names and sidecars without an offset. index_file: remembers hashes between runs; its
    folder is the program's own and is not searched. probe: looks into a media file; what it raises
    costs the duration, not the recording. now: the clock.
    waiting: how many files the last listing saw but could not list yet.
    """

    name = "folder"

    def __init__(
        self,
        folder: Path,
        *,
        settle_s: float,
        zone: ZoneInfo,
        index_file: Path,
        probe: Callable[[Path], MediaInfo],
        now: Callable[[], datetime],
    ) -> None:
        self.waiting = 0
        self.oldest_waiting: datetime | None = None  # what waits here is listed whatever its date
        self._folder = folder.absolute()
        self._settle_s = settle_s
        self._zone = zone
        self._own_folder = index_file.absolute().parent
        self._index = FolderIndex(index_file)
        self._probe = probe
        self._now = now
        self._files: list[MediaFile] = []
        self._given_up: set[MediaFile] = set()  # in this listing, for a reason that may pass
        self._locating = threading.Lock()

    def list_records(self, window: Window) -> Iterator[RecordMeta]:
        """See RecordingSource; raises ConfigError("no_folder") when there is nothing to list.

        Files still being written and files that cannot be read are counted in `waiting`.
        """
        try:
            found = self._look()
        except OSError as error:
            raise ConfigError(
                "no_folder",
                f"cannot list the folder {self._folder}: {error.strerror}",
                hint="set MEETING_FOLDER to a folder that exists and may be read",
            ) from error
        self._files, self.waiting = found.files, found.unreadable
        self._given_up.clear()
        if found.links:
            _log.info("%d links not followed in %s", found.links, self._folder)
        self._index.keep_only(self._files)
        return self._listed(window)

    def participants(self, meta: RecordMeta) -> tuple[Participant, ...] | None:
        return meta.participants

    def locate(self, meta: RecordMeta) -> MediaLink:
        """See RecordingSource; raises RetryableError("file_missing") when it is not there."""
        with self._locating:
            found = self._find(meta, self._files) or self._find_anew(meta)
        if found is None:
            raise RetryableError(
                "file_missing",
                f"the file of recording {meta.key} is not in {self._folder}",
                hint="put it back, under any name",
            )
        return MediaLink(
            found.path.as_uri(), found.suffix, found.size_bytes, sha256=meta.key.record_id
        )

    def _look(self) -> FolderContents:
        return media_files(self._folder, {self._own_folder})

    def _listed(self, window: Window) -> Iterator[RecordMeta]:
        listed: set[str | None] = set()
        try:
            for file, notes in self._candidates(window):
                sha256 = self._sha256(file)
                self.waiting += sha256 is None
                if sha256 and sha256 not in listed and window.contains(notes.start_ts):
                    yield self._meta(file, sha256, notes)
                listed.add(sha256)
        finally:
            self._index.save()

    def _candidates(self, window: Window) -> list[tuple[MediaFile, Sidecar]]:
        """The finished files of the window, and those elsewhere that may be the same recording."""
        unfinished = {file.name for file in self._files if not self._is_finished(file)}
        if unfinished:
            names = ", ".join(repr(name) for name in sorted(unfinished))
            _log.info("still being written, the next run looks again: %s", names)
        self.waiting += len(unfinished)
        settled = (file for file in self._files if file.name not in unfinished)
        finished = [(file, self._notes(file)) for file in settled]
        sizes = {file.size_bytes for file, notes in finished if window.contains(notes.start_ts)}
        return [(file, notes) for file, notes in finished if file.size_bytes in sizes]

    def _is_finished(self, file: MediaFile) -> bool:
        age_s = self._now().timestamp() - file.mtime_ns / 1e9
        return not file.is_coming and abs(age_s) >= self._settle_s

    def _notes(self, file: MediaFile) -> Sidecar:
        """What is known about a recording without reading it, its start at least."""
        try:
            return self._told(file)
        except MeetingError:  # no file is to blame
            raise
        except Exception:  # noqa: BLE001 - a bug, and its traceback is in the log
            _log.exception("%r: a bug; it is listed by its file time alone", file.name)
            return Sidecar(self._written(file))

    def _told(self, file: MediaFile) -> Sidecar:
        if file.sidecar is None:
            return Sidecar(self._start(file))
        try:
            content = read_small(file.sidecar, SIDECAR_BYTES)
        except OSError as error:
            notes = Sidecar(self._start(file), problems=(f"cannot be read: {error.strerror}",))
        else:
            notes = read_sidecar(content, self._zone, self._now(), lambda: self._start(file))
        for problem in notes.problems:
            _log.warning("sidecar %r of %r: %s", file.sidecar.name, file.name, problem)
        return notes

    def _start(self, file: MediaFile) -> datetime:
        """When the recording began, as far as the file itself says; never after now."""
        now = self._now()
        folder, _, base = file.name.rpartition("/")
        for name in (base, folder.rpartition("/")[2]):
            if named := date_in_name(name, self._zone, now):
                return named
        created = self._probed(file).created_at
        if created and created <= now and created.year >= _EARLIEST_YEAR:
            return created.astimezone(UTC)
        return self._written(file)

    def _written(self, file: MediaFile) -> datetime:
        """When the file was written, or first seen where its time cannot be right."""
        now, modified = self._now(), _modified(file)
        if modified and modified <= now:
            return modified
        known = self._index.of(file)
        seen_at = known.first_seen_at
        if seen_at is None or seen_at > now:  # the clock here was wrong and has been set since
            seen_at = now - _A_MOMENT
            self._index.learn(file, replace(known, first_seen_at=seen_at))
        _log.warning(
            "%r: its file time lies %s, so the recording starts when the file was first seen; "
            "write its date into its name, and set the clock of the device that wrote it",
            file.name,
            "before 1970" if file.mtime_ns < 0 else "in the future",
        )
        return seen_at.astimezone(UTC)

    def _probed(self, file: MediaFile) -> KnownFile:
        known = self._index.of(file)
        if known.probed or file in self._given_up:
            return known
        info = self._look_into(file)
        if info is None:
            self._given_up.add(file)
            return known
        known = replace(known, probed=True, duration_s=info.duration_s, created_at=info.created_at)
        self._index.learn(file, known)
        return known

    def _look_into(self, file: MediaFile) -> MediaInfo | None:
        """What the container says, or None where the next listing has to look again."""
        try:
            info = self._probe(file.path)
        except RecordError as error:
            _log.info("%r: %s", file.name, strip_control_characters(error.message))
            return MediaInfo(None, has_audio=False, audio_codec=None, created_at=None)
        except (RetryableError, SkipRecord) as error:
            _log.warning(
                "%r cannot be looked into now: %s",
                file.name,
                strip_control_characters(error.message),
            )
            return None
        except MeetingError:  # no file is to blame
            raise
        except Exception:  # noqa: BLE001 - a bug, and its traceback is in the log
            _log.exception("%r: a bug; it is listed without its length", file.name)
            return None
        if info.has_audio and info.audio_codec is None:
            _log.warning("%r: no decoder for its sound here; convert it to m4a or mp3", file.name)
        return info

    def _sha256(self, file: MediaFile) -> str | None:
        """The hash of the file as it was when we looked, or None if that cannot be had any more."""
        known = self._index.of(file)
        if known.sha256:
            return known.sha256
        try:
            sha256 = sha256_of(file.path)
            unchanged = file.is_unchanged()
        except OSError as error:
            _log.warning("%r cannot be read: %s", file.name, error.strerror)
            return None
        if not unchanged:
            _log.info("changed while it was read, the next run looks again: %r", file.name)
            return None
        self._index.learn(file, replace(known, sha256=sha256))
        if file.size_bytes > _WORTH_A_SAVE_BYTES:
            self._index.save()
        return sha256

    def _meta(self, file: MediaFile, sha256: str, notes: Sidecar) -> RecordMeta:
        duration_s = self._probed(file).duration_s
        end = notes.start_ts + timedelta(seconds=duration_s) if duration_s is not None else None
        return RecordMeta(
            key=RecordKey(self.name, sha256),
            start_ts=notes.start_ts,
            subject=notes.subject or _printable(file.path.stem),
            end_ts=notes.end_ts or end,
            duration_s=duration_s,
            meeting_record_id=notes.meeting_record_id,
            meeting_id=notes.meeting_id,
            meeting_code=notes.meeting_code or meeting_code_in_name(file.path.name),
            teacher_id=notes.teacher_id,
            participants=notes.participants,
            size_bytes=file.size_bytes,
        )

    def _find_anew(self, meta: RecordMeta) -> MediaFile | None:
        try:
            self._files = self._look().files
        except OSError as error:
            _log.warning("cannot list the folder %s: %s", self._folder, error.strerror)
            return None
        found = self._find(meta, self._files)
        self._index.save()
        return found

    def _find(self, meta: RecordMeta, files: list[MediaFile]) -> MediaFile | None:
        wanted = meta.key.record_id
        likely = (
            file
            for file in files
            if meta.size_bytes in (None, file.size_bytes)
            and self._index.of(file).sha256 in (None, wanted)
        )
        here = (file for file in likely if _is_here(file))
        return next((file for file in here if self._sha256(file) == wanted), None)


def _is_here(file: MediaFile) -> bool:
    try:
        return file.is_unchanged()
    except OSError:
        return False


def _modified(file: MediaFile) -> datetime | None:
    """None for a time that no recording can have; a file system may store any."""
    try:
        return datetime.fromtimestamp(file.mtime_ns / 1e9, UTC) if file.mtime_ns >= 0 else None
    except (ValueError, OverflowError, OSError):
        return None


def _printable(name: str) -> str:
    """The name with a sign in the place of bytes that are no UTF-8."""
    return os.fsencode(name).decode(errors="replace")
