"""The measurement of a recording's sound, to compare it with other recordings."""

from audioop import cross
from contextlib import ExitStack
from pathlib import Path

from meeting_pipeline.adapters.media.mixing import ChannelMix, mixed
from meeting_pipeline.adapters.media.pyav import open_tracks
from meeting_pipeline.adapters.media.sound import FRAME, SAMPLE_BYTES, level_of
from meeting_pipeline.adapters.media.writers import AudioPacket
from meeting_pipeline.domain.media_checks import LONGEST_S
from meeting_pipeline.domain.sound_print import SoundPrint

_SOUND_DB = -55.0
_SOUND_S = 120  # decoded in half a second
_LONGEST_S = 3_600


def sound_print(media: Path) -> SoundPrint:
    """Return what is measured in the first two minutes with sound, and in the silence before.

    All tracks are mixed. What cannot be decoded is left out, as for a damaged recording that an
    operator has accepted.

    Args:
        media: The media file.

    Raises:
        SkipRecord: "no_audio".
        RecordError: There is nothing that can be decoded.
    """
    sound, heard_s = SoundPrint(), 0
    with ExitStack() as opened:
        tracks, _, _ = open_tracks(media, opened, accept_damage=True)
        mixes = [ChannelMix(track.number, None, is_alone=len(tracks) == 1) for track in tracks]
        seconds = [
            track.seconds(mix, _ignore, LONGEST_S) for track, mix in zip(tracks, mixes, strict=True)
        ]
        for second, samples in enumerate(mixed(seconds)):
            _measure(samples, sound)
            heard_s += level_of(samples) > _SOUND_DB
            if heard_s >= _SOUND_S or second >= _LONGEST_S:
                break
    return sound


def _measure(samples: bytes, sound: SoundPrint) -> None:
    for at in range(0, len(samples), SAMPLE_BYTES * FRAME):
        frame = samples[at : at + SAMPLE_BYTES * FRAME]
        sound.levels.append(level_of(frame))
        sound.crossings.append(cross(frame, SAMPLE_BYTES))


def _ignore(packet: AudioPacket) -> None:
    """Do nothing with a packet that could be decoded."""
