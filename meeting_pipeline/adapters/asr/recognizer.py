"""Transcription of recordings by a loaded Whisper model, in a worker process."""

from collections import Counter, deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from meeting_pipeline.adapters.asr import transcript_filters
from meeting_pipeline.adapters.asr.decoding import DecodedText, Decoder
from meeting_pipeline.adapters.asr.speech import Speech
from meeting_pipeline.adapters.asr.transcript_filters import Span
from meeting_pipeline.adapters.processes.resizable_semaphore import ResizableSemaphore
from meeting_pipeline.domain.model import Segment, Transcript
from meeting_pipeline.errors import ConfigError, SkipRecord
from meeting_pipeline.ports.progress import Progress

if TYPE_CHECKING:
    from meeting_pipeline.adapters.asr.sound import Part

ENGINE = "whisper"

_WHOLE = 0.85
_REASON_LENGTH = 200
_LONGEST_GAP_S = 5.0


@dataclass(frozen=True)
class RecognizerOptions:
    """The settings of a recognizer.

    Attributes:
        source: A model directory, or a model name that faster-whisper knows.
        label: The name of the model for people, and for the transcript.
        language: Whisper's language code; "" detects the language.
        beam: Beam size of the search.
        threads: How many threads may decode at once.
    """

    source: str
    label: str
    language: str
    beam: int
    threads: int

    def begin(self, slots: ResizableSemaphore) -> "Recognizer":
        """Load the model, as `adapters.processes.worker.Work` asks of a new worker process."""
        return Recognizer(self, slots)


@dataclass(frozen=True)
class RecognitionTask:
    """One recording to transcribe.

    Attributes:
        audio: The audio file.
        duration_s: The duration that it must have when it is decoded, in seconds.
    """

    audio: Path
    duration_s: float


@dataclass(frozen=True)
class _DecodedPart:
    """The speech of one part of a recording, and its text."""

    speech: Speech
    texts: list[DecodedText]


class Recognizer:
    """A loaded Whisper model; calling it transcribes one recording.

    Args:
        options: What to load and how to decode.
        slots: Limits how many threads of this process compute at the same time.

    Raises:
        ConfigError: "whisper_model" when the model cannot be loaded or downloaded, "bad_setting"
            when it does not know the language.
    """

    def __init__(self, options: RecognizerOptions, slots: ResizableSemaphore) -> None:
        self._options = options
        try:
            self._whisper = _load(options)
            self._decoder = Decoder(self._whisper, options.beam, options.threads, slots)
        except Exception as error:  # tokenizers raises bare Exception for a broken file
            raise _unusable(options, error) from error
        self._require_language()

    def __call__(self, task: RecognitionTask, progress: Progress) -> Transcript:
        """Transcribe one recording.

        Args:
            task: The recording.
            progress: Called with the fraction that is done, 0..1.

        Raises:
            SkipRecord: "no_speech" when the recording contains no speech.
            RecordError: "corrupt_media" when the audio cannot be decoded to its end.
        """
        duration_s = task.duration_s
        parts = self._decode_parts(task.audio, duration_s, progress)
        texts = [text for part in parts for text in part.texts]
        if not texts:
            raise SkipRecord("no_speech", "The recording contains no speech.")
        covered, is_whole = _completeness(parts)
        segments = [one for part in parts for one in _segments(part, duration_s)]
        return Transcript(
            language=_main_language(texts),
            engine=ENGINE,
            model=self._options.label,
            segments=tuple(transcript_filters.without_loops(segments)),
            duration_s=duration_s,
            coverage=round(covered, 3),
            warnings=() if is_whole else ("possibly_truncated",),
        )

    def _decode_parts(
        self, audio: Path, duration_s: float, progress: Progress
    ) -> list[_DecodedPart]:
        """Decode the parts that contain speech, reading the next ones meanwhile."""
        from meeting_pipeline.adapters.asr.sound import corrupt, parts

        advance = _Advance(duration_s, progress)
        decoded: list[_DecodedPart] = []
        running: deque[Future[_DecodedPart]] = deque()
        language, seconds = self._fixed_language, 0.0
        with ThreadPoolExecutor(self._options.threads) as threads:
            for part in parts(audio):
                seconds += part.seconds
                if part.speech is None:
                    advance(part.seconds)
                    continue
                language = language or self._detected_language(part.speech)
                running.append(threads.submit(self._decode, part, part.speech, language, advance))
                if len(running) > self._options.threads:
                    decoded.append(running.popleft().result())
            decoded += [one.result() for one in running]
        # broken frames are skipped silently: the shorter duration is their only trace
        if seconds < duration_s - max(0.3, duration_s / 1000):
            raise corrupt(audio, f"{seconds:.1f} of {duration_s:.1f} s")
        return decoded

    def _decode(
        self, part: "Part", speech: Speech, language: str, advance: "_Advance"
    ) -> _DecodedPart:
        share = part.seconds / speech.duration_s
        texts = self._decoder.decode(speech, language, lambda seconds: advance(seconds * share))
        return _DecodedPart(speech, texts)

    def _require_language(self) -> None:
        """Check that the model knows the language: only the newest large ones know "yue"."""
        language, whisper = self._options.language, self._whisper
        if not language or not whisper.model.is_multilingual:
            return
        if whisper.hf_tokenizer.token_to_id(f"<|{language}|>") is None:
            raise ConfigError(
                "bad_setting",
                f"The Whisper model {self._options.label!r} does not know "
                f"ASR_LANGUAGE={language!r}",
                hint="set another ASR_LANGUAGE or WHISPER_MODEL, or ASR_LANGUAGE=auto to detect it",
            )

    @property
    def _fixed_language(self) -> str:
        return self._options.language if self._whisper.model.is_multilingual else "en"

    def _detected_language(self, speech: Speech) -> str:
        # up to three windows from the beginning, until one of them is clear
        length = self._whisper.feature_extractor.n_samples
        language, _, _ = self._whisper.detect_language(
            speech.samples[: 3 * length],
            language_detection_segments=3,
            language_detection_threshold=0.8,
        )
        return str(language)


class _Advance:
    """The progress of one recording, added up over the threads that decode it."""

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


def _load(options: RecognizerOptions) -> Any:
    from faster_whisper import WhisperModel

    return WhisperModel(
        options.source,
        device="cpu",
        compute_type="int8",
        cpu_threads=1,  # two batches on one core each are faster than each of them on two cores
        num_workers=options.threads,
    )


def _unusable(options: RecognizerOptions, error: Exception) -> ConfigError:
    reason = " ".join(str(error).split())[:_REASON_LENGTH]
    return ConfigError(
        "whisper_model",
        f"The Whisper model {options.label!r} cannot be loaded: {type(error).__name__}: {reason}",
        hint="set WHISPER_MODEL to the directory of a CTranslate2 Whisper model, "
        "or leave it empty to use the packaged one",
    )


def _completeness(parts: Sequence[_DecodedPart]) -> tuple[float, bool]:
    """Return the coverage (0..1), and whether the transcript can be considered complete."""
    total_s = sum(part.speech.duration_s for part in parts)
    gaps = [gap for part in parts for gap in _gaps(part)]
    lost_s = sum(end - start for start, end in gaps)
    text = "".join(one.text for part in parts for one in part.texts)
    return 1.0 - lost_s / total_s, (
        1.0 - lost_s / total_s >= _WHOLE
        and transcript_filters.longest(gaps) < _LONGEST_GAP_S
        and not transcript_filters.is_thin(text, total_s)
    )


def _gaps(part: _DecodedPart) -> list[Span]:
    everything = [(0.0, part.speech.duration_s)]
    return transcript_filters.gaps((one.covers for one in part.texts), everything, 0.0)


def _main_language(texts: Sequence[DecodedText]) -> str:
    milliseconds: Counter[str] = Counter()
    for one in texts:
        milliseconds[one.language] += round((one.end_s - one.start_s) * 1000)
    return milliseconds.most_common(1)[0][0]


def _segments(part: _DecodedPart, duration_s: float) -> list[Segment]:
    """Return a part's text as segments on the recording's timeline, split into sentences."""
    segments = []
    for one in part.texts:
        for start, end, text in transcript_filters.sentences(one.start_s, one.end_s, one.text):
            begins = min(part.speech.begins_at(start), duration_s)
            ends = min(part.speech.ends_at(end), duration_s)
            segments.append(Segment(round(begins, 2), round(max(begins, ends), 2), text))
    return sorted(segments, key=lambda segment: segment.start_s)
