"""B3.4 and B3.7: media made to reach further, or to take more, than media does."""

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from meeting_pipeline.adapters.media.ffmpeg import FFmpegMedia
from meeting_pipeline.adapters.media.pyav import PyAVMedia
from meeting_pipeline.adapters.media.sound import SAMPLE_RATE
from meeting_pipeline.domain.media_checks import (
    LARGEST_MEDIA_BYTES,
    LARGEST_TRANSCRIPT_BYTES,
    LONGEST_S,
)
from meeting_pipeline.errors import RecordError
from meeting_pipeline.ports.media import MediaTool
from meeting_pipeline.ports.progress import no_progress
from tests.support.generated_media import Take, claim_samples, record
from tests.support.system_programs import require_program
from tests.support.tracing import require_tracing

CANARY = "do-not-open-me"
DAY_S = 24 * 3600
WAYS = ("hls", "hls with a key", "concat", "sdp", "dash")
_OPENED = re.compile(r'open(?:at)?\(.*"[^"]*' + CANARY)
_CONNECTED = re.compile(r"connect\(.*(?:AF_INET|AF_INET6)")

TRY_EACH = """
import sys
from pathlib import Path
from meeting_pipeline.adapters.media.ffmpeg import FFmpegMedia
from meeting_pipeline.adapters.media.pyav import PyAVMedia
from meeting_pipeline.errors import MeetingError
from meeting_pipeline.ports.progress import no_progress
from meeting_pipeline.ports.media import MediaInfo

class Credulous(PyAVMedia):
    def probe(self, media):
        return MediaInfo(None, has_audio=True, audio_codec=None, created_at=None, plain_channels=1)

def extract(media):
    tool.extract(media, media.with_suffix(".out"), "wav", no_progress)

tool = PyAVMedia() if sys.argv[1] == "pyav" else FFmpegMedia(sys.argv[1], Credulous())
for media in map(Path, sys.argv[2:]):
    for act in (tool.probe, extract):
        try:
            act(media)
        except MeetingError as refusal:
            print(media.name, refusal.code)
"""


def crafted(way: str, target: str) -> str:
    """A text that FFmpeg would follow to its target."""
    return {
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\n{target}\n#EXT-X-ENDLIST\n",
        "hls with a key": f'#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="{target}"\n#EXTINF:6,\na.ts\n',
        "concat": f"ffconcat version 1.0\nfile '{target}'\n",
        "sdp": f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns={target}\nm=audio 9 RTP/AVP 0\n",
        "dash": f"<MPD xmlns='urn:mpeg:dash:schema:mpd:2011'><BaseURL>{target}</BaseURL></MPD>",
    }[way]


@pytest.fixture
def canary() -> Iterator[socket.socket]:
    """A port that nobody shall connect to."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener


@pytest.fixture
def files(tmp_path: Path, canary: socket.socket) -> list[Path]:
    """Every way to a file beside it, by its name, by its path, and to the port."""
    record(tmp_path / f"{CANARY}.m4a", Take())
    port = canary.getsockname()[1]
    near, far = f"{CANARY}.m4a", f"file:{tmp_path / CANARY}.m4a"
    targets = {"near": near, "far": far, "url": f"http://127.0.0.1:{port}/{CANARY}"}
    made = []
    for way in WAYS:
        for reach, target in targets.items():
            media = tmp_path / f"{way}-{reach}.mp4".replace(" ", "-")
            media.write_text(crafted(way, target))
            made.append(media)
    return made


def traced(log: Path, *command: str) -> str:
    """What a program and its children opened and connected to."""
    watched = ["strace", "-f", "-qq", "-e", "trace=open,openat,connect", "-o", str(log), *command]
    ended = subprocess.run(watched, capture_output=True, text=True, check=False, cwd=log.parent)
    assert "Traceback" not in ended.stderr, ended.stderr
    return log.read_text("utf-8", "replace")


@pytest.mark.parametrize("program", ["pyav", "ffmpeg"])
def test_security_04_a_playlist_named_mp4_opens_no_file_and_no_connection(
    program: str, files: list[Path], canary: socket.socket, tmp_path: Path
) -> None:
    require_tracing()
    tool = require_program("ffmpeg", "ffmpeg") if program == "ffmpeg" else program
    words = [sys.executable, "-c", TRY_EACH, tool, *map(str, files)]
    seen = traced(tmp_path / "log", *words)
    for media in files:
        assert media.name in seen, "it was looked at"
    assert not _OPENED.search(seen)
    assert not _CONNECTED.search(seen)
    with pytest.raises(BlockingIOError):
        canary.accept()


def test_security_04_without_our_options_ffmpeg_opens_it(files: list[Path], tmp_path: Path) -> None:
    """So that the test before this one would see it."""
    require_tracing()
    [concat] = [media for media in files if media.name == "concat-near.mp4"]
    command = (
        f"{require_program('ffmpeg', 'ffmpeg')} -v error -f concat -safe 0 -i {concat} -f null -"
    )
    assert _OPENED.search(traced(tmp_path / "log", *command.split()))


# ── bombs ────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(params=["pyav", "ffmpeg"])
def tool(request: pytest.FixtureRequest) -> MediaTool:
    if request.param == "pyav":
        return PyAVMedia()
    return FFmpegMedia(require_program("ffmpeg", "ffmpeg"), PyAVMedia())


def test_security_07_the_caps_are_those_of_the_page() -> None:
    assert LARGEST_MEDIA_BYTES == 20 << 30
    assert LARGEST_TRANSCRIPT_BYTES == 20 << 20
    assert LONGEST_S == DAY_S


def test_security_07_a_file_that_says_it_is_longer_than_a_day_is_not_decoded(
    tool: MediaTool, tmp_path: Path
) -> None:
    media = record(tmp_path / "long.flac", Take("flac"))
    claim_samples(media, (DAY_S + 60) * SAMPLE_RATE)
    for act in (tool.probe, lambda one: tool.extract(one, tmp_path / "out", "wav", no_progress)):
        with pytest.raises(RecordError) as refused:
            act(media)
        assert refused.value.code == "longer_than_a_day"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("program", ["pyav", "ffmpeg"])
def test_security_07_sound_that_does_not_say_how_long_it_is_is_given_up_at_the_cap(
    program: str, tmp_path: Path
) -> None:
    media = record(tmp_path / "endless.mp3", Take("mp3", changes=(("write_xing", "0"),)))
    assert PyAVMedia().probe(media).duration_s is None
    by_library = PyAVMedia(longest_s=2.0)
    by_program = FFmpegMedia(require_program("ffmpeg", "ffmpeg"), PyAVMedia(), longest_s=2.0)
    tool: MediaTool = by_library if program == "pyav" else by_program
    with pytest.raises(RecordError) as refused:
        tool.extract(media, tmp_path / "out", "flac", no_progress)
    assert refused.value.code == "longer_than_a_day"


def test_security_07_ffmpeg_has_limits_of_its_own(tmp_path: Path) -> None:
    media, told = record(tmp_path / "a.wav", Take("pcm_s16le")), tmp_path / "limits"
    liar = tmp_path / "ffmpeg"
    wait = 'while grep -q "address space *unlimited" /proc/self/limits; do :; done'
    tell = f"cat /proc/self/limits > {told}"
    liar.write_text(f"#!/bin/sh\n{wait}\n{tell}\nhead -c 32000 /dev/zero\n")
    liar.chmod(0o700)
    FFmpegMedia(str(liar), PyAVMedia()).extract(media, tmp_path / "out", "wav", no_progress)
    said = {line[:24].strip(): line[24:].split()[:2] for line in told.read_text().splitlines()}
    assert said["Max address space"] == [str(4 << 30)] * 2
    assert said["Max cpu time"] == ["7200", "7200"]
    assert said["Max file size"] == [str(3 << 30)] * 2
    assert said["Max core file size"] == ["0", "0"]
