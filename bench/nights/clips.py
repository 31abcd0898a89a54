"""Recordings for a night: ninety seconds that sound like speech, different bytes for each record.

The sound is encoded once; every record has its packets in another order, so its media and its
audio are its own. A `free` box brings it to the size of a recording with pictures.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av

RATE = 48_000
_PACKET = 1_024
_SHIFT = 29  # packets between the beginnings of two records
_SYLLABLES = (
    f"anoisesrc=c=pink:r={RATE}:a=0.6:seed=7,bandpass=f=900:width_type=h:w=1600,tremolo=f=3:d=0.8"
)


def make_clips(folder: Path, count: int, seconds: float) -> list[Path]:
    """`count` mp4 files with that much sound; what is there already is used."""
    folder.mkdir(parents=True, exist_ok=True)
    base = folder / "base.m4a"
    if not base.exists():
        _encode(base, seconds)
    with av.open(str(base)) as container:
        track = container.streams.audio[0]
        packets = [bytes(packet) for packet in container.demux(track) if packet.size]
        clips = [folder / f"{number}.mp4" for number in range(count)]
        for number, clip in enumerate(clips):
            if not clip.exists():
                turn = number * _SHIFT % len(packets)
                _write(clip, track, packets[turn:] + packets[:turn])
    return clips


def make_silent_film(folder: Path, seconds: float) -> Path:
    """An mp4 without an audio track."""
    film = folder / "film.mp4"
    picture = f"color=c=gray:s=320x180:r=1:d={seconds}"
    _ffmpeg("-f", "lavfi", "-i", picture, "-c:v", "mpeg4", "-f", "mp4", str(film))
    return film


def _encode(target: Path, seconds: float) -> None:
    source = f"{_SYLLABLES},atrim=end={seconds}"
    _ffmpeg("-f", "lavfi", "-i", source, "-ac", "2", "-c:a", "aac", "-b:a", "96k", str(target))


def _write(target: Path, like: Any, packets: list[bytes]) -> None:
    part = target.with_suffix(".part")
    with av.open(str(part), "w", format="mp4", options={"movflags": "faststart"}) as container:
        track = container.add_stream_from_template(like)
        for packet in _timed(packets, like, track):
            container.mux(packet)
    part.rename(target)


def _timed(packets: list[bytes], like: Any, track: Any) -> Iterator[Any]:
    for place, content in enumerate(packets):
        packet = av.Packet(content)
        packet.pts = packet.dts = place * _PACKET
        packet.duration, packet.time_base, packet.stream = _PACKET, like.time_base, track
        packet.is_keyframe = True
        yield packet


def _ffmpeg(*words: str) -> None:
    command = ["ffmpeg", "-nostdin", "-y", "-loglevel", "error", *words]
    subprocess.run(command, check=True, capture_output=True)
