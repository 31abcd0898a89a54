"""Local speech recognition: faster-whisper in worker processes."""

import hashlib
import importlib.util
import os
from pathlib import Path
from threading import Lock

from meeting_pipeline.adapters.asr import decoding
from meeting_pipeline.adapters.asr.languages import (
    language_setting,
    unknown_to_model,
    unknown_to_named_model,
)
from meeting_pipeline.adapters.asr.packaged_model import (
    MODEL_NAME,
    OFFLINE_HINT,
    packaged_base,
    packaged_tokenizer,
    require_packages,
)
from meeting_pipeline.adapters.asr.recognizer import ENGINE, RecognitionTask, RecognizerOptions
from meeting_pipeline.adapters.processes.worker_pool import WorkerPool
from meeting_pipeline.domain.checks import Check
from meeting_pipeline.domain.model import Audio, Transcript, Usage
from meeting_pipeline.errors import ConfigError
from meeting_pipeline.ports.gate import OPEN, Gate
from meeting_pipeline.ports.media import AudioWanted
from meeting_pipeline.ports.stage_context import StageContext

_BESIDE_WEIGHTS = ("config.json", "tokenizer.json")

_KEPT_MEMORY = {"arena_max": 1, "mmap_threshold": 1 << 32, "trim_threshold": 1 << 33, "hugetlb": 1}
"""glibc's malloc settings for a worker process. Each window uses buffers of up to 70 MB; returning
them to the system and getting them back page by page would take a third of the encoder's time, and
more memory."""


class WhisperTranscriber:
    """A `Transcriber` that needs no service.

    Args:
        model: A directory with a CTranslate2 Whisper model, a model name that faster-whisper
            downloads, or "" for the packaged multilingual base model.
        language: "zh", "en" …; "" or "auto" detects it. A language that is set still gives way
            where Chinese or English is clearly detected.
        beam: Beam size of the search.
        cache_dir: Where the packaged model is prepared.
        processes: How many recordings are transcribed at once. They share the processor's cores,
            and their text does not depend on how many there are.
        gate: Where recordings wait for a worker process.

    Raises:
        ConfigError: "bad_setting" when Whisper does not know the language.
    """

    def __init__(
        self,
        *,
        model: str = "",
        language: str = "zh",
        beam: int = 5,
        cache_dir: Path,
        processes: int = 1,
        gate: Gate = OPEN,
    ) -> None:
        self._model = model
        self._language = language_setting(language)
        self._beam = beam
        self._cache_dir = cache_dir
        self._processes = processes
        self._gate = gate
        self._pool: WorkerPool | None = None
        self._starting = Lock()

    @property
    def settings(self) -> str:
        return (
            f"{ENGINE} {self._label} {self._language or 'auto'} beam={self._beam}"
            f" rules={decoding.VERSION}"
        )

    @property
    def audio(self) -> AudioWanted:
        return AudioWanted("flac")

    def transcribe(self, audio: Audio, context: StageContext) -> Transcript:
        """Return the recording's transcript.

        Raises:
            SkipRecord: "no_speech" when the recording contains no speech.
            RecordError: "corrupt_media" when the audio cannot be decoded to its end.
            RetryableError: "worker_died" when the worker process ended unexpectedly.
            ConfigError: The model is missing or cannot be loaded.
            FatalError: "disk_full".
            Stopped: `close` was called.
        """
        with self._gate.slot():
            transcript: Transcript = self._workers().run(
                RecognitionTask(audio.path, audio.duration_s), context.progress
            )
        call = hashlib.sha256(f"{audio.sha256} {self.settings}".encode()).hexdigest()
        context.spent(Usage(call, "asr", self._label, audio_seconds=audio.duration_s))
        return transcript

    def examine(self) -> list[Check]:
        """Check that the recognizer and its model are installed, without loading them."""
        try:
            _require_installed()
            return [self._examined_model("speech_local")]
        except ConfigError as error:
            return [Check.refused("speech_local", error)]

    def close(self) -> None:
        """End the worker processes; transcriptions in progress raise Stopped."""
        with self._starting:
            if self._pool is not None:
                self._pool.close()

    @property
    def _label(self) -> str:
        """The name of the model: as set, or its directory's name with the size of the weights."""
        if not self._model:
            return MODEL_NAME
        if not _is_path(self._model):
            return self._model
        directory = _directory(self._model)
        return f"{directory.name}:{(directory / 'model.bin').stat().st_size}"

    def _workers(self) -> WorkerPool:
        with self._starting:
            if self._pool is None:
                self._pool = self._open_pool()
            return self._pool

    def _examined_model(self, code: str) -> Check:
        """Check the model; raise ConfigError if it is missing and cannot be downloaded."""
        if self._lacks_language():
            message = (
                f"ASR_LANGUAGE={self._language}: 所选模型不支持 Whisper {self._label} lacks it"
            )
            hint = "改用 set ASR_LANGUAGE=zh 或 or auto；粤语 for Cantonese: WHISPER_MODEL=large-v3"
            return Check(code, False, message, hint)
        if not self._model:
            require_packages(self._cache_dir)
            return Check(code, True, f"Whisper {MODEL_NAME}, installed with the program")
        if not _is_path(self._model):
            message = (
                f"没有检查 not tried: WHISPER_MODEL={self._model} 首次使用时才下载 will be "
                "downloaded when it is first used"
            )
            hint = (
                "meeting run --limit 1 会下载并使用它 downloads and uses it; "
                "或填本地模型目录 or set it to the directory of a local model"
            )
            return Check.not_made(code, message, hint)
        directory = _directory(self._model)
        missing = [name for name in _BESIDE_WEIGHTS if not (directory / name).is_file()]
        if not missing:
            return Check(code, True, f"Whisper model in {directory}")
        message = f"WHISPER_MODEL: {directory} does not contain {' or '.join(missing)}"
        return Check(code, False, message, "copy the complete directory of the model")

    def _lacks_language(self) -> bool:
        """Return whether the model is known to lack ASR_LANGUAGE."""
        if not self._model:
            return unknown_to_model(packaged_tokenizer(self._cache_dir), self._language)
        if not _is_path(self._model):
            return unknown_to_named_model(self._model, self._language)
        tokenizer = _directory(self._model) / "tokenizer.json"
        return tokenizer.is_file() and unknown_to_model(tokenizer.read_bytes(), self._language)

    def _open_pool(self) -> WorkerPool:
        _require_installed()
        cores = len(os.sched_getaffinity(0))
        source, is_local = self._source()
        options = RecognizerOptions(source, self._label, self._language, self._beam, cores)
        environment = _environment(is_local)
        return WorkerPool(self._processes, options, cores=cores, environment=environment)

    def _source(self) -> tuple[str, bool]:
        """Return what faster-whisper loads, and whether it is a local directory."""
        if not self._model:
            return str(packaged_base(self._cache_dir).resolve()), True
        if _is_path(self._model):
            return str(_directory(self._model).resolve()), True
        return self._model, False


def _environment(is_local: bool) -> dict[str, str]:
    """Return the environment variables of a worker process."""
    # with MKL, int8 is eight times slower on AMD processors
    environment = {name: value for name, value in os.environ.items() if name != "CT2_USE_MKL"}
    if is_local:
        environment["HF_HUB_OFFLINE"] = "1"
    kept = [f"glibc.malloc.{name}={value}" for name, value in _KEPT_MEMORY.items()]
    wanted = environment.get("GLIBC_TUNABLES")  # goes last: the last value of a name counts
    environment["GLIBC_TUNABLES"] = ":".join([*kept, wanted] if wanted else kept)
    return environment


def _require_installed() -> None:
    if importlib.util.find_spec("faster_whisper") is None:
        raise ConfigError(
            "offline_extra_missing",
            "Local speech recognition is not installed.",
            hint=OFFLINE_HINT,
        )


def _is_path(model: str) -> bool:
    return Path(model).expanduser().is_dir() or model.startswith(("/", "./", "../", "~"))


def _directory(model: str) -> Path:
    directory = Path(model).expanduser()
    if not (directory / "model.bin").is_file():
        raise ConfigError(
            "whisper_model",
            f"WHISPER_MODEL: {directory} does not contain model.bin.",
            hint="set it to the directory of a CTranslate2 Whisper model, or leave it empty",
        )
    return directory
