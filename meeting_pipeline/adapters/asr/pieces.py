"""A part of an mp3 file as an upload of its own: a range of its packets, byte for byte."""

import hashlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from meeting_pipeline.adapters.asr.transcript_filters import Span
from meeting_pipeline.domain.model import Audio

_BLOCK_BYTES = 1 << 20  # every block is a wait for the interpreter's lock


@dataclass(frozen=True)
class Packets:
    """The packets of an mp3; between two of them it can be cut without decoding it.

    Attributes:
        starts: The byte where each begins, and where the last ends.
        each_s: Seconds of each.
        lead_s: Seconds that decoders leave out at the start of the file, but not of a part of it.
    """

    starts: "array[int]"
    each_s: float
    lead_s: float


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


def whole(audio: Audio) -> Piece:
    """Return all of a file as it is."""
    return Piece(audio.path, audio.path.suffix[1:], 0, audio.size_bytes, 0.0, audio.duration_s)


def piece_of(mp3: Audio, packets: Packets, span: Span) -> Piece:
    """Return the packets of this part of an mp3."""
    first, last = (_packet_at(mp3, packets, second) for second in span)
    start_s, end_s = (packet * packets.each_s - packets.lead_s for packet in (first, last))
    first_byte = packets.starts[first]
    return Piece(mp3.path, "mp3", first_byte, packets.starts[last] - first_byte, start_s, end_s)


def _packet_at(mp3: Audio, packets: Packets, second: float) -> int:
    """Return the packet that begins there: at the end of the sound the end of the last one."""
    if second <= 0.0:
        return 0
    last = len(packets.starts) - 1
    if second >= mp3.duration_s:
        return last
    return min(last, round((second + packets.lead_s) / packets.each_s))
