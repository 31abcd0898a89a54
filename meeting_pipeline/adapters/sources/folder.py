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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from zoneinfo import ZoneInfo

from meeting_pipeline.adapters.sources.filename_dates import date_in_name, meeting_code_in_name
from meeting_pipeline.adapters.sources.folder_examination import examine
from meeting_pipeline.adapters.sources.folder_files import (
    FolderContents,
    MediaFile,
    media_files,
    read_small,
)
from meeting_pipeline.adapters.sources.folder_index import FolderIndex, KnownFile
from meeting_pipeline.adapters.sources.folder_names import printable, subject_of
from meeting_pipeline.adapters.sources.renditions import one_a_meeting
from meeting_pipeline.adapters.sources.sidecar import SIDECAR_BYTES, Sidecar, read_sidecar
from meeting_pipeline.domain.checks import Check
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

_SAVE_INDEX_FROM_BYTES = 64 << 20  # hashing such a file again takes longer than saving the index
_EARLIEST_YEAR = 2000
_A_MOMENT = timedelta(minutes=1)  # a window that ends now was made less than this long ago

_log = logging.getLogger(__name__)

_SECOND_RENDITIONS = "同一会议的另一个文件 second files (video or audio) of one meeting: {}"


class FolderSource:
    """A RecordingSource for a folder and all folders below it.

    Attributes:
        waiting: How many files the last listing saw that it could not list yet.
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
        probe: Callable[[Path], MediaInfo],
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
            now: Returns the current time, aware.
        """
        self.waiting = 0
        self.notes: tuple[str, ...] = ()
        self.oldest_waiting: datetime | None = None
        self._folder = folder.absolute()
        self._settle_s = settle_s
        self._zone = zone
        self._own_folder = index_file.absolute().parent
        self._index = FolderIndex(index_file)
        self._probe = probe
        self._now = now
        self._files: list[MediaFile] = []
        self._given_up: set[MediaFile] = set()  # not inspected in this listing, to be tried later
        self._locating = threading.Lock()

    def list_records(self, window: Window) -> Iterator[RecordMeta]:
        """Yield the recordings of a window; see `RecordingSource.list_records`.

        Files that are still being written are counted in `waiting`; what is left out is in `notes`.

        Args:
            window: The time to list.

        Raises:
            ConfigError: The folder cannot be listed ("no_folder").
            RetryableError: There is nothing where there were recordings before ("folder_empty"): a
                disk that is not mounted looks like this.
        """
        try:
            found = self._look()
        except OSError as error:
            raise ConfigError(
                "no_folder",
                f"cannot list the folder {self._folder}: {error.strerror}",
                hint="set MEETING_FOLDER to a folder that exists and may be read",
            ) from error
        self._files, self.waiting = found.files, 0
        self.notes = tuple(_left_out(found))
        if not found.files and not self._index.is_empty:
            raise RetryableError(
                "folder_empty",
                f"there are no recordings in {self._folder} any more, where there were some before",
                hint="is its disk mounted? If it was emptied on purpose, delete "
                f"{self._own_folder / 'folder-index.json'}",
            )
        self._given_up.clear()
        if found.links:
            _log.info("%d symbolic links ignored in %s", found.links, self._folder)
        self._index.keep_only(self._files)
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
        known = (file.name for file in self._files if self._index.of(file).sha256 == key)
        return next((printable(name) for name in known), None)

    def examine(self) -> list[Check]:
        return examine(self._folder, self._look, had_files=not self._index.is_empty)

    def _look(self) -> FolderContents:
        return media_files(self._folder, {self._own_folder})

    def _listed(self, window: Window) -> Iterator[RecordMeta]:
        listed: set[str | None] = set()
        try:
            candidates = self._candidates(window)
            described = [file for file, _ in candidates if file.sidecar]
            for file, notes in candidates:
                sha256 = self._sha256(file)
                self.waiting += sha256 is None
                if sha256 and not file.sidecar and self._has_copy(file, sha256, described):
                    continue  # of copies, the one with a sidecar tells more
                if sha256 and sha256 not in listed and window.contains(notes.start_ts):
                    yield self._meta(file, sha256, notes)
                listed.add(sha256)
        finally:
            self._index.save()

    def _has_copy(self, file: MediaFile, sha256: str, among: Sequence[MediaFile]) -> bool:
        alike = (one for one in among if one.size_bytes == file.size_bytes)
        return any(self._sha256(one) == sha256 for one in alike)

    def _candidates(self, window: Window) -> list[tuple[MediaFile, Sidecar]]:
        """Return the finished files of the window, and others that may be copies of them."""
        unfinished = {file.name for file in self._files if not self._is_finished(file)}
        if unfinished:
            names = ", ".join(repr(name) for name in sorted(unfinished))
            _log.info("left for the next run, still being written: %s", names)
        self.waiting += len(unfinished)
        settled = [file for file in self._files if file.name not in unfinished]
        meetings = one_a_meeting(
            settled,
            lambda file: self._probed(file).duration_s,
            lambda file: self._index.of(file).sha256 is not None,
        )
        if len(meetings) < len(settled):
            self.notes += (_SECOND_RENDITIONS.format(len(settled) - len(meetings)),)
        finished = [(file, self._notes(file)) for file in meetings]
        sizes = {file.size_bytes for file, notes in finished if window.contains(notes.start_ts)}
        return [(file, notes) for file, notes in finished if file.size_bytes in sizes]

    def _is_finished(self, file: MediaFile) -> bool:
        age_s = self._now().timestamp() - file.mtime_ns / 1e9
        return not file.is_coming and abs(age_s) >= self._settle_s

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
        name = printable(file.sidecar.name)
        return replace(notes, problems=tuple(f"{name}: {one}" for one in notes.problems))

    def _start(self, file: MediaFile) -> datetime:
        """Return when the recording began, by the file itself; never after now."""
        now = self._now()
        written = min(_modified(file) or now, now)
        for name in reversed(file.name.split("/")):  # the file, its folder, the folder of that …
            if named := date_in_name(printable(name), self._zone, now, written):
                return named
        created = self._probed(file).created_at
        if created and created <= now and created.year >= _EARLIEST_YEAR:
            return created.astimezone(UTC)
        return self._written(file)

    def _written(self, file: MediaFile) -> datetime:
        """Return when the file was written, or first seen if its time cannot be right."""
        now, modified = self._now(), _modified(file)
        if modified and modified <= now:
            return modified
        known = self._index.of(file)
        seen_at = known.first_seen_at
        if seen_at is None or seen_at > now:  # this machine's clock was ahead and has been set
            seen_at = now - _A_MOMENT
            self._index.learn(file, replace(known, first_seen_at=seen_at))
        _log.warning(
            "%r: its file time is %s, so its start is when it was first seen; "
            "write the date into the file name, and set the clock of the device that wrote it",
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
        """Return what the container says, or None if the next listing has to inspect it again."""
        try:
            info = self._probe(file.path)
        except RecordError as error:
            _log.info("%r: %s", file.name, strip_control_characters(error.message))
            return MediaInfo(None, has_audio=False, audio_codec=None, created_at=None)
        except (RetryableError, SkipRecord) as error:
            _log.warning(
                "%r cannot be inspected now: %s",
                file.name,
                strip_control_characters(error.message),
            )
            return None
        except MeetingError:  # not caused by the file
            raise
        except Exception:  # noqa: BLE001 - a bug, and its traceback is in the log
            _log.exception("%r: unexpected error; listing it without its length", file.name)
            return None
        if info.has_audio and info.audio_codec is None:
            _log.warning(
                "%r: there is no decoder for its audio; convert it to m4a or mp3", file.name
            )
        return info

    def _sha256(self, file: MediaFile) -> str | None:
        """Return the hash of the file as it was listed, or None if it changed or is unreadable."""
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
            _log.info("left for the next run, changed while it was read: %r", file.name)
            return None
        self._index.learn(file, replace(known, sha256=sha256))
        if file.size_bytes > _SAVE_INDEX_FROM_BYTES:
            self._index.save()
        return sha256

    def _meta(self, file: MediaFile, sha256: str, notes: Sidecar) -> RecordMeta:
        duration_s = self._probed(file).duration_s
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
    """Return the modification time, or None if it is before 1970 or after the year 9999."""
    try:
        return datetime.fromtimestamp(file.mtime_ns / 1e9, UTC) if file.mtime_ns >= 0 else None
    except (ValueError, OverflowError, OSError):
        return None


def _left_out(found: FolderContents) -> Iterator[str]:
    """Yield what was found and is not listed, a sentence for each reason."""
    if found.others:
        counts = ", ".join(
            f"{f'.{suffix}' if suffix else 'no suffix'} {count}"
            for suffix, count in sorted(found.others.items(), key=lambda item: (-item[1], item[0]))
        )
        total = sum(found.others.values())
        yield f"不读取的文件 files of kinds that are not read: {total} ({printable(counts)})"
    if found.unreadable:
        yield f"无法读取 files and folders that cannot be read: {found.unreadable}; see the log"
    if found.links:
        yield f"符号链接 symbolic links, which are not followed: {found.links}"
    if found.housekeeping:
        yield (
            "回收站、快照等系统文件夹 recycle bins, snapshots and other folders of the system: "
            f"{found.housekeeping}"
        )
