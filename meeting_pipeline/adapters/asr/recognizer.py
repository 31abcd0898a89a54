"""One loaded Whisper model that turns recordings into transcripts; lives in a worker process."""

from collections import Counter, deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from meeting_pipeline.adapters.asr import transcript_filters
from meeting_pipeline.adapters.asr.decoding import Decoder, Said
from meeting_pipeline.adapters.asr.speech import Speech
from meeting_pipeline.adapters.asr.transcript_filters import Span
from meeting_pipeline.adapters.processes.resizable_semaphore import Turns
from meeting_pipeline.domain.model import Segment, Transcript
from meeting_pipeline.errors import ConfigError, SkipRecord
from meeting_pipeline.ports.progress import Progress

if TYPE_CHECKING:
    from meeting_pipeline.adapters.asr.sound import Part

ENGINE = "whisper"

_WHOLE = 0.85
_REASON_LENGTH = 200
_WIDEST_HOLE_S = 5.0


@dataclass(frozen=True)
class Options:
    """What a worker loads and how it decodes.

    source: a model directory, or a name that faster-whisper knows. label: how people call it.
    language: "" detects it. threads: that may decode at once.
    """

    source: str
    label: str
    language: str
    beam: int
    threads: int

    def begin(self, turns: Turns) -> "Recognizer":
        """What a worker process does first (`adapters.processes.worker.Work`)."""
        return Recognizer(self, turns)


@dataclass(frozen=True)
class Task:
    """One recording to turn into text."""

    audio: Path
    duration_s: float


@dataclass(frozen=True)
class _Heard:
    """A part's speech and what was said in it."""

    speech: Speech
    said: list[Said]


class Recognizer:
    """Loads its model when made.

    Raises ConfigError("whisper_model") when it cannot be loaded or downloaded, ("bad_setting") when
    it does not know the language.
    """

    def __init__(self, options: Options, turns: Turns) -> None:
        self._options = options
        try:
            self._whisper = _load(options)
            self._decoder = Decoder(self._whisper, options.beam, options.threads, turns)
        except Exception as error:  # tokenizers raises bare Exception for a broken file
            raise _unusable(options, error) from error
        self._require_language()

    def __call__(self, task: Task, progress: Progress) -> Transcript:
        """What was said in the file.

        Raises SkipRecord("no_speech"), RecordError("corrupt_media").
        """
        duration_s = task.duration_s
        heard = self._hear(task.audio, duration_s, progress)
        said = [one for part in heard for one in part.said]
        if not said:
            raise SkipRecord("no_speech", "Nobody speaks in this recording.")
        covered, is_whole = _completeness(heard)
        return Transcript(
            language=_mostly(said),
            engine=ENGINE,
            model=self._options.label,
            segments=tuple(one for part in heard for one in _recorded(part, duration_s)),
            duration_s=duration_s,
            coverage=round(covered, 3),
            warnings=() if is_whole else ("possibly_truncated",),
        )

    def _hear(self, audio: Path, duration_s: float, progress: Progress) -> list[_Heard]:
        """Parts with speech. While some are decoded, the next ones are read."""
        from meeting_pipeline.adapters.asr.sound import corrupt, parts

        advance = _Advance(duration_s, progress)
        decoded: list[_Heard] = []
        at_work: deque[Future[_Heard]] = deque()
        language, seconds = self._main_language, 0.0
        with ThreadPoolExecutor(self._options.threads) as threads:
            for part in parts(audio):
                seconds += part.seconds
                if part.speech is None:
                    advance(part.seconds)
                    continue
                language = language or self._language_of(part.speech)
                at_work.append(threads.submit(self._decode, part, part.speech, language, advance))
                if len(at_work) > self._options.threads:
                    decoded.append(at_work.popleft().result())
            decoded += [one.result() for one in at_work]
        # broken frames are stepped over without a word; a shorter sound is the only trace
        if seconds < duration_s - max(0.3, duration_s / 1000):
            raise corrupt(audio, f"{seconds:.1f} of {duration_s:.1f} s")
        return decoded

    def _decode(self, part: "Part", speech: Speech, language: str, advance: "_Advance") -> _Heard:
        share = part.seconds / speech.duration_s
        said = self._decoder.decode(speech, language, lambda seconds: advance(seconds * share))
        return _Heard(speech, said)

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

    @property
    def _main_language(self) -> str:
        return self._options.language if self._whisper.model.is_multilingual else "en"

    def _language_of(self, speech: Speech) -> str:
        # the beginning of the speech, up to three windows until one is clear
        length = self._whisper.feature_extractor.n_samples
        language, _, _ = self._whisper.detect_language(
            speech.samples[: 3 * length],
            language_detection_segments=3,
            language_detection_threshold=0.8,
        )
        return str(language)


class _Advance:
    """Adds up what several threads have done, and tells the share of the whole."""

    def __init__(self, duration_s: float, progress: Progress) -> None:
        self._duration_s = duration_s
        self._progress = progress
        self._done_s = 0.0
        self._lock = Lock()
        progress(0.0)

    def __call__(self, seconds: float) -> None:
        with self._lock:
            self._done_s += seconds
            self._progress(min(1.0, self._done_s / self._duration_s))


def _load(options: Options) -> Any:
    from faster_whisper import WhisperModel

    return WhisperModel(
        options.source,
        device="cpu",
        compute_type="int8",
        cpu_threads=1,  # two batches on two cores are faster than each of them on both
        num_workers=options.threads,
    )


def _unusable(options: Options, error: Exception) -> ConfigError:
    reason = " ".join(str(error).split())[:_REASON_LENGTH]
    return ConfigError(
        "whisper_model",
        f"The Whisper model {options.label!r} cannot be loaded: {type(error).__name__}: {reason}",
        hint="set WHISPER_MODEL to the directory of a CTranslate2 Whisper model, "
        "or leave it empty for the packaged one",
    )


def _completeness(heard: Sequence[_Heard]) -> tuple[float, bool]:
    """Share of the speech that has text, and whether nothing of note is missing."""
    total_s = sum(part.speech.duration_s for part in heard)
    holes = [hole for part in heard for hole in _holes(part)]
    lost_s = sum(end - start for start, end in holes)
    text = "".join(one.text for part in heard for one in part.said)
    return 1.0 - lost_s / total_s, (
        1.0 - lost_s / total_s >= _WHOLE
        and transcript_filters.largest(holes) < _WIDEST_HOLE_S
        and not transcript_filters.is_thin(text, total_s)
    )


def _holes(part: _Heard) -> list[Span]:
    everything = [(0.0, part.speech.duration_s)]
    return transcript_filters.holes((one.covers for one in part.said), everything, 0.0)


def _mostly(said: Sequence[Said]) -> str:
    seconds: Counter[str] = Counter()
    for one in said:
        seconds[one.language] += round((one.end_s - one.start_s) * 1000)
    return seconds.most_common(1)[0][0]


def _recorded(part: _Heard, duration_s: float) -> list[Segment]:
    """The pieces on the recording's own timeline, none longer than a reader likes."""
    segments = []
    for one in part.said:
        for start, end, text in transcript_filters.sentences(one.start_s, one.end_s, one.text):
            begins = min(part.speech.begins_at(start), duration_s)
            ends = min(part.speech.ends_at(end), duration_s)
            segments.append(Segment(round(begins, 2), round(max(begins, ends), 2), text))
    return sorted(segments, key=lambda segment: segment.start_s)
