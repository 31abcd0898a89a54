"""Removal of expired files outside a run."""

from collections.abc import Collection
from dataclasses import dataclass

from meeting_pipeline.domain.retention import SWEPT, Cutoffs, ExpiredFile, RetainedKind
from meeting_pipeline.domain.window import parse_moment
from meeting_pipeline.errors import UsageError
from meeting_pipeline.settings.config import Settings
from meeting_pipeline.upkeep.retention import Retention
from meeting_pipeline.wiring import stores


@dataclass(frozen=True)
class Cleanup:
    """The files that were removed, or would be.

    Attributes:
        files: The removed files.
        failed: Files that could not be removed; the log says why.
        dry_run: Whether nothing was removed.
    """

    files: tuple[ExpiredFile, ...]
    failed: tuple[ExpiredFile, ...]
    dry_run: bool

    @property
    def size_bytes(self) -> int:
        """Return the size of the files together."""
        return sum(file.size_bytes for file in self.files)


def cleanup(
    settings: Settings,
    older_than: str | None = None,
    kinds: Collection[RetainedKind] = (),
    *,
    dry_run: bool = False,
) -> Cleanup:
    """Remove the expired files of some kinds; rows and foreign files stay.

    Args:
        settings: The installation.
        older_than: The age or the time ("30d", "2026-01-05") at which a file expires; None for
            the retention of the settings. Transcripts need one.
        kinds: Which kinds of file; none named is media and audio.
        dry_run: Whether to return what would be removed and remove nothing.

    Raises:
        Busy: A run is at work.
        UsageError: ("no_age") for transcripts without an age.
        UsageError: ("bad_time") when the age cannot be read.
        FatalError: The database refuses, or the run lock was lost.
    """
    if RetainedKind.TEXTS in kinds and older_than is None:
        hint = "add --older-than 365d"
        raise UsageError(
            "no_age", "transcripts are removed by age only, and no age was given", hint=hint
        )
    opened = stores.planning if dry_run else stores.locked_database
    with opened(settings, "cleanup") as rows:
        retention = stores.retention(settings, rows)
        due = retention.due(_cutoffs(settings, retention, older_than), kinds or SWEPT)
        failed = () if dry_run else tuple(retention.remove(due).failed)
        if RetainedKind.TEXTS in kinds and not dry_run:
            rows.erasure.compact()  # or free pages of the database file still hold the transcripts
    remaining = set(failed)
    files = tuple(file for file in due if file not in remaining and file.name is not None)
    return Cleanup(files, failed, dry_run)


def _cutoffs(settings: Settings, retention: Retention, older_than: str | None) -> Cutoffs:
    now = retention.now()
    if older_than is None:
        return retention.rules.cutoffs(now)
    moment = parse_moment(older_than, now, settings.source.zone)
    return Cutoffs(media=moment, audio=moment, texts=moment)
