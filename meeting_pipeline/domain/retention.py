"""How long the files of a recording are kept."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from meeting_pipeline.domain.model import RecordKey
from meeting_pipeline.domain.stages import StageName

TEXTS_REMOVED = "texts_removed"
"""The skip_reason of a finished recording whose transcript was removed on purpose."""

_EVER = datetime(1, 1, 1, tzinfo=UTC)
_AT_ONCE = datetime(9999, 1, 1, tzinfo=UTC)  # whatever clock wrote when the file was finished


class RetainedKind(StrEnum):
    """What is kept for a time: the downloaded media, the audio taken from it, the transcript."""

    MEDIA = "media"
    AUDIO = "audio"
    TEXTS = "texts"

    @property
    def stage(self) -> StageName:
        """Return the stage that leaves it."""
        return _STAGES[self]

    @property
    def stem(self) -> str:
        """Return how the names of its files begin."""
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
"""What every run removes by the settings; transcripts go only when a command names them."""


@dataclass(frozen=True)
class Cutoffs:
    """The instants (aware UTC) at or before which something must have ended to be removed.

    media: recordings whose audio passed its gate by then. audio: those whose rows were stored by
    then. texts: finished recordings that themselves ended by then. The media and audio of a skipped
    recording go by the same two; those of a dead one, which may still be examined, wait for both.
    """

    media: datetime
    audio: datetime
    texts: datetime = _EVER

    def of(self, kind: RetainedKind) -> datetime:
        """Return the cutoff of this kind."""
        return {
            RetainedKind.MEDIA: self.media,
            RetainedKind.AUDIO: self.audio,
            RetainedKind.TEXTS: self.texts,
        }[kind]

    @property
    def dead(self) -> datetime:
        """Return the cutoff of recordings that failed too often."""
        return min(self.media, self.audio)


@dataclass(frozen=True)
class RetentionRules:
    """For how many days media and audio are kept; fractions count, 0 is at once."""

    media_days: float = 0.0
    audio_days: float = 7.0

    def cutoffs(self, now: datetime) -> Cutoffs:
        """Return what is due for deletion at `now`; transcripts never are."""
        return Cutoffs(_before(now, self.media_days), _before(now, self.audio_days))


@dataclass(frozen=True)
class ExpiredFile:
    """A file that is due for deletion.

    name: as it was published, None where only a part of it may be there.
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
