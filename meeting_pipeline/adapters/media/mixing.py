"""One channel from many: the channels of a track, and the tracks of a recording.

Every channel counts the same, whatever a layout that was guessed from their number calls it.
"""

import audioop  # in C, and without the memory that numpy would take
from array import array
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import TypeAlias

from meeting_pipeline.adapters.media.sound import FRAME, SAMPLE_BYTES, SAMPLE_RATE

Channel: TypeAlias = tuple[int, int]
"""The number of a track, and of a channel in it."""

_FRAME_BYTES = FRAME * SAMPLE_BYTES
_STEREO = 2
_WIDE, _FULL_SCALE = 4, (1 << 31) - 1  # samples that sums are made of
_CANCELLED = 0.5  # of the loudest channel is the most that is left where channels cancel
_CANCELLED_FROM = 32  # amplitude of 16-bit samples, -60 dBFS: there is nothing to lose below
_CANCELLED_S = 1.0  # a mix that loses less is good enough
_FAINT = 10  # -70 dBFS: noise below does not disturb
_STEADY, _LIVELY = 3.2, 10.0  # 10 dB, 20 dB
_FLOOR_SHARE = 0.1
_TOP_FRAMES = 20  # one second
_FEWEST_FRAMES = 60


class ChannelMix:
    """The mono mix of a track's channels; each of them is measured.

    Where the channels cancel one another (right = -left), the loudest of them is taken instead.

    Args:
        track: The number of the track.
        kept: The channels to mix, if it is not all of them.
        is_alone: Whether there is no other track: then a single channel need not be measured.
    """

    def __init__(
        self,
        track: int = 0,
        kept: frozenset[Channel] | None = None,
        *,
        is_alone: bool = True,
    ) -> None:
        self._track = track
        self._is_alone = is_alone
        self._kept = kept
        self._total = Sum()
        self._amplitudes: dict[Channel, array[int]] = {}
        self._cancelled = 0

    @property
    def amplitudes(self) -> "Mapping[Channel, array[int]]":
        """The amplitude of every FRAME_S of each channel."""
        return self._amplitudes

    @property
    def cancelled_s(self) -> float:
        """How many seconds of sound a plain mix of the channels would have lost."""
        return self._cancelled * FRAME / SAMPLE_RATE

    def add(self, samples: bytes, channels: int) -> bytes:
        """Return the mono mix of the next interleaved 16-bit samples, in whole frames."""
        if channels == 1 and self._is_alone:
            return samples
        lanes = _apart(samples, channels)
        amplitudes = [_amplitudes(lane) for lane in lanes]
        for at, found in enumerate(amplitudes):
            self._amplitudes.setdefault((self._track, at), array("l")).extend(found)
        kept = list(range(channels))
        if self._kept is not None:  # the number of channels may change: then they are all kept
            kept = [at for at in kept if (self._track, at) in self._kept] or kept
        if len(kept) == 1:
            return lanes[kept[0]]
        lanes, amplitudes = [lanes[at] for at in kept], [amplitudes[at] for at in kept]
        if len(kept) == channels == _STEREO:
            mix = audioop.tomono(samples, SAMPLE_BYTES, 0.5, 0.5)
        else:
            mix = self._total.add(lanes)
        return self._without_cancelling(mix, lanes, amplitudes)

    def _without_cancelling(
        self, mix: bytes, lanes: Sequence[bytes], amplitudes: Sequence[Sequence[int]]
    ) -> bytes:
        least = _CANCELLED / len(lanes)
        loudest = [max(frame) for frame in zip(*amplitudes, strict=True)]
        lost = [
            at
            for at, amplitude in enumerate(_amplitudes(mix))
            if amplitude <= least * loudest[at] and loudest[at] >= _CANCELLED_FROM
        ]
        if not lost:
            return mix
        self._cancelled += len(lost)
        repaired = bytearray(mix)
        for at in lost:
            frame = slice(at * _FRAME_BYTES, (at + 1) * _FRAME_BYTES)
            lane = max(range(len(lanes)), key=lambda lane: amplitudes[lane][at])
            repaired[frame] = lanes[lane][frame]
        return bytes(repaired)


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


def channels_with_speech(
    amplitudes: "Mapping[Channel, Sequence[int]]",
) -> frozenset[Channel] | None:
    """Return the channels to mix, if it is not all of them: none that is nothing but noise.

    A noise is steady, and a voice is not. Channels are left out only if there is a voice in others.

    Args:
        amplitudes: The amplitude of every FRAME_S of each channel.
    """
    voices = frozenset(channel for channel, found in amplitudes.items() if not _is_noise(found))
    has_voice = any(_liveliness(amplitudes[channel]) >= _LIVELY for channel in voices)
    return voices if has_voice and len(voices) < len(amplitudes) else None


def _is_noise(amplitudes: Sequence[int]) -> bool:
    sounding = [at for at, amplitude in enumerate(amplitudes) if amplitude]
    if len(sounding) < _FEWEST_FRAMES:
        return False
    between = amplitudes[sounding[0] : sounding[-1] + 1]
    return max(between) > _FAINT and _liveliness(between) < _STEADY


def _liveliness(amplitudes: Sequence[int]) -> float:
    """Return how many times louder the loudest second is than the noise floor."""
    if not amplitudes:
        return 0.0
    ordered = sorted(amplitudes)
    return ordered[-_TOP_FRAMES:][0] / max(1, ordered[int(_FLOOR_SHARE * len(ordered))])


def loses_sound(mix: ChannelMix) -> bool:
    """Return whether a plain mix of the channels would lose much of the sound."""
    return mix.cancelled_s > _CANCELLED_S


def _apart(samples: bytes, channels: int) -> list[bytes]:
    interleaved = array("h", samples)
    return [interleaved[channel::channels].tobytes() for channel in range(channels)]


def _amplitudes(samples: bytes) -> list[int]:
    view = memoryview(samples)
    return [
        audioop.rms(view[at : at + _FRAME_BYTES], SAMPLE_BYTES)
        for at in range(0, len(view), _FRAME_BYTES)
    ]
