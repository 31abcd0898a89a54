"""A part of an mp3 file as an upload of its own: a range of its packets, byte for byte."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from meeting_pipeline.adapters.asr.levels import Sound
from meeting_pipeline.adapters.asr.transcript_filters import Span
from meeting_pipeline.domain.model import Audio

_BLOCK_BYTES = 1 << 20  # every block is a wait for the interpreter's lock


@dataclass(frozen=True)
class Piece:
    """Some bytes of a file that are sound by themselves.

    audio_format: "mp3", "m4a" … start_s, end_s: where that sound is in the recording, exact to the
    packet.
    """

    path: Path
    audio_format: str
    first_byte: int
    size_bytes: int
    start_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        """Its length in seconds."""
        return self.end_s - self.start_s

    @cached_property
    def sha256(self) -> str:
        """The hex digest of its bytes."""
        digest = hashlib.sha256()
        for block in self.blocks():
            digest.update(block)
        return digest.hexdigest()

    def blocks(self) -> Iterator[bytes]:
        """Its bytes, read from the disk as they are wanted."""
        rest = self.size_bytes
        with self.path.open("rb") as stream:
            stream.seek(self.first_byte)
            while rest and (block := stream.read(min(rest, _BLOCK_BYTES))):
                rest -= len(block)
                yield block


def piece_of(audio: Audio, sound: Sound, span: Span) -> Piece:
    """The packets of this part of the recording; the whole file where the span is all of it.

    A part of it is cut between packets: the file must be an mp3 then.
    """
    if span == whole(sound):
        audio_format = "mp3" if sound.is_mp3 else audio.path.suffix[1:]
        return Piece(audio.path, audio_format, 0, audio.size_bytes, *span)
    assert sound.is_mp3
    first, last = (_packet_at(sound, second) for second in span)
    start_s, end_s = (packet * sound.packet_s - sound.lead_s for packet in (first, last))
    first_byte = sound.packets[first]
    size = sound.packets[last] - first_byte
    return Piece(audio.path, "mp3", first_byte, size, start_s, end_s)


def whole(sound: Sound) -> Span:
    """Everything."""
    return 0.0, sound.duration_s


def _packet_at(sound: Sound, second: float) -> int:
    """The packet that begins there; the first at the start, the end of the last at the end."""
    if second <= 0.0:
        return 0
    last = len(sound.packets) - 1
    if second >= sound.duration_s:
        return last
    return min(last, round((second + sound.lead_s) / sound.packet_s))
