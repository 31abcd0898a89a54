"""Looks for the packets of an mp3; a decoder does it, which is as large as the rest of us."""

from array import array
from pathlib import Path

import av

from meeting_pipeline.adapters.asr.pieces import Packets
from meeting_pipeline.errors import RecordError


def packets_of(path: Path) -> Packets:
    """Find the packets of an mp3; nothing is decoded.

    Raises:
        RecordError: "corrupt_media", it cannot be read.
    """
    starts = array("I")  # audio of 4 GB lasts twelve days
    end = ticks = 0
    try:
        with av.open(f"file:{path}") as container:
            track = container.streams.audio[0]
            for packet in container.demux(track):
                if packet.size:
                    starts.append(packet.pos or 0)
                    end, ticks = starts[-1] + packet.size, packet.duration or 0
            assert track.time_base is not None
            each_s, lead_s = (
                float(one * track.time_base) for one in (ticks, track.start_time or 0)
            )
    except (av.FFmpegError, IndexError) as error:
        what = f"{path.name} cannot be read ({type(error).__name__})"
        raise RecordError("corrupt_media", what) from error
    starts.append(end)
    return Packets(starts, each_s, lead_s)
