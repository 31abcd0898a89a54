"""What is known of a recording once it was listened to; without numpy, which is as large as we."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from meeting_pipeline.adapters.asr.guards import Span


@dataclass(frozen=True)
class Sound:
    """A recording as it was heard once.

    speech: where it is clearly louder than its own noise; seconds, in order. duration_s: decoded
    seconds. is_mp3: whether the file may be cut between packets. packets: the byte where each
    begins, and where the last ends; packet_s: seconds of each. lead_s: what decoders leave out at
    the start of the file, but not of a piece of it.
    """

    levels: "array[float]"
    speech: Sequence[Span]
    duration_s: float
    is_mp3: bool
    packets: "array[int]"
    packet_s: float
    lead_s: float
