"""Every media tool gives the same verdict on every generated media file."""

import hashlib
import re
import shutil
import socket
import wave
from datetime import UTC, datetime
from pathlib import Path

import av
import numpy as np
import pytest

from meeting_pipeline.domain.levels import FRAME_S
from meeting_pipeline.errors import (
    FatalError,
    MeetingError,
    RecordError,
    RetryableError,
    SkipRecord,
)
from meeting_pipeline.ports.media import MediaTool
from meeting_pipeline.ports.progress import no_progress
from tests.support import undecodable_media
from tests.support.generated_media import PAGE, SECONDS, Take, cut, overwrite, page, pipe, record
from tests.support.media_tools import examine, silent_share

FASTSTART = (("movflags", "+faststart"),)
FRAGMENTS = (("movflags", "+empty_moov+default_base_moof"), ("frag_duration", "1000000"))

GOOD: dict[str, Take] = {
    "moov_at_end.mp4": Take(video_s=SECONDS),
    "faststart.mp4": Take(video_s=SECONDS, changes=FASTSTART),
    "sound.m4a": Take(rate=48_000),
    "mono_8k.m4a": Take(rate=8_000, layout="mono"),
    "surround.m4a": Take(rate=48_000, layout="5.1"),
    "sound.mp3": Take("mp3", rate=44_100),
    "mono_8k.mp3": Take("mp3", rate=8_000, layout="mono", bit_rate=16_000),
    "no_header.mp3": Take("mp3", changes=(("write_xing", "0"), ("id3v2_version", "0"))),
    "sound.wav": Take("pcm_s16le", rate=22_050),
    "sound.flac": Take("flac", rate=44_100),
    "sound.ogg": Take("libopus"),
    "vorbis.ogg": Take("vorbis", rate=44_100),
    "two_tracks.ogg": Take("libopus", tracks=2),
    "sound.mkv": Take(video_s=SECONDS),
    "sound.webm": Take("libopus", video_s=SECONDS),
    "uneven_frames.mp4": Take(video_s=SECONDS, uneven=True),
    "late_sound.mp4": Take(video_s=SECONDS, late_s=2.0),
    "late_sound.mkv": Take(video_s=SECONDS, late_s=2.0),
    "video_goes_on.mp4": Take(video_s=SECONDS + 10),
    "video_goes_on.mkv": Take(video_s=SECONDS + 10),
    "video_goes_on.webm": Take("libopus", video_s=SECONDS + 10),
    "two_tracks.mp4": Take(video_s=SECONDS, tracks=2),
    "cover.m4a": Take(cover=True, muxer="mp4"),
    "cover.mp3": Take("mp3", cover=True),
}
PIPED: dict[str, Take] = {
    "browser.webm": Take("libopus", video_s=SECONDS, muxer="webm"),
    "browser_fragments.mp4": Take(video_s=SECONDS, muxer="mp4", changes=FRAGMENTS),
    "late_fragments.mp4": Take(video_s=SECONDS, late_s=2.0, muxer="mp4", changes=FRAGMENTS),
    "piped_pcm.mkv": Take("pcm_s16le", video_s=SECONDS, muxer="matroska"),
    "piped.mp3": Take("mp3", muxer="mp3"),
    "piped.flac": Take("flac", muxer="flac"),
    "piped.wav": Take("pcm_s16le", muxer="wav"),
    "piped.ogg": Take("libopus", muxer="ogg"),
}
BAD = {
    "page.mp4": "not_media",
    "answer.mp4": "not_media",
    "denied.mp4": "not_media",
    "playlist.mp4": "not_media",
    "empty.mp4": "empty_file",
    "zeros.mp4": "not_media",
    "noise.mp4": "not_media",
    "picture_only.mp4": "no_audio",
    "silent.m4a": "silent",
    "no_sound_yet.mp4": "no_audio",
    "no_samples.wav": "too_short",
    "half_a_second.m4a": "too_short",
    "faststart_half.mp4": "truncated_media",
    "faststart_99.mp4": "truncated_media",
    "moov_at_end_half.mp4": "truncated_media",
    "half.mkv": "truncated_media",
    "half.webm": "truncated_media",
    "half.mp3": "truncated_media",
    "half.wav": "truncated_media",
    "hole.mp4": "corrupt_media",
    "page_inside.mp4": "corrupt_media",
    "page_inside.webm": "truncated_media",
    "page_inside.mp3": "corrupt_media",
    "most_of_opus.ogg": "truncated_media",
    "most_of_vorbis.ogg": "truncated_media",
    "opus_99.ogg": "truncated_media",
    "half.flac": "corrupt_media",
    "hole.flac": "corrupt_media",
    "scratch.flac": "corrupt_media",
    "frames_gone.flac": "corrupt_media",
    "wrong_size.m4a": "wrong_size",
}


@pytest.fixture(scope="session")
def media_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    room = tmp_path_factory.mktemp("media_files")
    for name, take in GOOD.items():
        record(room / name, take)
    for name, take in PIPED.items():
        pipe(room / name, take)
    _make_bad(room)
    return room


def _make_bad(room: Path) -> None:
    texts = {
        "page.mp4": b"\xef\xbb\xbf\r\n" + PAGE,
        "answer.mp4": '{"error_info": {"error_code": 9003, "message": "会议不存在"}}'.encode(),
        "denied.mp4": b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
        "playlist.mp4": b"#EXTM3U\n#EXTINF:6,\nsound.m4a\n#EXT-X-ENDLIST\n",
        "empty.mp4": b"",
        "zeros.mp4": bytes(4096),
        "noise.mp4": hashlib.shake_128(b"noise").digest(20_000),
    }
    for name, data in texts.items():
        (room / name).write_bytes(data)
    record(room / "picture_only.mp4", Take(video_s=2, tracks=0))
    record(room / "silent.m4a", Take(silent=True))
    record(room / "no_sound_yet.mp4", Take(video_s=2, seconds=0))
    record(room / "no_samples.wav", Take("pcm_s16le", seconds=0))
    record(room / "half_a_second.m4a", Take(seconds=0.5))
    cut(room / "faststart.mp4", room / "faststart_half.mp4", 0.5)
    long = record(room / "long.m4a", Take(seconds=40, rate=16_000, changes=FASTSTART))
    cut(long, room / "faststart_99.mp4", 0.99)
    cut(room / "moov_at_end.mp4", room / "moov_at_end_half.mp4", 0.5)
    for suffix in ("mkv", "webm", "mp3", "wav", "flac"):
        cut(room / f"sound.{suffix}", room / f"half.{suffix}", 0.5)
    cut(room / "sound.ogg", room / "most_of_opus.ogg", 0.6)
    cut(room / "vorbis.ogg", room / "most_of_vorbis.ogg", 0.6)
    cut(room / "sound.ogg", room / "opus_99.ogg", 0.99)
    overwrite(room / "faststart.mp4", room / "hole.mp4", bytes)
    overwrite(room / "sound.flac", room / "hole.flac", bytes)
    overwrite(room / "sound.flac", room / "scratch.flac", bytes, share=0.01)
    overwrite(room / "sound.flac", room / "frames_gone.flac", lambda _: b"")
    for suffix in ("webm", "mp3"):
        overwrite(room / f"sound.{suffix}", room / f"page_inside.{suffix}", page)
    overwrite(room / "faststart.mp4", room / "page_inside.mp4", page)
    shutil.copy(room / "sound.m4a", room / "wrong_size.m4a")


@pytest.mark.parametrize("name", [*GOOD, *PIPED])
def test_all_of_the_sound_of_a_good_file_comes_out(
    name: str, tool: MediaTool, media_files: Path, tmp_path: Path
) -> None:
    audio = examine(tool, media_files / name, tmp_path / "audio.flac.part")
    late_s = {**GOOD, **PIPED}[name].late_s
    assert audio.duration_s == pytest.approx(late_s + SECONDS, abs=0.2)
    assert silent_share(audio) * audio.duration_s == pytest.approx(late_s, abs=0.2)


def test_what_other_programs_put_behind_the_last_frame_of_a_flac_is_no_damage(
    tool: MediaTool, media_files: Path, tmp_path: Path
) -> None:
    tagged = tmp_path / "tagged.flac"
    tagged.write_bytes((media_files / "sound.flac").read_bytes() + b"TAG" + bytes(125))
    audio = examine(tool, tagged, tmp_path / "audio.flac.part")
    assert audio.duration_s == pytest.approx(SECONDS, abs=0.2)


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_for_its_reason(
    name: str, tool: MediaTool, media_files: Path, tmp_path: Path
) -> None:
    with pytest.raises(MeetingError) as refused:
        examine(tool, media_files / name, tmp_path / "audio.flac.part")
    assert refused.value.code == BAD[name]
    assert str(media_files) not in refused.value.message
    assert str(tmp_path) not in refused.value.message


@pytest.mark.parametrize("name", undecodable_media.NAMES)
def test_sound_that_no_decoder_knows_is_described_and_refused_with_what_to_do(
    name: str, tool: MediaTool, tmp_path: Path
) -> None:
    media = undecodable_media.undecodable(tmp_path / name)
    info = tool.probe(media)
    assert (info.has_audio, info.audio_codec, info.m4a_bytes) == (True, None, None)
    assert info.duration_s is not None and info.duration_s > 9
    for audio_format in ("flac", "m4a"):
        with pytest.raises(RecordError) as refused:
            tool.extract(media, tmp_path / "audio.part", audio_format, no_progress)
        assert refused.value.code == "unsupported_codec"
        assert name in refused.value.message
        assert "convert" in refused.value.message


TAKEN = [
    *("moov_at_end.mp4", "faststart.mp4", "sound.m4a", "mono_8k.m4a"),
    *("uneven_frames.mp4", "video_goes_on.mp4", "cover.m4a"),
]


@pytest.mark.parametrize("name", TAKEN)
def test_aac_goes_into_an_m4a_sample_by_sample_as_it_is(
    name: str, tool: MediaTool, media_files: Path, tmp_path: Path
) -> None:
    target = tmp_path / "audio.m4a.part"
    audio = examine(tool, media_files / name, target, "m4a")
    promised = tool.probe(media_files / name)
    assert promised.m4a_bytes == pytest.approx(target.stat().st_size, rel=0.1, abs=2_000)
    assert tool.probe(target).duration_s == pytest.approx(audio.duration_s, abs=0.05)
    assert decoded(target) == decoded(media_files / name)
    assert target.stat().st_mode & 0o777 == 0o600
    made = target.read_bytes()
    assert made.index(b"moov") < made.index(b"mdat"), "who reads it once must find its index first"
    assert b"title" not in made


def decoded(media: Path) -> bytes:
    """Every sample of the first audio track."""
    with av.open(str(media)) as container:
        frames = container.decode(container.streams.audio[0])
        return b"".join(bytes(frame.to_ndarray().tobytes()) for frame in frames)


@pytest.mark.parametrize("name", sorted({*GOOD, *PIPED} - {*TAKEN}))
def test_what_cannot_go_into_an_m4a_as_it_is_is_known_before(
    name: str, tool: MediaTool, media_files: Path
) -> None:
    assert tool.probe(media_files / name).m4a_bytes is None


@pytest.mark.parametrize(
    "name",
    ["hole.mp4", "page_inside.mp4", "faststart_half.mp4", "faststart_99.mp4", "silent.m4a"],
)
def test_a_bad_file_is_refused_for_its_reason_also_where_its_packets_would_be_taken(
    name: str, tool: MediaTool, media_files: Path, tmp_path: Path
) -> None:
    with pytest.raises(MeetingError) as refused:
        examine(tool, media_files / name, tmp_path / "audio.m4a.part", "m4a")
    assert refused.value.code == BAD[name]


@pytest.mark.parametrize("name", ["sound.ogg", "vorbis.ogg", "piped.ogg"])
def test_an_ogg_file_that_was_cut_is_refused_before_it_is_decoded(
    name: str, tool: MediaTool, media_files: Path, tmp_path: Path
) -> None:
    with pytest.raises(MeetingError) as refused:
        tool.probe(cut(media_files / name, tmp_path / name, 0.6))
    assert refused.value.code == "truncated_media"


def test_damage_is_refused_with_how_far_the_sound_can_be_decoded(
    tool: MediaTool, media_files: Path, tmp_path: Path
) -> None:
    with pytest.raises(RecordError) as refused:
        tool.extract(media_files / "hole.mp4", tmp_path / "audio.flac", "flac", no_progress)
    assert refused.value.code == "corrupt_media"
    assert (told := re.search(r"\(after (\d+\.\d) s\)$", refused.value.message))
    assert 0.0 <= float(told[1]) < SECONDS


def test_a_refusal_names_the_file_and_not_where_it_lies(
    tool: MediaTool, media_files: Path, tmp_path: Path
) -> None:
    refusals = []
    for media, target in [
        (media_files / "noise.mp4", tmp_path / "audio.flac.part"),
        (media_files / "hole.mp4", tmp_path / "audio.flac.part"),
        (media_files / "missing.mp4", tmp_path / "audio.flac.part"),
        (media_files / "sound.m4a", tmp_path),
    ]:
        with pytest.raises(MeetingError) as refused:
            tool.extract(media, target, "flac", no_progress)
        refusals.append(refused.value.message)
        assert (target if target == tmp_path else media).name in refused.value.message
    assert not [one for one in refusals if str(media_files) in one or str(tmp_path) in one]


@pytest.mark.parametrize(
    ("audio_format", "codec"), [("flac", "flac"), ("wav", "pcm_s16le"), ("mp3", "mp3")]
)
def test_the_format_is_the_one_asked_for_whatever_the_name(
    audio_format: str, codec: str, tool: MediaTool, media_files: Path, tmp_path: Path
) -> None:
    target = tmp_path / "audio.part"
    audio = tool.extract(media_files / "surround.m4a", target, audio_format, no_progress)
    with av.open(str(target)) as made:
        sound = made.streams.audio[0].codec_context
        assert (sound.codec.canonical_name, sound.sample_rate, sound.channels) == (codec, 16_000, 1)
        if audio_format == "mp3":
            assert sound.bit_rate == 32_000
        else:
            assert sound.format.bits == 16
        heard = sum(frame.samples for frame in made.decode(audio=0)) / 16_000
        assert "title" not in made.metadata
    assert heard == pytest.approx(audio.duration_s, abs=0.1)


def test_security_06_the_sound_is_readable_by_its_owner_alone(
    tool: MediaTool, media_files: Path, tmp_path: Path
) -> None:
    tool.extract(media_files / "sound.m4a", tmp_path / "audio.part", "flac", no_progress)
    assert (tmp_path / "audio.part").stat().st_mode & 0o777 == 0o600


def test_what_was_there_before_is_replaced(
    tool: MediaTool, media_files: Path, tmp_path: Path
) -> None:
    fresh, used = tmp_path / "fresh", tmp_path / "used"
    used.write_bytes(bytes(5_000_000))
    for target in (fresh, used):
        tool.extract(media_files / "sound.m4a", target, "wav", no_progress)
    assert fresh.read_bytes() == used.read_bytes()


def test_sound_that_changes_its_shape_goes_on(tool: MediaTool, tmp_path: Path) -> None:
    bare = (("write_xing", "0"), ("id3v2_version", "0"))
    stereo = record(tmp_path / "stereo.mp3", Take("mp3", rate=44_100, changes=bare))
    mono = record(tmp_path / "mono.mp3", Take("mp3", rate=48_000, layout="mono", changes=bare))
    both = tmp_path / "both.mp3"
    both.write_bytes(stereo.read_bytes() + mono.read_bytes())
    audio = tool.extract(both, tmp_path / "audio.part", "flac", no_progress)
    assert audio.duration_s == pytest.approx(2 * SECONDS, abs=0.3)


def test_half_silence_is_half_silent(tool: MediaTool, tmp_path: Path) -> None:
    both = tmp_path / "both.wav"
    noise = record(tmp_path / "noise.wav", Take("pcm_s16le", rate=16_000, layout="mono"))
    both.write_bytes(noise.read_bytes() + bytes(2 * 16_000 * int(SECONDS)))
    _mend_wav_sizes(both)
    audio = tool.extract(both, tmp_path / "audio.part", "flac", no_progress)
    assert silent_share(audio) == pytest.approx(0.5, abs=0.03)


def _mend_wav_sizes(path: Path) -> None:
    data = bytearray(path.read_bytes())
    start = data.index(b"data") + 8
    data[4:8] = (len(data) - 8).to_bytes(4, "little")
    data[start - 4 : start] = (len(data) - start).to_bytes(4, "little")
    path.write_bytes(data)


def test_progress_rises_to_the_end(tool: MediaTool, media_files: Path, tmp_path: Path) -> None:
    fractions: list[float] = []
    tool.extract(media_files / "moov_at_end.mp4", tmp_path / "a", "flac", fractions.append)
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1.0, abs=0.05)


def test_probing_says_what_the_container_promises(tool: MediaTool, media_files: Path) -> None:
    info = tool.probe(media_files / "video_goes_on.mp4")
    assert info.has_audio
    assert info.audio_codec == "aac"
    assert info.duration_s == pytest.approx(SECONDS, abs=0.1)
    assert not tool.probe(media_files / "picture_only.mp4").has_audio


@pytest.mark.parametrize("name", ["browser.webm", "piped_pcm.mkv", "no_header.mp3"])
def test_no_promise_is_made_up_where_the_container_makes_none(
    name: str, tool: MediaTool, media_files: Path
) -> None:
    assert tool.probe(media_files / name).duration_s is None


@pytest.mark.parametrize(
    ("written", "understood"),
    [
        ("2025-01-06T10:00:05.000000Z", datetime(2025, 1, 6, 10, 0, 5, tzinfo=UTC)),
        ("2025-01-06T18:00:05+08:00", datetime(2025, 1, 6, 10, 0, 5, tzinfo=UTC)),
        ("1904-01-01T00:00:00Z", None),
        ("1970-01-01T00:00:00Z", None),
        ("昨天", None),
    ],
)
def test_the_time_of_creation_is_utc_or_unknown(
    written: str, understood: datetime | None, tool: MediaTool, tmp_path: Path
) -> None:
    media = record(tmp_path / "a.mkv", Take("flac", seconds=0.2, created=written))
    assert tool.probe(media).created_at == understood


def test_row_44_no_audio_track_is_a_reason_to_skip(
    tool: MediaTool, media_files: Path, tmp_path: Path
) -> None:
    with pytest.raises(SkipRecord, match="no audio track"):
        tool.extract(media_files / "picture_only.mp4", tmp_path / "a", "flac", no_progress)


@pytest.mark.parametrize("audio_format", ["flac", "wav", "mp3", "m4a"])
def test_row_41_a_full_disk_stops_everything(
    audio_format: str, tool: MediaTool, media_files: Path
) -> None:
    with pytest.raises(FatalError) as refused:
        tool.extract(media_files / "sound.m4a", Path("/dev/full"), audio_format, no_progress)
    assert refused.value.code == "disk_full"


def test_security_06_a_link_planted_at_the_target_is_not_followed(
    tool: MediaTool, media_files: Path, tmp_path: Path
) -> None:
    precious, target = tmp_path / "precious", tmp_path / "audio.part"
    precious.write_text("别动我")
    target.symlink_to(precious)
    with pytest.raises(FatalError, match="cannot write"):
        tool.extract(media_files / "sound.m4a", target, "flac", no_progress)
    assert precious.read_text() == "别动我"


@pytest.mark.parametrize("name", ["-y", "http:example.m4a", "concat:a|b.m4a", "会议 录制 %d.m4a"])
def test_security_04_a_name_is_only_a_name(
    name: str, tool: MediaTool, media_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(media_files / "sound.m4a", tmp_path / name)
    assert examine(tool, Path(name), Path("-audio.part")).duration_s > 1
    assert Path("-audio.part").stat().st_size > 1000


@pytest.mark.parametrize("name", ["missing.mp4", "."])
def test_what_is_no_file_may_come_later(name: str, tool: MediaTool, media_files: Path) -> None:
    with pytest.raises(RetryableError) as refused:
        tool.probe(media_files / name)
    assert refused.value.code == "file_missing"


def _playlists(url: str) -> dict[str, str]:
    return {
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\n{url}\n#EXT-X-ENDLIST\n",
        "concat": f"ffconcat version 1.0\nfile '{url}'\n",
        "sdp": f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns={url}\nc=IN IP4 127.0.0.1\nm=audio 9 RTP/AVP 0\n",
        "dash": f"<MPD xmlns='urn:mpeg:dash:schema:mpd:2011'><BaseURL>{url}</BaseURL></MPD>",
    }


@pytest.mark.parametrize("kind", ["hls", "concat", "sdp", "dash"])
@pytest.mark.parametrize("reach", ["file", "url"])
def test_security_04_a_playlist_named_mp4_opens_nothing_else(
    kind: str, reach: str, tool: MediaTool, media_files: Path, tmp_path: Path
) -> None:
    shutil.copy(media_files / "sound.m4a", tmp_path / "other.m4a")
    with socket.create_server(("127.0.0.1", 0)) as canary:
        canary.setblocking(False)
        url = f"http://127.0.0.1:{canary.getsockname()[1]}/a.m4a" if reach == "url" else "other.m4a"
        media = tmp_path / "crafted.mp4"
        media.write_text(_playlists(url)[kind])
        with pytest.raises(MeetingError) as refused:
            tool.probe(media)
        with pytest.raises(BlockingIOError):
            canary.accept()
    assert refused.value.code == "not_media"


@pytest.mark.parametrize("name", ["sound.m4a", "sound.webm", "sound.mp3"])
def test_levels_measured_on_the_way_are_those_of_the_audio_that_was_made(
    name: str, tool: MediaTool, media_files: Path, tmp_path: Path
) -> None:
    target = tmp_path / "audio.wav"

    audio = tool.extract(media_files / name, target, "wav", no_progress)

    assert list(audio.levels) == pytest.approx(loudness_of(target), abs=0.1)


def loudness_of(wav: Path) -> list[float]:
    """dBFS of every FRAME_S, -100 for nothing at all."""
    with wave.open(str(wav)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    each = round(FRAME_S * 16_000)
    frames = np.pad(samples / 32_768, (0, -len(samples) % each)).reshape(-1, each)
    power = np.mean(frames**2, axis=1)
    return [float(level) for level in 10 * np.log10(np.maximum(power, 1e-10))]
