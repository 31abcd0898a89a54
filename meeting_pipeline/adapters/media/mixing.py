"""One channel from many: the channels of a track, and the tracks of a recording.

Every channel counts the same, whatever a layout that was guessed from their number calls it.
"""

import audioop  # in C, and without the memory that numpy would take
from array import array
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import TypeAlias

from meeting_pipeline.adapters.media.sound import FRAME, SAMPLE_BYTES, SAMPLE_RATE, level_of

Channel: TypeAlias = tuple[int, int]
"""The number of a track, and of a channel in it."""

_FRAME_BYTES = FRAME * SAMPLE_BYTES
_STEREO = 2
_WIDE, _FULL_SCALE = 4, (1 << 31) - 1  # samples that sums are made of
_CANCELLED = 0.5  # of the loudest channel is the most that is left where channels cancel
_CANCELLED_FROM = 32  # amplitude of 16-bit samples, -60 dBFS: there is nothing to lose below
_CANCELLED_S = 1.0  # a mix that loses less is good enough
_SOUNDING_DB, _FAINT_DB = -90.0, -70.0
_STEADY_DB, _LIVELY_DB = 10.0, 20.0
_FLOOR_SHARE = 0.1
_TOP_FRAMES = 20  # one second
_FEWEST_FRAMES = 60


class ChannelMix:
    """The mono mix of a track's channels; each of them is measured.

    Where the channels cancel one another (right = -left), the loudest of them is taken instead.

    Args:
        track: The number of the track.
        kept: The channels to mix, if it is not all of them.
    """

    def __init__(self, track: int = 0, kept: frozenset[Channel] | None = None) -> None:
        self._track = track
        self._kept = kept
        self._total = Sum()
        self._levels: dict[Channel, array[float]] = {}
        self._cancelled = 0

    @property
    def levels(self) -> "Mapping[Channel, array[float]]":
        """The level of every FRAME_S of each channel."""
        return self._levels

    @property
    def cancelled_s(self) -> float:
        """How many seconds of sound a plain mix of the channels would have lost."""
        return self._cancelled * FRAME / SAMPLE_RATE

    def add(self, samples: bytes, channels: int) -> bytes:
        """Return the mono mix of the next interleaved 16-bit samples, in whole frames."""
        apart = [samples] if channels == 1 else _apart(samples, channels)
        for channel, lane in enumerate(apart):
            levels = self._levels.setdefault((self._track, channel), array("f"))
            levels.extend(level_of(frame) for frame in _frames(lane))
        if self._kept is not None:
            kept = [lane for at, lane in enumerate(apart) if (self._track, at) in self._kept]
            apart = kept or apart  # the number of channels may change
        if len(apart) == 1:
            return apart[0]
        if len(apart) == channels == _STEREO:
            return self._without_cancelling(audioop.tomono(samples, SAMPLE_BYTES, 0.5, 0.5), apart)
        return self._without_cancelling(self._total.add(apart), apart)

    def _without_cancelling(self, mix: bytes, apart: Sequence[bytes]) -> bytes:
        loss = _CANCELLED / len(apart)
        frames = []
        for mixed, *parts in zip(_frames(mix), *map(_frames, apart), strict=True):
            loudest = max(parts, key=_amplitude)
            amplitude = _amplitude(loudest)
            is_lost = amplitude >= _CANCELLED_FROM and _amplitude(mixed) <= loss * amplitude
            self._cancelled += is_lost
            frames.append(loudest if is_lost else mixed)
        return b"".join(frames)


class Sum:
    """The sum of several signals, as loud as fits.

    It becomes quieter, for good, where it would be clipped: six equal tracks are as loud as one of
    them, and a voice in one of six tracks is as loud as it was.
    """

    def __init__(self) -> None:
        self._gain = float("inf")

    def add(self, parts: Sequence[bytes]) -> bytes:
        """Return the sum of the next 16-bit samples of all signals; shorter ones have ended."""
        longest = max(map(len, parts))
        total = bytes(longest // SAMPLE_BYTES * _WIDE)
        for part in parts:
            wide = audioop.lin2lin(part.ljust(longest, b"\0"), SAMPLE_BYTES, _WIDE)
            total = audioop.add(total, audioop.mul(wide, _WIDE, 1 / len(parts)), _WIDE)
        peak = audioop.max(total, _WIDE)
        self._gain = min(self._gain, len(parts), _FULL_SCALE / peak if peak else len(parts))
        return audioop.lin2lin(audioop.mul(total, _WIDE, self._gain), _WIDE, SAMPLE_BYTES)


def mixed(tracks: Sequence[Iterator[bytes]]) -> Iterator[bytes]:
    """Yield the sum of mono tracks, each of which yields one second after another."""
    if len(tracks) == 1:
        yield from tracks[0]
        return
    total = Sum()
    for seconds in zip_longest(*tracks, fillvalue=b""):
        yield total.add(seconds)


def channels_with_speech(levels: "Mapping[Channel, array[float]]") -> frozenset[Channel] | None:
    """Return the channels to mix, if it is not all of them: none that is nothing but noise.

    A noise is steady, and a voice is not. Channels are left out only if there is a voice in others.

    Args:
        levels: The level of every FRAME_S of each channel, in dBFS.
    """
    voices = frozenset(channel for channel, found in levels.items() if not _is_noise(found))
    has_voice = any(_liveliness(levels[channel]) >= _LIVELY_DB for channel in voices)
    return voices if has_voice and len(voices) < len(levels) else None


def _is_noise(levels: Sequence[float]) -> bool:
    sounding = [at for at, level in enumerate(levels) if level > _SOUNDING_DB]
    if len(sounding) < _FEWEST_FRAMES:
        return False
    between = levels[sounding[0] : sounding[-1] + 1]
    return max(between) > _FAINT_DB and _liveliness(between) < _STEADY_DB


def _liveliness(levels: Sequence[float]) -> float:
    """Return by how many dB the loudest second is above the noise floor."""
    ordered = sorted(levels)
    return ordered[-_TOP_FRAMES:][0] - ordered[int(_FLOOR_SHARE * len(ordered))] if ordered else 0.0


def loses_sound(mix: ChannelMix) -> bool:
    """Return whether a plain mix of the channels would lose much of the sound."""
    return mix.cancelled_s > _CANCELLED_S


def _apart(samples: bytes, channels: int) -> list[bytes]:
    interleaved = array("h", samples)
    return [interleaved[channel::channels].tobytes() for channel in range(channels)]


def _frames(samples: bytes) -> list[bytes]:
    return [samples[at : at + _FRAME_BYTES] for at in range(0, len(samples), _FRAME_BYTES)]


def _amplitude(samples: bytes) -> int:
    return audioop.rms(samples, SAMPLE_BYTES)
