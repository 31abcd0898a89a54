"""One loaded Whisper model that turns recordings into transcripts; lives in a worker process."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meeting_pipeline.adapters.asr import guards
from meeting_pipeline.adapters.asr.decoding import HOLE_S, Decoder, Said
from meeting_pipeline.adapters.asr.speech import SAMPLE_RATE, Speech, find_speech
from meeting_pipeline.domain.model import Segment, Transcript
from meeting_pipeline.errors import ConfigError, RecordError, SkipRecord
from meeting_pipeline.ports import Progress

if TYPE_CHECKING:
    from meeting_pipeline.adapters.asr.speech import Samples

ENGINE = "whisper"

_WHOLE = 0.85
_REASON_LENGTH = 200
_WIDEST_HOLE_S = 5.0


@dataclass(frozen=True)
class Options:
    """What a worker loads and how it decodes.

    source: a model directory, or a name that faster-whisper knows. label: how people call it.
    language: "" detects it. threads: of the processor, 0 for all.
    """

    source: str
    label: str
    language: str
    beam: int
    threads: int

    def begin(self) -> "Recognizer":
        """What a worker process does first (`worker.Work`)."""
        return Recognizer(self)


@dataclass(frozen=True)
class Task:
    """One recording to turn into text."""

    audio: Path
    duration_s: float


class Recognizer:
    """Loads its model when made.

    Raises ConfigError("whisper_model") when it cannot be loaded or downloaded, ("bad_setting") when
    it does not know the language.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        try:
            self._whisper = _load(options)
            self._decoder = Decoder(self._whisper, options.beam)
        except Exception as error:  # tokenizers raises bare Exception for a broken file
            raise _unusable(options, error) from error
        self._require_language()

    def __call__(self, task: Task, progress: Progress) -> Transcript:
        """What was said in the file.

        Raises SkipRecord("no_speech"), RecordError("corrupt_media").
        """
        duration_s = task.duration_s
        speech = find_speech(_samples(task.audio, duration_s))
        said = self._decoder.decode(speech, self._main_language(speech), progress) if speech else []
        if not speech or not said:
            raise SkipRecord("no_speech", "Nobody speaks in this recording.")
        covered, is_whole = _completeness(speech, said)
        return Transcript(
            language=_mostly(said),
            engine=ENGINE,
            model=self._options.label,
            segments=_recorded(speech, said, duration_s),
            duration_s=duration_s,
            coverage=round(covered, 3),
            warnings=() if is_whole else ("possibly_truncated",),
        )

    def _require_language(self) -> None:
        """Smaller models know fewer languages: only the newest large ones know "yue"."""
        language, whisper = self._options.language, self._whisper
        if not language or not whisper.model.is_multilingual:
            return
        if whisper.hf_tokenizer.token_to_id(f"<|{language}|>") is None:
            raise ConfigError(
                "bad_setting",
                f"The Whisper model {self._options.label!r} does not know "
                f"ASR_LANGUAGE={language!r}",
                hint="choose another language or model, or auto to detect the language",
            )

    def _main_language(self, speech: Speech) -> str:
        if not self._whisper.model.is_multilingual:
            return "en"
        if self._options.language:
            return self._options.language
        # the beginning of the speech, up to three windows until one is clear
        length = self._whisper.feature_extractor.n_samples
        language, _, _ = self._whisper.detect_language(
            speech.samples[: 3 * length],
            language_detection_segments=3,
            language_detection_threshold=0.8,
        )
        return str(language)


def _load(options: Options) -> Any:
    from faster_whisper import WhisperModel

    return WhisperModel(
        options.source, device="cpu", compute_type="int8", cpu_threads=options.threads
    )


def _unusable(options: Options, error: Exception) -> ConfigError:
    reason = " ".join(str(error).split())[:_REASON_LENGTH]
    return ConfigError(
        "whisper_model",
        f"The Whisper model {options.label!r} cannot be loaded: {type(error).__name__}: {reason}",
        hint="set WHISPER_MODEL to the directory of a CTranslate2 Whisper model, "
        "or leave it empty for the packaged one",
    )


def _samples(audio: Path, duration_s: float) -> "Samples":
    from av.error import FFmpegError
    from faster_whisper import decode_audio

    try:
        samples: Samples = decode_audio(str(audio), sampling_rate=SAMPLE_RATE)
    except FFmpegError as error:
        raise _corrupt(audio, type(error).__name__) from error
    seconds = len(samples) / SAMPLE_RATE
    # decode_audio steps over broken frames without a word; a shorter sound is the only trace
    if seconds < duration_s - max(0.3, duration_s / 1000):
        raise _corrupt(audio, f"{seconds:.1f} of {duration_s:.1f} s")
    return samples


def _corrupt(audio: Path, trace: str) -> RecordError:
    return RecordError("corrupt_media", f"{audio.name} cannot be decoded whole ({trace}).")


def _completeness(speech: Speech, said: Sequence[Said]) -> tuple[float, bool]:
    """Share of the speech that has text, and whether nothing of note is missing."""
    everything = [(0.0, speech.duration_s)]
    spans = [one.covers for one in said]
    covered = guards.coverage(spans, everything)
    widest = guards.largest(guards.holes(spans, everything, HOLE_S))
    text = "".join(one.text for one in said)
    return covered, (
        covered >= _WHOLE
        and widest < _WIDEST_HOLE_S
        and not guards.is_thin(text, speech.duration_s)
    )


def _mostly(said: Sequence[Said]) -> str:
    seconds: Counter[str] = Counter()
    for one in said:
        seconds[one.language] += round((one.end_s - one.start_s) * 1000)
    return seconds.most_common(1)[0][0]


def _recorded(speech: Speech, said: Sequence[Said], duration_s: float) -> tuple[Segment, ...]:
    """The pieces on the recording's own timeline, none longer than a reader likes."""
    segments = []
    for one in said:
        for start, end, text in guards.sentences(one.start_s, one.end_s, one.text):
            begins = min(speech.begins_at(start), duration_s)
            ends = min(speech.ends_at(end), duration_s)
            segments.append(Segment(round(begins, 2), round(max(begins, ends), 2), text))
    return tuple(sorted(segments, key=lambda segment: segment.start_s))
