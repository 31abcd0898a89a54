"""Pieces of an audio file to upload: the whole file, or a byte range of an mp3's packets."""

import hashlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from meeting_pipeline.adapters.asr.transcript_filters import Span
from meeting_pipeline.domain.model import Audio

_BLOCK_BYTES = 1 << 20  # large, because each block waits for the interpreter lock


@dataclass(frozen=True)
class Packets:
    """The packets of an mp3; the file can be cut between two of them without decoding it.

    Attributes:
        starts: The offset of each packet's first byte, and the offset after the last packet.
        each_s: Duration of one packet, in seconds.
        lead_s: Seconds that decoders skip at the start of the file, but not at the start of a part
            of it.
    """

    starts: "array[int]"
    each_s: float
    lead_s: float


@dataclass(frozen=True)
class Piece:
    """A byte range of a file that is playable audio by itself.

    Attributes:
        path: The file.
        audio_format: "mp3", "m4a" …
        first_byte: Offset of the range in the file.
        size_bytes: Length of the range.
        start_s: Where the audio begins in the recording, exact to the packet.
        end_s: Where it ends in the recording, exact to the packet.
    """

    path: Path
    audio_format: str
    first_byte: int
    size_bytes: int
    start_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        """Its duration in seconds."""
        return self.end_s - self.start_s

    @cached_property
    def sha256(self) -> str:
        """Hex digest of its bytes."""
        digest = hashlib.sha256()
        for block in self.blocks():
            digest.update(block)
        return digest.hexdigest()

    def blocks(self) -> Iterator[bytes]:
        """Yield its bytes, reading the file block by block."""
        rest = self.size_bytes
        with self.path.open("rb") as stream:
            stream.seek(self.first_byte)
            while rest and (block := stream.read(min(rest, _BLOCK_BYTES))):
                rest -= len(block)
                yield block


def whole(audio: Audio) -> Piece:
    """Return the whole file as one piece."""
    return Piece(audio.path, audio.path.suffix[1:], 0, audio.size_bytes, 0.0, audio.duration_s)


def piece_of(mp3: Audio, packets: Packets, span: Span) -> Piece:
    """Return the piece of an mp3 that covers a span of the recording, in seconds."""
    first, last = (_packet_at(mp3, packets, second) for second in span)
    start_s, end_s = (packet * packets.each_s - packets.lead_s for packet in (first, last))
    first_byte = packets.starts[first]
    return Piece(mp3.path, "mp3", first_byte, packets.starts[last] - first_byte, start_s, end_s)


def _packet_at(mp3: Audio, packets: Packets, second: float) -> int:
    """Return the index of the packet that begins at a second, or after the last packet."""
    if second <= 0.0:
        return 0
    last = len(packets.starts) - 1
    if second >= mp3.duration_s:
        return last
    return min(last, round((second + packets.lead_s) / packets.each_s))
