"""Index of an mp3's packets.

This runs in a decoder process: FFmpeg's libraries take as much memory as the rest of the program.
"""

from array import array
from pathlib import Path

import av

from meeting_pipeline.adapters.asr.pieces import Packets
from meeting_pipeline.errors import RecordError


def packets_of(path: Path) -> Packets:
    """Return where the packets of an mp3 are, without decoding them.

    Raises:
        RecordError: "corrupt_media" when the file cannot be read.
    """
    starts = array("I")  # 32 bits are enough: 4 GB of this audio last twelve days
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
