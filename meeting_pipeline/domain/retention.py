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


class Kept(StrEnum):
    """What is kept for a time and then goes: the downloaded media, and the sound taken out."""

    MEDIA = "media"
    AUDIO = "audio"

    @property
    def stage(self) -> StageName:
        """The stage that leaves it."""
        return StageName.DOWNLOAD if self is Kept.MEDIA else StageName.EXTRACT

    @property
    def stem(self) -> str:
        """How the names of its files begin."""
        return "recording" if self is Kept.MEDIA else "audio"


@dataclass(frozen=True)
class Cutoffs:
    """What ended at or before these instants (aware UTC) goes.

    media: recordings whose audio passed its gate by then. audio: those whose rows were stored by
    then. A skipped recording's files go by the same two; those of a dead one, which somebody may
    still look into, wait for both.
    """

    media: datetime
    audio: datetime

    def of(self, kept: Kept) -> datetime:
        """The one for this kind."""
        return self.media if kept is Kept.MEDIA else self.audio

    @property
    def dead(self) -> datetime:
        """The one for recordings that failed too often."""
        return min(self.media, self.audio)


@dataclass(frozen=True)
class RetentionRules:
    """For how many days media and audio are kept; fractions count, 0 is at once."""

    media_days: float = 0.0
    audio_days: float = 7.0

    def cutoffs(self, now: datetime) -> Cutoffs:
        """What is due for deletion at `now`."""
        return Cutoffs(_before(now, self.media_days), _before(now, self.audio_days))


@dataclass(frozen=True)
class Leftover:
    """A file whose time is over. name: as it was published, None where only a part may be there."""

    recording_id: int
    key: RecordKey
    kept: Kept
    name: str | None
    size_bytes: int = 0

    @property
    def kind(self) -> str:
        """What it is, in reports."""
        return self.kept.value


@dataclass(frozen=True)
class OldText:
    """A transcript that shall go, in rows and files. name: of its own file."""

    recording_id: int
    key: RecordKey
    name: str
    size_bytes: int = 0

    @property
    def kind(self) -> str:
        """What it is, in reports."""
        return "texts"


def _before(now: datetime, days: float) -> datetime:
    if not days:
        return _AT_ONCE
    try:
        return now - timedelta(days=days)
    except OverflowError:
        return _EVER
