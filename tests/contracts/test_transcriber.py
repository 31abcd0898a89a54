"""What every Transcriber keeps to, whoever does the work (about 20 s)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from meeting_pipeline.adapters.asr.choice import AutoTranscriber, NamedSpeakers
from meeting_pipeline.adapters.asr.tencent import NativeTranscriber, NoNativeTranscript
from meeting_pipeline.adapters.asr.whisper import WhisperTranscriber
from meeting_pipeline.adapters.media.pyav import PyAVMedia
from meeting_pipeline.domain.model import Audio, RecordMeta, Segment, Transcript, Usage
from meeting_pipeline.errors import MeetingError, RecordError, SkipRecord
from meeting_pipeline.ports.media import AudioWanted
from meeting_pipeline.ports.services import Transcriber
from meeting_pipeline.ports.stage_context import StageContext
from meeting_pipeline.sandbox.company import Company
from meeting_pipeline.sandbox.limits import ROOMY
from meeting_pipeline.sandbox.samples import SampleFile, sample_files
from meeting_pipeline.sandbox.server import Sandbox
from tests.support import speech
from tests.support.speech_service import context, extracted, transcriber

pytestmark = pytest.mark.slow  # the recogniser's weights are loaded in each worker of pytest
KINDS = ("endpoint", "native", "whisper", "auto with native", "auto without", "named")


def sample() -> SampleFile:
    """A spoken sample in Chinese, with its script."""
    return next(one for one in sample_files() if one.lines)


@dataclass(frozen=True)
class Case:
    """A transcriber, and speech that it can be asked about in a test."""

    transcriber: Transcriber
    audio: Audio


def own_transcript(meta: RecordMeta) -> str:
    return sample().transcript()


def no_transcript(meta: RecordMeta) -> None:
    return None


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Audio:
    return extracted(sample().media, tmp_path_factory.mktemp("spoken") / "audio.mp3")


@pytest.fixture(scope="module")
def beginning(tmp_path_factory: pytest.TempPathFactory) -> Audio:
    """Ten seconds of speech as mp3, which is what a choice with an endpoint in it asks for."""
    folder = tmp_path_factory.mktemp("beginning")
    audio = speech.audio_of(speech.spoken("445999969", 0, 10), folder / "audio.flac")
    return extracted(audio.path, folder / "audio.mp3")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Company([]), limits=ROOMY) as box:
        yield box


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WhisperTranscriber]:
    local = WhisperTranscriber(cache_dir=tmp_path_factory.mktemp("models"), beam=1)
    yield local
    local.close()


@pytest.fixture(params=KINDS)
def case(
    request: pytest.FixtureRequest,
    sandbox: Sandbox,
    whisper: WhisperTranscriber,
    spoken: Audio,
    beginning: Audio,
) -> Case:
    makers: dict[str, Callable[[], Transcriber]] = {
        "endpoint": lambda: transcriber(sandbox),
        "native": lambda: NativeTranscriber(own_transcript, PyAVMedia()),
        "whisper": lambda: whisper,
        "auto with native": lambda: AutoTranscriber(
            NativeTranscriber(own_transcript, PyAVMedia()), [transcriber(sandbox)]
        ),
        "auto without": lambda: AutoTranscriber(
            NativeTranscriber(no_transcript, PyAVMedia()), [transcriber(sandbox), whisper]
        ),
        "named": lambda: NamedSpeakers(
            transcriber(sandbox), NativeTranscriber(own_transcript, PyAVMedia())
        ),
    }
    return Case(makers[request.param](), beginning if request.param == "whisper" else spoken)


def test_speech_becomes_segments_in_order_within_the_recording(case: Case, tmp_path: Path) -> None:
    transcript = case.transcriber.transcribe(case.audio, context(tmp_path))
    assert (transcript.language, transcript.duration_s) == ("zh", case.audio.duration_s)
    assert transcript.engine
    assert transcript.model
    assert transcript.coverage is not None
    assert transcript.coverage > 0.85
    starts = [one.start_s for one in transcript.segments]
    assert starts == sorted(starts)
    assert len(starts) >= 2
    end_s = case.audio.duration_s
    assert all(0 <= one.start_s <= one.end_s <= end_s for one in transcript.segments)
    assert all(one.text.strip() == one.text != "" for one in transcript.segments)
    assert "老师" in transcript.text


def test_its_settings_are_one_line_and_its_format_is_one_we_make(case: Case) -> None:
    assert case.transcriber.settings
    assert "\n" not in case.transcriber.settings
    assert case.transcriber.audio.format in ("mp3", "flac", "wav")


def test_what_was_used_is_told_under_the_same_name_each_time(case: Case, tmp_path: Path) -> None:
    length_s = pytest.approx(case.audio.duration_s, 0.01)
    calls: list[set[str]] = []
    for _run in range(2):
        spent: list[Usage] = []
        case.transcriber.transcribe(case.audio, context(tmp_path, spent.append))
        assert sum(one.audio_seconds for one in spent) in (0.0, length_s)
        calls.append({one.call for one in spent})
    assert calls[0] == calls[1]


@pytest.mark.parametrize("kind", ["endpoint", "whisper", "auto without"])
def test_a_recording_in_which_nobody_speaks_is_skipped(
    sandbox: Sandbox, whisper: WhisperTranscriber, tmp_path: Path, kind: str
) -> None:
    audio = speech.audio_of(speech.silence(20), tmp_path / "audio.flac")
    members: dict[str, Transcriber] = {
        "endpoint": transcriber(sandbox),
        "whisper": whisper,
        "auto without": AutoTranscriber(
            NativeTranscriber(no_transcript, PyAVMedia()), [transcriber(sandbox)]
        ),
    }
    with pytest.raises(SkipRecord) as caught:
        members[kind].transcribe(audio, context(tmp_path))
    assert caught.value.code == "no_speech"


# ── the native transcript, and the choice ────────────────────────────────────────────────────────


@dataclass
class Scripted:
    """A recogniser that says one thing, or fails."""

    trouble: MeetingError | None = None
    settings: str = "scripted"
    audio: AudioWanted = field(default_factory=lambda: AudioWanted("mp3"))
    asked: int = 0

    def transcribe(self, audio: Audio, context: StageContext) -> Transcript:
        self.asked += 1
        if self.trouble:
            raise self.trouble
        said = (Segment(0.0, 5.0, "识别出来的话"),)
        return Transcript("zh", "scripted", "1", said, audio.duration_s, 1.0)


def test_tencents_transcript_has_real_names_and_costs_nothing(
    spoken: Audio, tmp_path: Path
) -> None:
    recogniser, spent = Scripted(), list[Usage]()
    auto = AutoTranscriber(NativeTranscriber(own_transcript, PyAVMedia()), [recogniser])
    transcript = auto.transcribe(spoken, context(tmp_path, spent.append))
    assert {one.speaker for one in transcript.segments} == {p.name for p in sample().people}
    assert len(transcript.segments) == len(sample().lines)
    assert (recogniser.asked, spent) == (0, [])


@pytest.mark.parametrize("text", [None, "", "<html>403</html>", "李老师(00:00:01):  "])
def test_without_it_the_next_one_is_asked(spoken: Audio, tmp_path: Path, text: str | None) -> None:
    native = NativeTranscriber(lambda _: text, PyAVMedia())
    with pytest.raises(NoNativeTranscript) as caught:
        native.transcribe(spoken, context(tmp_path))
    assert caught.value.code == "no_native_transcript"
    assert (
        AutoTranscriber(native, [Scripted()]).transcribe(spoken, context(tmp_path)).engine
        == "scripted"
    )


def test_a_doubtful_one_gives_way_and_lends_its_names(spoken: Audio, tmp_path: Path) -> None:
    native = NativeTranscriber(lambda _: "李老师(00:00:01): 你好", PyAVMedia())
    assert native.transcribe(spoken, context(tmp_path)).warnings == ("possibly_truncated",)
    transcript = AutoTranscriber(native, [Scripted()]).transcribe(spoken, context(tmp_path))
    assert (transcript.engine, transcript.segments[0].speaker) == ("scripted", "李老师")


def test_a_doubtful_one_is_better_than_none(spoken: Audio, tmp_path: Path) -> None:
    native = NativeTranscriber(lambda _: "李老师(00:00:01): 你好", PyAVMedia())
    nothing = Scripted(RecordError("asr_empty", "nothing was heard"))
    assert (
        AutoTranscriber(native, [nothing]).transcribe(spoken, context(tmp_path)).engine == "tencent"
    )


def test_what_one_recogniser_cannot_make_anything_of_goes_to_the_next(
    spoken: Audio, tmp_path: Path
) -> None:
    nothing = Scripted(RecordError("asr_empty", "nothing was heard"))
    auto = AutoTranscriber(None, [nothing, Scripted(settings="second")])
    assert auto.transcribe(spoken, context(tmp_path)).engine == "scripted"
    assert auto.settings == "auto: scripted, then second"
