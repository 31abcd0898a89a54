"""Retention: how long the files of a recording are kept."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from meeting_pipeline.domain.model import RecordKey
from meeting_pipeline.domain.stages import StageName

TEXTS_REMOVED = "texts_removed"
"""The skip_reason of a finished recording whose transcript was removed on purpose."""

_EVER = datetime(1, 1, 1, tzinfo=UTC)
_AT_ONCE = datetime(9999, 1, 1, tzinfo=UTC)  # also for files dated by a clock that ran ahead


class RetainedKind(StrEnum):
    """What is kept for a limited time: downloaded media, extracted audio, transcripts."""

    MEDIA = "media"
    AUDIO = "audio"
    TEXTS = "texts"

    @property
    def stage(self) -> StageName:
        """Return the stage that makes this kind of file."""
        return _STAGES[self]

    @property
    def stem(self) -> str:
        """Return the stem of the names of its files."""
        return _STEMS[self]


_STAGES = {
    RetainedKind.MEDIA: StageName.DOWNLOAD,
    RetainedKind.AUDIO: StageName.EXTRACT,
    RetainedKind.TEXTS: StageName.TRANSCRIBE,
}
_STEMS = {
    RetainedKind.MEDIA: "recording",
    RetainedKind.AUDIO: "audio",
    RetainedKind.TEXTS: "transcript",
}

SWEPT = (RetainedKind.MEDIA, RetainedKind.AUDIO)
"""What every run removes by the settings; transcripts are removed only by explicit command."""


@dataclass(frozen=True)
class Cutoffs:
    """The instants (aware UTC) at or before which processing must have ended for a file to expire.

    The media and audio of a skipped recording expire by the same instants as those of a finished
    one. Those of a dead recording may still be needed to find the cause and wait for both.

    Attributes:
        media: Media expires if its audio was extracted by then.
        audio: Audio expires if its transcript and summary were stored by then.
        texts: The transcript of a finished recording expires if the recording itself, not its
            processing, ended by then.
    """

    media: datetime
    audio: datetime
    texts: datetime = _EVER

    def of(self, kind: RetainedKind) -> datetime:
        """Return the cutoff of a kind of file."""
        return {
            RetainedKind.MEDIA: self.media,
            RetainedKind.AUDIO: self.audio,
            RetainedKind.TEXTS: self.texts,
        }[kind]

    @property
    def dead(self) -> datetime:
        """Return the cutoff of dead recordings, which failed too often."""
        return min(self.media, self.audio)


@dataclass(frozen=True)
class RetentionRules:
    """For how many days media and audio are kept; 0 removes them at once, fractions are allowed."""

    media_days: float = 0.0
    audio_days: float = 7.0

    def cutoffs(self, now: datetime) -> Cutoffs:
        """Return the cutoffs at a time (aware UTC); by these rules, transcripts never expire."""
        return Cutoffs(_before(now, self.media_days), _before(now, self.audio_days))


@dataclass(frozen=True)
class ExpiredFile:
    """A file whose retention has ended.

    Attributes:
        recording_id: Our number of its recording.
        key: The unique identifier of its recording.
        kind: What kind of file it is.
        name: Its name, or None if only an unfinished part file may exist.
        size_bytes: Its size.
    """

    recording_id: int
    key: RecordKey
    kind: RetainedKind
    name: str | None
    size_bytes: int = 0


def _before(now: datetime, days: float) -> datetime:
    if not days:
        return _AT_ONCE
    try:
        return now - timedelta(days=days)
    except OverflowError:
        return _EVER
