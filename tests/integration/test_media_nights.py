"""Nights over recordings with holes, late sound, several tracks and channels, as devices make them.

Real decoders, files and sockets; the sandbox is the speech service.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest

from meeting_pipeline import exit_codes
from meeting_pipeline.domain.audio_warnings import NOISE_TRACK, UNDECODABLE_TRACK
from meeting_pipeline.domain.views import RecordingDetail
from meeting_pipeline.sandbox.limits import ROOMY
from meeting_pipeline.sandbox.server import Sandbox
from tests.support import many_channels
from tests.support.command import meeting
from tests.support.sandbox_installation import Office
from tests.support.short_recordings import BURST_S, PERIOD_S, SECONDS, SHORT_IS_FINE, company, tone
from tests.support.timed_media import Timeline, hole, late, remuxed


@dataclass(frozen=True)
class Site:
    """A folder for one recording, and an installation that reads it."""

    folder: Path
    office: Office

    def night(self) -> RecordingDetail:
        """What a night makes of the recording."""
        assert self.office.night().exit_code == exit_codes.OK
        return self.office.detail(self.office.only().record_id)

    def sound(self) -> Path:
        """A lesson of two bursts, outside the folder."""
        return tone(self.folder.parent, 1)

    def samples(self) -> many_channels.Signal:
        """The same lesson, as samples."""
        with av.open(str(self.sound())) as container:
            blocks = [frame.to_ndarray()[0] for frame in container.decode(audio=0)]
        longest = int(many_channels.SECONDS * many_channels.RATE)
        samples = (np.concatenate(blocks) * 32_767).astype(np.int16)[:longest]
        return np.pad(samples, (0, longest - samples.size))


@pytest.fixture(params=["pyav", "ffmpeg"])
def site(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    if request.param == "pyav":
        monkeypatch.setenv("PATH", "")
    folder = tmp_path / "录制"
    folder.mkdir()
    ours = {
        "MEETING_SOURCE": "folder",
        "MEETING_FOLDER": str(folder),
        "SETTLE_S": "0",
        "LLM_BACKEND": "extractive",
        "NOTIFY_URLS": "",
        **SHORT_IS_FINE,
    }
    with Sandbox(company(), limits=ROOMY) as sandbox:
        yield Site(folder, Office(sandbox, tmp_path / "data", changes=ours))


def assert_times(detail: RecordingDetail, *starts_s: float) -> None:
    """Both bursts are there, and begin then."""
    assert detail.transcript
    begins = [segment.start_s for segment in detail.transcript.segments]
    assert begins == pytest.approx(starts_s, abs=0.3)
    lengths = [one.end_s - one.start_s for one in detail.transcript.segments]
    assert lengths == pytest.approx([BURST_S] * len(starts_s), abs=0.3)


@pytest.mark.parametrize("suffix", ["m4a", "mp4", "mkv"])
@pytest.mark.parametrize(
    ("timeline", "starts_s", "length_s"),
    [
        (late(12.0), (12.0, 12.0 + PERIOD_S), 12.0 + SECONDS),
        (hole(3.0, 21.0), (0.0, 21.0 + PERIOD_S), 21.0 + SECONDS),
        (hole(3.0, 0.4), (0.0, 0.4 + PERIOD_S), 0.4 + SECONDS),
    ],
    ids=["late", "long hole", "short hole"],
)
def test_stored_times_are_those_of_the_container(
    suffix: str, timeline: Timeline, starts_s: tuple[float, ...], length_s: float, site: Site
) -> None:
    remuxed(site.sound(), site.folder / f"lesson.{suffix}", timeline)
    detail = site.night()
    assert_times(detail, *starts_s)
    assert detail.transcript and detail.transcript.duration_s == pytest.approx(length_s, abs=0.3)
    assert detail.transcript.warnings == ()


def test_channels_in_antiphase_are_encoded_for_the_speech_service(site: Site) -> None:
    left = site.samples()
    many_channels.tracks(site.folder / "lesson.m4a", [[left, -left]])
    assert_times(site.night(), 0.0, PERIOD_S)
    assert "audio.mp3" in site.office.files()


def test_a_track_that_is_left_out_is_a_warning_of_show_and_why(site: Site) -> None:
    noise = many_channels.noise()
    many_channels.tracks(site.folder / "lesson.mkv", [[noise], [site.samples()]])
    detail = site.night()
    assert_times(detail, 0.0, PERIOD_S)
    assert detail.transcript and detail.transcript.warnings == (NOISE_TRACK,)
    for command in ("show", "why"):
        told = meeting(command, "1", env=site.office.environment)
        assert "音轨" in told.out and "audio track" in told.out
    assert NOISE_TRACK in meeting("why", "1", "--json", env=site.office.environment).out


def test_the_track_beside_one_that_cannot_be_decoded_is_transcribed(site: Site) -> None:
    media = site.folder / "lesson.mp4"
    many_channels.tracks(media, [[site.samples()], [many_channels.voice()]])
    before, first, second = media.read_bytes().split(b"mp4a")
    media.write_bytes(before + b"mp4a" + first + b"apac" + second.replace(b"esds", b"free", 1))
    detail = site.night()
    assert_times(detail, 0.0, PERIOD_S)
    assert detail.transcript and detail.transcript.warnings == (UNDECODABLE_TRACK,)
