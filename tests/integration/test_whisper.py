"""The local recogniser with its real model, on the project's own spoken samples (about 45 s)."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from meeting_pipeline.adapters.asr.packaged_model import packaged_base
from meeting_pipeline.adapters.asr.whisper import WhisperTranscriber
from meeting_pipeline.adapters.processes.worker import main
from meeting_pipeline.domain.model import Audio, RecordKey, Transcript, Usage
from meeting_pipeline.errors import ConfigError, RecordError, RetryableError, SkipRecord, Stopped
from meeting_pipeline.ports.progress import Progress, no_progress
from meeting_pipeline.ports.services import Transcriber
from meeting_pipeline.ports.stage_context import StageContext
from meeting_pipeline.storage.files import RecordFolder
from tests.support import speech
from tests.support.fakes import meta

CHINESE, ENGLISH = "445999969", "445999972"
WORKER = main.__module__.encode()
"""What the command line of a worker process has in it."""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def whisper(cache: Path) -> Iterator[WhisperTranscriber]:
    transcriber = WhisperTranscriber(cache_dir=cache, processes=2)
    yield transcriber
    transcriber.close()


def context(
    folder: Path, progress: Progress = no_progress, spent: list[Usage] | None = None
) -> StageContext:
    record = RecordFolder(folder, RecordKey("test", "1"))
    return StageContext(1, meta(1), record, progress, (spent if spent is not None else []).append)


def heard(transcriber: Transcriber, sound: speech.Sound, folder: Path) -> Transcript:
    return transcriber.transcribe(speech.audio_of(sound, folder / "audio.flac"), context(folder))


def spoken_text(transcript: Transcript) -> str:
    return " ".join(segment.text for segment in transcript.segments)


def workers_of(parent: int) -> set[int]:
    """The recogniser processes that a process started."""
    threads = Path(f"/proc/{parent}/task").iterdir()
    children = [pid for thread in threads for pid in (thread / "children").read_text().split()]
    return {int(pid) for pid in children if WORKER in Path(f"/proc/{pid}/cmdline").read_bytes()}


def pages_taken(process: int) -> int:
    """How often it asked the system for a page of memory (minflt of proc_pid_stat(5))."""
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[7])


def test_chinese_speech_becomes_simplified_text_in_readable_segments(
    whisper: WhisperTranscriber, tmp_path: Path
) -> None:
    spent: list[Usage] = []
    fractions: list[float] = []
    audio = speech.audio_of(speech.spoken(CHINESE, 0, 28), tmp_path / "audio.flac")
    transcript = whisper.transcribe(audio, context(tmp_path, fractions.append, spent))

    assert transcript.language == "zh"
    assert (transcript.engine, transcript.model) == ("whisper", "base")
    assert "老师" in spoken_text(transcript)
    assert "公司" in spoken_text(transcript)
    assert len(transcript.segments) >= 3
    starts = [segment.start_s for segment in transcript.segments]
    assert starts == sorted(starts)
    assert all(0 <= s.start_s <= s.end_s <= audio.duration_s for s in transcript.segments)
    assert all(segment.text.strip() for segment in transcript.segments)
    assert transcript.coverage is not None
    assert transcript.coverage > 0.85
    assert transcript.warnings == ()
    assert fractions[-1] == pytest.approx(1.0)
    assert [(usage.kind, usage.audio_seconds, usage.cost) for usage in spent] == [
        ("asr", audio.duration_s, 0.0)
    ]


def test_a_quiet_student_beside_a_loud_teacher_is_transcribed(
    whisper: WhisperTranscriber, tmp_path: Path
) -> None:
    teacher = speech.at_level(speech.spoken(CHINESE, 0, 5), -22)
    student = speech.at_level(speech.spoken(CHINESE, 5, 28), -55)
    sound = np.concatenate([teacher, student]) + speech.white_noise(28, -75)

    words = later_words(heard(whisper, sound, tmp_path))

    assert "公司" in words
    alone = later_words(heard(whisper, speech.spoken(CHINESE, 0, 28), tmp_path))
    assert len(words) > 0.85 * len(alone)


def later_words(transcript: Transcript) -> str:
    return "".join(one.text for one in transcript.segments if one.start_s > 5)


def test_a_recording_that_is_quiet_all_along_is_transcribed(
    whisper: WhisperTranscriber, tmp_path: Path
) -> None:
    sound = speech.at_level(speech.spoken(CHINESE, 0, 28), -64)
    assert "公司" in spoken_text(heard(whisper, sound, tmp_path))


def test_the_second_recording_uses_the_memory_that_the_first_one_has_given_back(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=7")
    sound, others = speech.spoken(CHINESE, 0, 28), workers_of(os.getpid())
    transcriber = WhisperTranscriber(cache_dir=cache)
    try:
        heard(transcriber, sound, tmp_path)
        (worker,) = workers_of(os.getpid()) - others
        before = pages_taken(worker)
        heard(transcriber, sound, tmp_path)
        taken = pages_taken(worker) - before
        environment = Path(f"/proc/{worker}/environ").read_text()
    finally:
        transcriber.close()
    assert taken < 20_000, "buffers that come anew for a window are more than 100 000 pages"
    ours, theirs = (environment.index(name) for name in ("arena_max=1", "tcache_count=7"))
    assert ours < theirs, "the last one of a name counts"


def test_english_speech_is_not_forced_into_the_chinese_of_the_settings(
    whisper: WhisperTranscriber, tmp_path: Path
) -> None:
    transcript = heard(whisper, speech.spoken(ENGLISH, 0, 13), tmp_path)
    assert transcript.language == "en"
    assert "mock interview in English" in spoken_text(transcript)


def test_two_languages_in_one_recording_are_both_kept(
    whisper: WhisperTranscriber, tmp_path: Path
) -> None:
    both = [
        speech.spoken(CHINESE, 0, 12),
        speech.silence(1.5),
        speech.spoken(ENGLISH, 0, 12),
    ]
    text = spoken_text(heard(whisper, np.concatenate(both), tmp_path))
    assert "老师" in text
    assert "mock interview" in text


def test_no_sentence_claims_a_long_silence_or_begins_in_it(
    whisper: WhisperTranscriber, tmp_path: Path
) -> None:
    before, after = speech.spoken(CHINESE, 0, 13), speech.spoken(CHINESE, 13, 26)
    silent_from = len(before) / speech.SAMPLE_RATE
    loud = int(np.argmax(np.abs(after) > 0.02)) / speech.SAMPLE_RATE
    transcript = heard(whisper, np.concatenate([before, speech.silence(10), after]), tmp_path)

    middle = silent_from + 5
    late = [segment for segment in transcript.segments if segment.end_s > middle]
    assert late[0].start_s == pytest.approx(silent_from + 10 + loud, abs=1.0)
    early = [segment for segment in transcript.segments if segment.start_s < middle]
    assert early[-1].end_s <= silent_from + 1.0
    assert "简历" in spoken_text(transcript)


@pytest.mark.parametrize(
    "sound",
    [
        pytest.param(speech.silence(30), id="silence"),
        pytest.param(speech.white_noise(30, -20), id="white noise"),
        pytest.param(speech.white_noise(30, -6), id="loud white noise"),
        pytest.param(speech.hum(30), id="hum"),
    ],
)
def test_no_text_comes_from_a_recording_without_speech(
    whisper: WhisperTranscriber, sound: speech.Sound, tmp_path: Path
) -> None:
    with pytest.raises(SkipRecord) as caught:
        heard(whisper, sound, tmp_path)
    assert caught.value.code == "no_speech"


def test_a_file_that_is_no_sound_is_this_records_trouble(
    whisper: WhisperTranscriber, tmp_path: Path
) -> None:
    path = tmp_path / "audio.flac"
    path.write_text("<html>")
    with pytest.raises(RecordError) as caught:
        whisper.transcribe(Audio(path, 6, "0" * 64, 30.0), context(tmp_path))
    assert caught.value.code == "corrupt_media"


def test_sound_that_breaks_off_is_not_passed_off_as_whole(
    whisper: WhisperTranscriber, tmp_path: Path
) -> None:
    audio = speech.audio_of(speech.spoken(CHINESE, 0, 10), tmp_path / "audio.flac")
    whole = audio.path.read_bytes()
    audio.path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RecordError) as caught:
        whisper.transcribe(audio, context(tmp_path))
    assert caught.value.code == "corrupt_media"


def test_two_threads_at_once_get_their_own_text(
    whisper: WhisperTranscriber, tmp_path: Path
) -> None:
    sounds = {"zh": speech.spoken(CHINESE, 0, 10), "en": speech.spoken(ENGLISH, 0, 10)}
    for language in sounds:
        (tmp_path / language).mkdir()
    with ThreadPoolExecutor(2) as threads:
        results = {
            language: threads.submit(heard, whisper, sound, tmp_path / language)
            for language, sound in sounds.items()
        }
    assert {language: done.result().language for language, done in results.items()} == {
        "zh": "zh",
        "en": "en",
    }


def test_the_text_does_not_depend_on_who_else_is_at_work(
    whisper: WhisperTranscriber, tmp_path: Path
) -> None:
    """Alone with all cores, and beside another recording with a share of them."""
    audio = speech.audio_of(speech.spoken(CHINESE, 0, 70), tmp_path / "audio.flac")
    alone = whisper.transcribe(audio, context(tmp_path))
    with ThreadPoolExecutor(2) as threads:
        both = list(
            threads.map(lambda one: whisper.transcribe(one, context(tmp_path)), [audio] * 2)
        )
    assert both == [alone, alone]


def test_a_worker_killed_at_work_fails_one_attempt_and_an_idle_one_none(
    cache: Path, tmp_path: Path
) -> None:
    whisper = WhisperTranscriber(cache_dir=cache, processes=1)
    audio = speech.audio_of(speech.spoken(CHINESE, 0, 4), tmp_path / "audio.flac")

    others = workers_of(os.getpid())

    def kill_worker(fraction: float) -> None:
        for worker in workers_of(os.getpid()) - others:
            os.kill(worker, signal.SIGKILL)

    with pytest.raises(RetryableError) as caught:
        whisper.transcribe(audio, context(tmp_path, kill_worker))
    assert caught.value.code == "worker_died"
    assert whisper.transcribe(audio, context(tmp_path)).segments

    idle = (workers_of(os.getpid()) - others).pop()
    os.kill(idle, signal.SIGKILL)
    os.waitid(os.P_PID, idle, os.WEXITED | os.WNOWAIT)
    assert whisper.transcribe(audio, context(tmp_path)).segments
    whisper.close()


PARENT = """
import json, os, sys
from pathlib import Path
from tests.integration.test_whisper import context, speech, workers_of
from meeting_pipeline.adapters.asr.whisper import WhisperTranscriber
folder = Path(sys.argv[2])
audio = speech.audio_of(speech.spoken("445999969", 0, 10), folder / "audio.flac")
def tell(fraction):
    print(*workers_of(os.getpid()), flush=True)
    sys.stdin.read()
WhisperTranscriber(cache_dir=Path(sys.argv[1])).transcribe(audio, context(folder, tell))
"""


def test_workers_do_not_outlive_a_killed_parent(cache: Path, tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(cache), str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert parent.stdout is not None
    gone = os.pidfd_open(int(parent.stdout.readline()))
    parent.kill()
    parent.communicate()
    is_gone, _, _ = select.select([gone], [], [], 60)
    assert is_gone


def test_closing_ends_a_recording_at_work(cache: Path, tmp_path: Path) -> None:
    whisper = WhisperTranscriber(cache_dir=cache)
    audio = speech.audio_of(speech.spoken(CHINESE, 0, 10), tmp_path / "audio.flac")
    with pytest.raises(Stopped) as caught:
        whisper.transcribe(audio, context(tmp_path, lambda fraction: whisper.close()))
    assert caught.value.code == "stopped"
    with pytest.raises(Stopped):
        whisper.transcribe(audio, context(tmp_path))


def test_settings_change_with_model_language_and_beam_and_load_nothing(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path;"
        "from meeting_pipeline.adapters.asr.whisper import WhisperTranscriber as W;"
        "c = Path('.'); o = [W(cache_dir=c), W(cache_dir=c, model='small'),"
        "W(cache_dir=c, language='en'), W(cache_dir=c, language=''), W(cache_dir=c, beam=1)];"
        "heavy = {'numpy', 'av', 'faster_whisper', 'ctranslate2'} & set(sys.modules);"
        "import json; print(json.dumps([[w.settings for w in o], sorted(heavy)]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    lines, heavy = json.loads(done.stdout)
    assert len(set(lines)) == 5
    assert all("\n" not in line for line in lines)
    assert heavy == []


def test_a_directory_without_a_model_is_a_setting_to_correct(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        _ = WhisperTranscriber(model=str(tmp_path), cache_dir=tmp_path).settings
    assert caught.value.code == "whisper_model"


def test_a_broken_tokenizer_is_named_as_the_models_trouble(cache: Path, tmp_path: Path) -> None:
    for file in packaged_base(cache).iterdir():
        (tmp_path / file.name).symlink_to(file)
    (tmp_path / "tokenizer.json").unlink()
    (tmp_path / "tokenizer.json").write_text('{"version": "坏"}')
    whisper = WhisperTranscriber(model=str(tmp_path), cache_dir=cache)
    with pytest.raises(ConfigError) as caught:
        heard(whisper, speech.silence(1), tmp_path)
    assert caught.value.code == "whisper_model"
    whisper.close()


def test_a_language_that_only_larger_models_know_is_a_setting_to_correct(
    cache: Path, tmp_path: Path
) -> None:
    whisper = WhisperTranscriber(language="yue", cache_dir=cache)
    with pytest.raises(ConfigError, match="ASR_LANGUAGE='yue'") as caught:
        heard(whisper, speech.silence(1), tmp_path)
    assert caught.value.code == "bad_setting"
    whisper.close()


def test_a_bug_in_a_worker_is_raised_as_a_bug_and_the_worker_goes_on(
    whisper: WhisperTranscriber, tmp_path: Path
) -> None:
    audio = speech.audio_of(speech.silence(1), tmp_path / "audio.flac")
    with pytest.raises(RuntimeError, match=r"TypeError .* at .*recognizer\.py:\d+"):
        whisper.transcribe(replace(audio, duration_s=cast(float, "一秒")), context(tmp_path))
    with pytest.raises(SkipRecord):
        whisper.transcribe(audio, context(tmp_path))


def test_a_model_that_cannot_be_loaded_is_a_setting_to_correct(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"no model")
    whisper = WhisperTranscriber(model=str(tmp_path), cache_dir=tmp_path)
    with pytest.raises(ConfigError) as caught:
        heard(whisper, speech.silence(1), tmp_path)
    assert caught.value.code == "whisper_model"
    whisper.close()
