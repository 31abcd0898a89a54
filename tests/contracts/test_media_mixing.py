"""All audio is used: every track, and every channel of each."""

from pathlib import Path

import pytest

from meeting_pipeline.domain.audio_warnings import NOISE_TRACK, UNDECODABLE_TRACK
from meeting_pipeline.errors import RecordError
from meeting_pipeline.ports.media import ExtractedAudio, MediaTool
from meeting_pipeline.ports.progress import no_progress
from tests.support.many_channels import SECONDS, Signal, noise, silence, tracks, voice, wav
from tests.support.media_tools import examine, sounds

pytestmark = pytest.mark.slow  # hundreds of files are recorded and decoded

HALF_S = SECONDS / 2
HEARD_S = 0.6 * SECONDS  # of a voice that speaks all the time


def heard_s(audio: ExtractedAudio, begins_s: float = 0.0, ends_s: float = SECONDS) -> float:
    """For how long there is sound between two moments."""
    spans = ((max(a, begins_s), min(b, ends_s)) for a, b in sounds(audio.levels))
    return sum(end - begin for begin, end in spans if end > begin)


def loudest(audio: ExtractedAudio) -> float:
    return max(audio.levels)


# ── tracks ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "mov", "m4a"])
def test_teacher_and_student_on_two_tracks_are_both_heard(
    suffix: str, tool: MediaTool, tmp_path: Path
) -> None:
    speakers = [[voice(0.0, HALF_S)], [voice(HALF_S, SECONDS)]]
    media = tracks(tmp_path / f"lesson.{suffix}", speakers)
    audio = examine(tool, media, tmp_path / "audio.flac")
    assert audio.duration_s == pytest.approx(SECONDS, abs=0.2)
    for begins_s in (0.0, HALF_S):
        assert heard_s(audio, begins_s, begins_s + HALF_S) == pytest.approx(HEARD_S / 2, abs=0.5)
    assert audio.warnings == ()


@pytest.mark.parametrize("voiced", range(3))
def test_a_voice_on_one_of_three_tracks_is_as_loud_as_it_was(
    voiced: int, tool: MediaTool, tmp_path: Path
) -> None:
    media = tracks(
        tmp_path / "lesson.mkv", [[voice() if at == voiced else silence()] for at in range(3)]
    )
    audio = examine(tool, media, tmp_path / "audio.flac")
    assert heard_s(audio) == pytest.approx(HEARD_S, abs=0.7)
    assert loudest(audio) == pytest.approx(-20.0, abs=2.0)


def test_six_equal_tracks_are_not_clipped(tool: MediaTool, tmp_path: Path) -> None:
    media = tracks(tmp_path / "lesson.mkv", [[voice(dbfs=-14.0)]] * 6)
    audio = examine(tool, media, tmp_path / "audio.flac")
    assert -18.0 < loudest(audio) < -9.0


def test_tracks_of_mono_and_stereo_are_mixed(tool: MediaTool, tmp_path: Path) -> None:
    stereo = [voice(HALF_S, SECONDS), silence()]
    media = tracks(tmp_path / "lesson.mkv", [[voice(0.0, HALF_S)], stereo])
    audio = examine(tool, media, tmp_path / "audio.flac")
    for begins_s in (0.0, HALF_S):
        assert heard_s(audio, begins_s, begins_s + HALF_S) == pytest.approx(HEARD_S / 2, abs=0.5)


@pytest.mark.parametrize("noisy", range(2))
def test_a_track_of_noise_is_left_out_with_a_warning(
    noisy: int, tool: MediaTool, tmp_path: Path
) -> None:
    signals = [[noise()] if at == noisy else [voice()] for at in range(2)]
    audio = examine(tool, tracks(tmp_path / "lesson.mkv", signals), tmp_path / "audio.flac")
    assert heard_s(audio) == pytest.approx(HEARD_S, abs=0.7)
    assert audio.warnings == (NOISE_TRACK,)


def test_a_recording_of_nothing_but_noise_stays_what_it_is(tool: MediaTool, tmp_path: Path) -> None:
    media = tracks(tmp_path / "lesson.mkv", [[noise()], [noise()]])
    audio = examine(tool, media, tmp_path / "audio.flac")
    assert heard_s(audio) == pytest.approx(SECONDS, abs=0.2)
    assert audio.warnings == ()


@pytest.mark.parametrize("undecodable", range(2))
def test_the_track_that_can_be_decoded_is_heard_with_a_warning_about_the_other_one(
    undecodable: int, tool: MediaTool, tmp_path: Path
) -> None:
    media = tracks(tmp_path / "lesson.mp4", [[voice()], [voice()]])
    media.write_bytes(_without_codec(media.read_bytes(), undecodable))
    info = tool.probe(media)
    assert (info.audio_codec, info.m4a_bytes) == ("aac", None)
    audio = examine(tool, media, tmp_path / "audio.flac")
    assert heard_s(audio) == pytest.approx(HEARD_S, abs=0.7)
    assert audio.warnings == (UNDECODABLE_TRACK,)


def test_a_file_none_of_whose_tracks_can_be_decoded_is_refused(
    tool: MediaTool, tmp_path: Path
) -> None:
    media = tracks(tmp_path / "lesson.mp4", [[voice()], [voice()]])
    media.write_bytes(_without_codec(_without_codec(media.read_bytes(), 1), 0))
    with pytest.raises(RecordError) as refused:
        tool.extract(media, tmp_path / "audio.flac", "flac", no_progress)
    assert refused.value.code == "unsupported_codec"


def _without_codec(mp4: bytes, track: int) -> bytes:
    """Give a track of an mp4 a codec that came after FFmpeg."""
    parts = mp4.split(b"mp4a")
    parts[track + 1] = parts[track + 1].replace(b"esds", b"free", 1)
    return b"".join(
        (b"" if not at else b"apac" if at == track + 1 else b"mp4a") + part
        for at, part in enumerate(parts)
    )


# ── channels ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("suffix", ["wav", "flac", "m4a", "mp3", "webm"])
@pytest.mark.parametrize("share", [1.0, 0.9])
def test_channels_that_cancel_one_another_do_not_become_silence(
    share: float, suffix: str, tool: MediaTool, tmp_path: Path
) -> None:
    left = voice()
    right = (-share * left).astype(left.dtype)
    audio = examine(tool, _stereo(tmp_path / f"lesson.{suffix}", left, right), tmp_path / "audio")
    assert heard_s(audio) == pytest.approx(HEARD_S, abs=0.9)
    assert loudest(audio) == pytest.approx(-20.0, abs=2.5)


def test_a_student_in_antiphase_is_heard_beside_a_teacher_in_phase(
    tool: MediaTool, tmp_path: Path
) -> None:
    teacher, student = voice(0.0, HALF_S), voice(HALF_S, SECONDS)
    media = wav(tmp_path / "lesson.wav", [teacher + student, teacher - student])
    audio = examine(tool, media, tmp_path / "audio.flac")
    for begins_s in (0.0, HALF_S):
        assert heard_s(audio, begins_s, begins_s + HALF_S) == pytest.approx(HEARD_S / 2, abs=0.5)


@pytest.mark.parametrize("suffix", ["wav", "m4a", "mp3"])
@pytest.mark.parametrize("noisy", range(2))
def test_noise_on_one_channel_does_not_cover_the_voice_on_the_other(
    noisy: int, suffix: str, tool: MediaTool, tmp_path: Path
) -> None:
    pair = [noise() if at == noisy else voice() for at in range(2)]
    audio = examine(tool, _stereo(tmp_path / f"lesson.{suffix}", *pair), tmp_path / "audio.flac")
    assert heard_s(audio) == pytest.approx(HEARD_S, abs=0.9)
    assert audio.warnings == ()


def test_two_voices_on_two_channels_are_both_kept(tool: MediaTool, tmp_path: Path) -> None:
    media = wav(tmp_path / "lesson.wav", [voice(0.0, HALF_S), voice(HALF_S, SECONDS)])
    audio = examine(tool, media, tmp_path / "audio.flac")
    for begins_s in (0.0, HALF_S):
        assert heard_s(audio, begins_s, begins_s + HALF_S) == pytest.approx(HEARD_S / 2, abs=0.5)


@pytest.mark.parametrize("channels", [3, 4, 6, 8, 9, 10, 11, 12, 16])
@pytest.mark.parametrize("where", ["first", "third", "fourth", "last"])
def test_every_channel_counts_the_same(
    channels: int, where: str, tool: MediaTool, tmp_path: Path
) -> None:
    voiced = {"first": 0, "third": 2, "fourth": min(3, channels - 1), "last": channels - 1}[where]
    signals = [voice() if at == voiced else silence() for at in range(channels)]
    audio = examine(tool, wav(tmp_path / "lesson.wav", signals), tmp_path / "audio.flac")
    assert heard_s(audio) == pytest.approx(HEARD_S, abs=0.7)
    assert loudest(audio) == pytest.approx(-20.0, abs=2.0)


def test_a_voice_is_found_among_many_noisy_channels(tool: MediaTool, tmp_path: Path) -> None:
    media = wav(tmp_path / "lesson.wav", [*([noise(-40.0)] * 7), voice()])
    audio = examine(tool, media, tmp_path / "audio.flac")
    assert heard_s(audio) == pytest.approx(HEARD_S, abs=0.7)


@pytest.mark.parametrize("pair", ["antiphase", "noise"])
def test_packets_that_a_server_would_mix_wrongly_are_not_sent_as_they_are(
    pair: str, tool: MediaTool, tmp_path: Path
) -> None:
    left = voice()
    media = _stereo(tmp_path / "lesson.m4a", left, -left if pair == "antiphase" else noise())
    assert tool.probe(media).m4a_bytes
    assert not tool.extract(media, tmp_path / "audio.m4a", "m4a", no_progress).plays_alike


def test_ordinary_stereo_is_sent_as_it_is(tool: MediaTool, tmp_path: Path) -> None:
    media = _stereo(tmp_path / "lesson.m4a", voice(), voice(0.0, HALF_S))
    assert tool.extract(media, tmp_path / "audio.m4a", "m4a", no_progress).plays_alike


def _stereo(path: Path, left: Signal, right: Signal) -> Path:
    codec = {".wav": "pcm_s16le", ".flac": "flac", ".mp3": "mp3", ".webm": "libopus"}
    return tracks(path, [[left, right]], codec.get(path.suffix, "aac"))
