"""Transcripts from an OpenAI-compatible server: order, offsets, faults, and what is paid.

The server is the sandbox; the tones it hears prove where each second went. Rows are those of the
fault matrix; row 56 is about asynchronous jobs, which this protocol does not have. About 50 s.
"""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from meeting_pipeline.domain.model import Audio, Transcript, Usage
from meeting_pipeline.errors import (
    FatalError,
    MeetingError,
    RecordError,
    RetryableError,
    SkipRecord,
)
from meeting_pipeline.sandbox.company import Company
from meeting_pipeline.sandbox.faults import EVERY, Fault, Kind
from meeting_pipeline.sandbox.limits import ROOMY, Limits
from meeting_pipeline.sandbox.server import Sandbox
from tests.support import speech
from tests.support.speech_service import (
    audio_in,
    context,
    extracted,
    places,
    repeated,
    tones,
    transcriber,
)

SECONDS, PERIOD_S, BURST_S = 120.0, 5.0, 4.0
BURSTS = int(SECONDS / PERIOD_S)
IN_PIECES = {"max_chunk_s": 30.0}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Company([]), limits=ROOMY) as box:
        yield box


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Audio:
    """Two minutes, 24 bursts of four seconds with a second of silence after each."""
    path = tmp_path_factory.mktemp("tones") / "audio.mp3"
    return tones(path, SECONDS, number=3, burst_s=BURST_S, period_s=PERIOD_S)


@pytest.fixture(scope="module")
def as_it_is(tmp_path_factory: pytest.TempPathFactory) -> Audio:
    """The same, as the extract stage takes it out of a recording without a change."""
    path = tmp_path_factory.mktemp("tones") / "audio.m4a"
    return tones(path, SECONDS, number=3, burst_s=BURST_S, period_s=PERIOD_S)


def strike(sandbox: Sandbox, kind: Kind, *calls: int, amount: float = 0.0, text: str = "") -> None:
    """Turn a knob of the speech endpoint, for these calls or for all."""
    sandbox.faults.add(
        Fault(kind, "transcriptions", calls=calls or EVERY, amount=amount, text=text)
    )


def refused(
    error: type[MeetingError], sandbox: Sandbox, audio: Audio, folder: Path
) -> MeetingError:
    with pytest.raises(error) as caught:
        transcriber(sandbox, **IN_PIECES).transcribe(audio, context(folder))
    return caught.value


def assert_whole(transcript: Transcript, sandbox: Sandbox) -> None:
    """Every burst is there, once, in order, where it sounded; and was transcribed once."""
    assert places(transcript) == list(range(BURSTS))
    for place, segment in enumerate(transcript.segments):
        assert segment.start_s == pytest.approx(place * PERIOD_S, abs=0.2)
        assert segment.end_s == pytest.approx(place * PERIOD_S + BURST_S, abs=0.2)
    assert sandbox.ledger.bursts == Counter({(3, place): 1 for place in range(BURSTS)})
    assert transcript.coverage == pytest.approx(1.0, abs=0.01)
    assert transcript.warnings == ()


# ── the ordinary case ────────────────────────────────────────────────────────────────────────────


def test_what_fits_is_one_upload(sandbox: Sandbox, recording: Audio, tmp_path: Path) -> None:
    spent: list[Usage] = []
    transcript = transcriber(sandbox, price_per_hour=3.6).transcribe(
        recording, context(tmp_path, spent.append)
    )
    assert_whole(transcript, sandbox)
    assert sandbox.ledger.calls == {"transcriptions": 1}
    assert not sandbox.ledger.violations
    assert (transcript.language, transcript.engine, transcript.model) == (
        "zh",
        "openai",
        "whisper-1",
    )
    assert [(one.kind, one.audio_seconds) for one in spent] == [("asr", SECONDS)]
    assert spent[0].cost == pytest.approx(0.12)


@pytest.mark.parametrize(
    "limits", [{"max_chunk_s": 60.0}, {"max_chunk_s": 17.0}, {"max_upload_mb": 0.05}]
)
def test_longer_sound_goes_in_pieces_that_no_limit_refuses(
    recording: Audio, tmp_path: Path, limits: dict[str, float]
) -> None:
    strict = Limits(
        asr_per_minute=6_000,
        asr_audio_s=limits.get("max_chunk_s", 600.0),
        asr_upload_bytes=int(limits.get("max_upload_mb", 1.0) * 1_000_000),
    )
    with Sandbox(Company([]), limits=strict) as sandbox:
        assert_whole(
            transcriber(sandbox, **limits).transcribe(recording, context(tmp_path)), sandbox
        )
        assert not sandbox.ledger.errors
        assert not sandbox.ledger.violations


def test_silence_costs_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    audio = speech.audio_of(speech.silence(30), tmp_path / "audio.flac")
    with pytest.raises(SkipRecord) as caught:
        transcriber(sandbox).transcribe(audio, context(tmp_path))
    assert caught.value.code == "no_speech"
    assert not sandbox.ledger.calls


def test_sound_that_breaks_off_is_not_sent(
    sandbox: Sandbox, recording: Audio, tmp_path: Path
) -> None:
    path = tmp_path / "audio.mp3"
    path.write_bytes(recording.path.read_bytes()[: recording.size_bytes // 2])
    error = refused(RecordError, sandbox, audio_in(path, SECONDS), tmp_path)
    assert error.code == "truncated_media"
    assert not sandbox.ledger.calls


# ── sound as it is ───────────────────────────────────────────────────────────────────────────────


def test_sound_as_it_is_is_one_upload_too(
    sandbox: Sandbox, as_it_is: Audio, tmp_path: Path
) -> None:
    assert_whole(transcriber(sandbox).transcribe(as_it_is, context(tmp_path)), sandbox)
    assert sandbox.ledger.calls == {"transcriptions": 1}
    assert not sandbox.ledger.errors


@pytest.mark.parametrize("suffix", ["m4a", "flac"])
def test_what_has_to_be_cut_is_made_an_mp3_first_and_nothing_of_it_stays(
    sandbox: Sandbox, as_it_is: Audio, tmp_path: Path, suffix: str
) -> None:
    audio = as_it_is
    if suffix == "flac":
        audio = extracted(as_it_is.path, tmp_path / "audio.flac")
    work = context(tmp_path)
    assert_whole(transcriber(sandbox, **IN_PIECES).transcribe(audio, work), sandbox)
    assert sandbox.ledger.calls["transcriptions"] > 1
    assert [path.name for path in work.folder.path.iterdir()] == ["calls"]


def test_what_a_killed_run_left_of_the_mp3_is_not_trusted(
    sandbox: Sandbox, as_it_is: Audio, tmp_path: Path
) -> None:
    work = context(tmp_path)
    work.folder.part("audio.mp3").write_bytes(b"half of it")
    assert_whole(transcriber(sandbox, **IN_PIECES).transcribe(as_it_is, work), sandbox)


@pytest.mark.parametrize("status", [400, 415, 200])
def test_a_server_that_takes_no_m4a_gets_mp3_from_then_on(
    sandbox: Sandbox, as_it_is: Audio, tmp_path: Path, status: int
) -> None:
    strike(sandbox, Kind.NO_M4A, amount=status)
    asks = transcriber(sandbox)
    assert_whole(asks.transcribe(as_it_is, context(tmp_path)), sandbox)
    calls = sandbox.ledger.calls["transcriptions"]
    asks.transcribe(as_it_is, context(tmp_path, name="2"))
    assert sandbox.ledger.calls["transcriptions"] == calls + 1 > 2


def test_a_server_that_has_taken_m4a_before_is_believed_when_it_breaks_down(
    sandbox: Sandbox, as_it_is: Audio, tmp_path: Path
) -> None:
    asks = transcriber(sandbox)
    asks.transcribe(as_it_is, context(tmp_path))
    strike(sandbox, Kind.NO_M4A, amount=200)
    with pytest.raises(RetryableError) as broken:
        asks.transcribe(as_it_is, context(tmp_path, name="2"))
    assert broken.value.code == "bad_answer"


def test_a_stretch_that_came_back_empty_is_cut_out_of_it_and_sent_again(
    sandbox: Sandbox, as_it_is: Audio, tmp_path: Path
) -> None:
    strike(sandbox, Kind.SEGMENT_LOST, 1)
    transcript = transcriber(sandbox).transcribe(as_it_is, context(tmp_path))
    assert places(transcript) == list(range(BURSTS))
    assert sandbox.ledger.calls["transcriptions"] > 1


# ── row 51, 52: nothing, or nonsense ─────────────────────────────────────────────────────────────


def test_row_51_an_empty_answer_is_asked_for_once_more(
    sandbox: Sandbox, recording: Audio, tmp_path: Path
) -> None:
    strike(sandbox, Kind.EMPTY_TEXT, 1)
    assert_whole(transcriber(sandbox).transcribe(recording, context(tmp_path)), sandbox)
    assert sandbox.ledger.calls["transcriptions"] == 2


def test_row_51_empty_twice_is_an_error_and_a_later_run_asks_anew(
    sandbox: Sandbox, recording: Audio, tmp_path: Path
) -> None:
    strike(sandbox, Kind.EMPTY_TEXT, 1, 2)
    asks = transcriber(sandbox)
    with pytest.raises(RecordError) as caught:
        asks.transcribe(recording, context(tmp_path))
    assert caught.value.code == "asr_empty"
    assert sandbox.ledger.calls["transcriptions"] == 2
    assert_whole(asks.transcribe(recording, context(tmp_path)), sandbox)


def test_row_52_invented_subtitles_do_not_become_a_transcript(
    sandbox: Sandbox, recording: Audio, tmp_path: Path
) -> None:
    strike(sandbox, Kind.HALLUCINATION, 2)
    transcript = transcriber(sandbox, **IN_PIECES).transcribe(recording, context(tmp_path))
    assert places(transcript) == list(range(BURSTS))
    assert "字幕" not in transcript.text
    assert transcript.warnings == ()


# ── row 53: too large ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("limit", [65_000, 130_000, 359_000])
def test_row_53_an_upload_that_is_too_large_is_halved(
    sandbox: Sandbox, recording: Audio, tmp_path: Path, limit: int
) -> None:
    strike(sandbox, Kind.TOO_LARGE, amount=limit)
    assert_whole(transcriber(sandbox).transcribe(recording, context(tmp_path)), sandbox)


def test_row_53_so_is_one_that_is_too_long(recording: Audio, tmp_path: Path) -> None:
    limits = Limits(asr_per_minute=6_000, asr_audio_s=35.0)
    with Sandbox(Company([]), limits=limits) as sandbox:
        assert_whole(transcriber(sandbox).transcribe(recording, context(tmp_path)), sandbox)


def test_row_53_a_server_that_takes_nothing_is_given_up(
    sandbox: Sandbox, recording: Audio, tmp_path: Path
) -> None:
    strike(sandbox, Kind.TOO_LARGE, amount=10)
    assert refused(RecordError, sandbox, recording, tmp_path).code == "asr_too_large"
    assert not sandbox.ledger.uploads


# ── rows 54, 55: trouble between pieces ──────────────────────────────────────────────────────────


def test_row_54_a_lost_reply_is_paid_for_once_more_at_most(
    sandbox: Sandbox, recording: Audio, tmp_path: Path
) -> None:
    strike(sandbox, Kind.LOST_REPLY, 2)
    transcript = transcriber(sandbox, **IN_PIECES).transcribe(recording, context(tmp_path))
    assert places(transcript) == list(range(BURSTS))
    assert sorted(sandbox.ledger.uploads.values()) == [1] * (len(sandbox.ledger.uploads) - 1) + [2]


def test_row_55_only_the_piece_that_failed_is_asked_for_again(
    sandbox: Sandbox, recording: Audio, tmp_path: Path
) -> None:
    strike(sandbox, Kind.QUOTA, 3)
    spent: list[Usage] = []
    asks = transcriber(sandbox, **IN_PIECES)
    with pytest.raises(FatalError) as caught:
        asks.transcribe(recording, context(tmp_path, spent.append))
    assert caught.value.code == "quota_spent"
    assert len(spent) == 2
    assert_whole(asks.transcribe(recording, context(tmp_path, spent.append)), sandbox)
    assert len({usage.call for usage in spent}) == len(sandbox.ledger.uploads)


@pytest.mark.parametrize("kind", [Kind.HTML_200, Kind.EMPTY_200, Kind.TRUNCATED, Kind.HTML_502])
def test_row_55_a_broken_answer_is_asked_for_again(
    sandbox: Sandbox, recording: Audio, tmp_path: Path, kind: Kind
) -> None:
    strike(sandbox, kind, 2)
    transcript = transcriber(sandbox, **IN_PIECES).transcribe(recording, context(tmp_path))
    assert places(transcript) == list(range(BURSTS))
    assert max(sandbox.ledger.uploads.values()) <= 2


def test_a_web_page_is_never_taken_for_text(
    sandbox: Sandbox, recording: Audio, tmp_path: Path
) -> None:
    strike(sandbox, Kind.ONLY_TEXT)
    strike(sandbox, Kind.HTML_200)
    assert refused(RetryableError, sandbox, recording, tmp_path).code == "bad_answer"


def test_one_bare_400_does_not_change_how_we_ask(
    sandbox: Sandbox, recording: Audio, tmp_path: Path
) -> None:
    strike(sandbox, Kind.BARE_ERROR, 1)
    assert_whole(
        transcriber(sandbox, **IN_PIECES).transcribe(recording, context(tmp_path)), sandbox
    )


def test_a_server_that_always_says_400_is_this_records_trouble(
    sandbox: Sandbox, recording: Audio, tmp_path: Path
) -> None:
    strike(sandbox, Kind.BARE_ERROR)
    error = refused(RecordError, sandbox, recording, tmp_path)
    assert error.code == "asr_refused"
    assert "模型服务错误" in error.message


def test_a_rate_limit_is_waited_for(sandbox: Sandbox, recording: Audio, tmp_path: Path) -> None:
    strike(sandbox, Kind.HTTP_429, 1, text="0")
    strike(sandbox, Kind.RATE_LIMIT, 2, amount=1)
    assert_whole(transcriber(sandbox).transcribe(recording, context(tmp_path)), sandbox)


_KILLED = """
import os, signal, sys
from pathlib import Path
from meeting_pipeline.sandbox.server import Sandbox
from tests.support import speech_service as service
audio = service.audio_in(Path(sys.argv[2]), float(sys.argv[3]))
def spent(usage):
    if usage.audio_seconds and len(list(Path(sys.argv[4]).rglob("calls/*.json"))) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
class Box:
    ai_url = sys.argv[1]
    keys = Sandbox().keys
context = service.context(Path(sys.argv[4]), spent)
service.transcriber(Box, max_chunk_s=30.0).transcribe(audio, context)
"""


def run_python(code: str, *arguments: object) -> "subprocess.CompletedProcess[str]":
    root = Path(__file__).parents[2]
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(root)},
    )


def test_what_is_killed_between_an_answer_and_its_use_asks_for_nothing_twice(
    sandbox: Sandbox, recording: Audio, tmp_path: Path
) -> None:
    ended = run_python(_KILLED, sandbox.ai_url, recording.path, SECONDS, tmp_path)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert len(sandbox.ledger.uploads) == 2
    spent: list[Usage] = []
    transcript = transcriber(sandbox, **IN_PIECES).transcribe(
        recording, context(tmp_path, spent.append)
    )
    assert_whole(transcript, sandbox)
    assert len(spent) == len(sandbox.ledger.uploads)


# ── row 57: the account, the model ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"model": "whisper-9"}, "unknown_model"), ({"api_key": "sk-canary"}, "key_refused")],
)
def test_row_57_a_wrong_setting_stops_the_run(
    sandbox: Sandbox, recording: Audio, tmp_path: Path, changes: dict[str, str], code: str
) -> None:
    with pytest.raises(FatalError) as caught:
        transcriber(sandbox, **changes).transcribe(recording, context(tmp_path))
    assert caught.value.code == code
    assert caught.value.hint
    assert "canary" not in caught.value.message


@pytest.mark.parametrize(
    ("kind", "code"), [(Kind.QUOTA, "quota_spent"), (Kind.FORBIDDEN, "quota_spent")]
)
def test_row_57_an_account_without_money_stops_the_run(
    sandbox: Sandbox, recording: Audio, tmp_path: Path, kind: Kind, code: str
) -> None:
    strike(sandbox, kind)
    assert refused(FatalError, sandbox, recording, tmp_path).code == code
    assert sandbox.ledger.calls["transcriptions"] == 1


# ── plainer answers ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("sound", ["recording", "as_it_is"])
@pytest.mark.parametrize("kind", [Kind.NO_VERBOSE_JSON, Kind.ONLY_TEXT])
def test_a_server_without_times_gets_pieces_short_enough_to_tell_them(
    sandbox: Sandbox, request: pytest.FixtureRequest, tmp_path: Path, kind: Kind, sound: str
) -> None:
    recording: Audio = request.getfixturevalue(sound)
    strike(sandbox, kind)
    asks = transcriber(sandbox)
    transcript = asks.transcribe(recording, context(tmp_path))
    assert sandbox.ledger.bursts == Counter({(3, place): 1 for place in range(BURSTS)})
    assert max(sandbox.ledger.upload_seconds.values()) <= 90.0
    assert_text_is_near_its_place(transcript)
    refusals = sum(sandbox.ledger.errors.values())
    asks.transcribe(recording, context(tmp_path, name="2"))
    assert sum(sandbox.ledger.errors.values()) == refusals  # remembered


def test_a_server_that_leaves_the_times_out_is_paid_once_all_the_same(
    sandbox: Sandbox, recording: Audio, tmp_path: Path
) -> None:
    strike(sandbox, Kind.NO_SEGMENTS)
    for _run in range(2):
        assert_text_is_near_its_place(transcriber(sandbox).transcribe(recording, context(tmp_path)))
    assert sandbox.ledger.bursts == Counter({(3, place): 1 for place in range(BURSTS)})


@pytest.mark.parametrize("sound", ["recording", "as_it_is"])
def test_what_was_begun_in_short_pieces_goes_on_in_them_in_the_next_run(
    sandbox: Sandbox, request: pytest.FixtureRequest, tmp_path: Path, sound: str
) -> None:
    recording: Audio = request.getfixturevalue(sound)
    strike(sandbox, Kind.NO_SEGMENTS)
    strike(sandbox, Kind.QUOTA, 3)
    asks = transcriber(sandbox)
    asks.transcribe(tones(tmp_path / "audio.mp3", 12.0, number=9), context(tmp_path, name="2"))
    with pytest.raises(FatalError):
        asks.transcribe(recording, context(tmp_path))
    transcriber(sandbox).transcribe(recording, context(tmp_path))
    assert all(times == 1 for times in sandbox.ledger.bursts.values())


def assert_text_is_near_its_place(transcript: Transcript) -> None:
    """Nothing is lost, and each sentence is where it was said, give or take two."""
    said = "".join(one.text for one in transcript.segments)
    assert [said.count(f"录音3第{place}句") for place in range(BURSTS)] == [1] * BURSTS
    for segment in transcript.segments:
        for place in range(BURSTS):
            if f"第{place}句" in segment.text:
                assert segment.start_s - 10 < place * PERIOD_S < segment.end_s + 10
    starts = [one.start_s for one in transcript.segments]
    assert starts == sorted(starts)


# ── lost words ───────────────────────────────────────────────────────────────────────────────────


def test_the_servers_duration_is_not_believed(
    sandbox: Sandbox, recording: Audio, tmp_path: Path
) -> None:
    strike(sandbox, Kind.WRONG_DURATION, amount=2.5)
    transcript = transcriber(sandbox, **IN_PIECES).transcribe(recording, context(tmp_path))
    assert_whole(transcript, sandbox)
    assert transcript.duration_s == SECONDS


def test_a_hole_is_sent_again_alone(sandbox: Sandbox, recording: Audio, tmp_path: Path) -> None:
    strike(sandbox, Kind.SEGMENT_LOST, 2)
    asks = transcriber(sandbox, **IN_PIECES)
    transcript = asks.transcribe(recording, context(tmp_path))
    assert_whole(transcript, sandbox)
    assert min(sandbox.ledger.upload_seconds.values()) < 6.0


def test_a_hole_that_stays_is_said_to_be_there(
    sandbox: Sandbox, recording: Audio, tmp_path: Path
) -> None:
    strike(sandbox, Kind.SEGMENT_LOST)
    transcript = transcriber(sandbox).transcribe(recording, context(tmp_path))
    assert len(transcript.segments) == BURSTS - 1
    assert transcript.warnings == ("possibly_truncated",)
    assert transcript.coverage == pytest.approx(1 - 1 / BURSTS, abs=0.01)
    assert sandbox.ledger.calls["transcriptions"] == 2


# ── doctor, memory ───────────────────────────────────────────────────────────────────────────────


def test_the_doctor_tells_key_model_and_address_apart(sandbox: Sandbox) -> None:
    (good,) = transcriber(sandbox).examine()
    (no_model,) = transcriber(sandbox, model="whisper-9").examine()
    (no_key,) = transcriber(sandbox, api_key="sk-canary").examine()
    (no_list,) = transcriber(sandbox, base_url=f"{sandbox.ai_url}/nowhere").examine()
    assert [one.ok for one in (good, no_model, no_key, no_list)] == [True, False, False, None]
    assert "whisper-1" in no_model.hint
    assert "ASR_API_KEY" in no_key.hint
    assert not sandbox.ledger.uploads


_MEASURED = r"""
import re, sys
from pathlib import Path
from meeting_pipeline.sandbox.server import Keys
from tests.support import speech_service as service
class Box:
    ai_url, keys = sys.argv[1], Keys()
audio = service.audio_in(Path(sys.argv[2]), float(sys.argv[3]))
asks = service.transcriber(Box, max_chunk_s=3_000)
said = asks.transcribe(audio, service.context(Path(sys.argv[4])))
peak = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]
print(len(said.segments), peak)  # not ru_maxrss, which begins with the parent's
"""


def test_memory_does_not_grow_with_the_recording(
    sandbox: Sandbox, recording: Audio, tmp_path: Path
) -> None:
    long = repeated(recording, 10, tmp_path / "long.mp3")
    kilobytes = []
    for path, seconds in ((recording.path, SECONDS), (long, 10 * SECONDS)):
        ended = run_python(_MEASURED, sandbox.ai_url, path, seconds, tmp_path / path.stem)
        assert ended.returncode == 0, ended.stderr
        segments, used = map(int, ended.stdout.split())
        assert segments == seconds / PERIOD_S
        kilobytes.append(used)
    assert max(kilobytes) < 120_000
    assert kilobytes[1] - kilobytes[0] < 5_000
