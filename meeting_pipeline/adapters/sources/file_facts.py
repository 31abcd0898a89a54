"""What is known about the files of a folder: each is read once, and read again when it changes.

An error with one file affects only what is known about that file, and no other file.
"""

import logging
import os
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from meeting_pipeline.adapters.sources.folder_files import MediaFile
from meeting_pipeline.adapters.sources.folder_index import FolderIndex, KnownFile
from meeting_pipeline.domain.display import strip_control_characters
from meeting_pipeline.domain.sound_print import SoundPrint, sounds_alike
from meeting_pipeline.errors import MeetingError, RecordError, RetryableError, SkipRecord
from meeting_pipeline.ports.media import Listen, MediaInfo, Probe
from meeting_pipeline.storage.files import sha256_of

_SAVE_INDEX_FROM_BYTES = 64 << 20  # hashing such a file again takes longer than saving the index

_UNKNOWN = MediaInfo(None, has_audio=True, audio_codec=None, created_at=None)

_log = logging.getLogger(__name__)


class FileFacts:
    """What is known about files, from the index or from the files themselves.

    Args:
        index_file: Stores what is known between runs.
        probe: Inspects a media file; if it raises, the file has no duration.
        listen: Measures the sound of a media file; if it raises, the file is like no other.
    """

    def __init__(self, index_file: Path, probe: Probe, listen: Listen) -> None:
        self._index = FolderIndex(index_file)
        self._probe = probe
        self._listen = listen
        self._given_up: set[MediaFile] = set()  # not inspected in this listing, to be tried later
        self._sounds: dict[MediaFile, SoundPrint | None] = {}

    @property
    def is_empty(self) -> bool:
        """Return whether no file is known."""
        return self._index.is_empty

    def begin(self, files: Collection[MediaFile]) -> None:
        """Forget all other files, and what could not be inspected in the last listing.

        Args:
            files: The files of a new listing.
        """
        self._given_up.clear()
        self._index.keep_only(files)

    def save(self) -> None:
        """Write the index to disk if it has changed; see `FolderIndex.save`."""
        self._sounds.clear()
        self._index.save()

    def known_sha256(self, file: MediaFile) -> str | None:
        """Return the hash of a file that was read before, else None."""
        return self._index.of(file).sha256

    def was_listed(self, file: MediaFile) -> bool:
        """Return whether a file was listed before, as a recording or as a copy of one."""
        known = self._index.of(file)
        return known.sha256 is not None and not known.is_second

    def note_second(self, file: MediaFile, is_second: bool) -> None:
        """Remember whether another file of the meeting is listed instead of this one."""
        known = self._index.of(file)
        if known.is_second != is_second:
            self._index.learn(file, replace(known, is_second=is_second))

    def sha256(self, file: MediaFile) -> str | None:
        """Return the hash of the file as it was listed, or None if it changed meanwhile.

        Args:
            file: The file.

        Raises:
            OSError: It cannot be read.
        """
        known = self._index.of(file)
        if known.sha256:
            return known.sha256
        sha256 = sha256_of(file.path)
        if not file.is_unchanged():
            _log.info("left for the next run, changed while it was read: %r", file.name)
            return None
        self._index.learn(file, replace(known, sha256=sha256))
        if file.size_bytes > _SAVE_INDEX_FROM_BYTES:
            self._index.save()
        return sha256

    def first_seen(self, file: MediaFile, now: datetime, otherwise: datetime) -> datetime:
        """Return when a file was first seen, whose own time cannot be right.

        Args:
            file: The file.
            now: The current time, aware.
            otherwise: What is remembered if that is not known, or is later than now, because the
                clock of this machine was ahead.
        """
        known = self._index.of(file)
        if known.first_seen_at is None or known.first_seen_at > now:
            self._index.learn(file, replace(known, first_seen_at=otherwise))
            return otherwise
        return known.first_seen_at

    def probed(self, file: MediaFile) -> KnownFile:
        """Return what the container of a file says, in so far as it can be inspected."""
        known = self._index.of(file)
        if known.probed or file in self._given_up:
            return known
        info = self._look_into(file)
        if info is None:
            self._given_up.add(file)
            return known
        known = replace(
            known,
            probed=True,
            duration_s=info.duration_s,
            created_at=info.created_at,
            has_audio=info.has_audio,
        )
        self._index.learn(file, known)
        return known

    def sound_alike(self, one: MediaFile, other: MediaFile) -> bool:
        """Return whether two files have the same sound, or one of them has none.

        Args:
            one: The file that remembers the result.
            other: The other file.
        """
        if not (self.probed(one).has_audio and self.probed(other).has_audio):
            return True
        known = self._index.of(one)
        key = f"{other.size_bytes}-{other.mtime_ns}"
        if key not in known.compared:
            first, second = self._heard(one), self._heard(other)
            alike = first is not None and second is not None and sounds_alike(first, second)
            if self._given_up & {one, other}:
                return alike
            self._index.learn(one, replace(known, compared={**known.compared, key: alike}))
            return alike
        return known.compared[key]

    def _heard(self, file: MediaFile) -> SoundPrint | None:
        if file not in self._sounds:
            self._sounds[file] = self._listen_to(file)
        return self._sounds[file]

    def _listen_to(self, file: MediaFile) -> SoundPrint | None:
        """Measure the sound of a file; None if there is none, or if it cannot be decoded now."""
        try:
            return self._listen(file.path)
        except (RecordError, SkipRecord) as error:
            _log.info("%r: %s", file.name, strip_control_characters(error.message))
            return None
        except RetryableError as error:
            _log.warning(
                "%r cannot be compared now: %s",
                file.name,
                strip_control_characters(error.message),
            )
        except MeetingError:  # not caused by the file
            raise
        except Exception:  # noqa: BLE001 - a bug, and its traceback is in the log
            _log.exception("%r: unexpected error; listing it without comparing it", file.name)
        self._given_up.add(file)
        return None

    def _look_into(self, file: MediaFile) -> MediaInfo | None:
        """Return what the container says, or None if the next listing has to inspect it again."""
        try:
            info = self._probe(file.path)
        except RecordError as error:
            _log.info("%r: %s", file.name, strip_control_characters(error.message))
            may_be_read = os.access(file.path, os.R_OK, effective_ids=True)
            return _UNKNOWN if may_be_read else None  # new permissions do not change its time
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
