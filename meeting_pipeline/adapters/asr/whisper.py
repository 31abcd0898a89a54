"""Speech recognition on this machine: faster-whisper in processes of its own."""

import hashlib
import importlib.util
import os
from pathlib import Path
from threading import Lock

from meeting_pipeline.adapters.asr import decoding
from meeting_pipeline.adapters.asr.languages import language_setting
from meeting_pipeline.adapters.asr.packaged_model import (
    MODEL_NAME,
    OFFLINE_HINT,
    packaged_base,
    require_packages,
)
from meeting_pipeline.adapters.asr.recognizer import ENGINE, Options, Task
from meeting_pipeline.adapters.processes.worker_pool import WorkerPool
from meeting_pipeline.domain.checks import Check
from meeting_pipeline.domain.model import Audio, Transcript, Usage
from meeting_pipeline.errors import ConfigError
from meeting_pipeline.ports.gate import OPEN, Gate
from meeting_pipeline.ports.job import Job
from meeting_pipeline.ports.media import AudioWanted

_BESIDE_WEIGHTS = ("config.json", "tokenizer.json")

_KEPT_MEMORY = {"arena_max": 1, "mmap_threshold": 1 << 32, "trim_threshold": 1 << 33, "hugetlb": 1}
"""glibc's settings for a recogniser: each window takes buffers of up to 70 MB. Given back and taken
anew, page by page, they are a third of the encoder's time, and more memory."""


class WhisperTranscriber:
    """The `Transcriber` that needs no service.

    model: a directory with a CTranslate2 Whisper model, a name that faster-whisper downloads, or ""
    for the packaged multilingual base. language: "zh", "en" …; "" or "auto" detects it. The
    language given holds wherever Chinese or English is not clearly heard instead.
    processes: how many recordings at once; those at work share the processor's cores, and what
    they hear does not depend on how many there are. gate: where recordings wait for a process.

    Raises ConfigError("bad_setting") for a language that Whisper does not know.
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

    def transcribe(self, audio: Audio, job: Job) -> Transcript:
        """Raises SkipRecord("no_speech"), RecordError("corrupt_media"), RetryableError(
        "worker_died"), ConfigError for a model that cannot be had, FatalError("disk_full"),
        Stopped after `close`.
        """
        with self._gate.slot():
            transcript: Transcript = self._workers().run(
                Task(audio.path, audio.duration_s), job.progress
            )
        call = hashlib.sha256(f"{audio.sha256} {self.settings}".encode()).hexdigest()
        job.spent(Usage(call, "asr", self._label, audio_seconds=audio.duration_s))
        return transcript

    def examine(self) -> list[Check]:
        """Whether recogniser and model are here; nothing is loaded."""
        try:
            _require_installed()
            return [self._examined_model("speech_local")]
        except ConfigError as error:
            return [Check.refused("speech_local", error)]

    def close(self) -> None:
        """End the processes; a recording at work is given up with Stopped."""
        with self._starting:
            if self._pool is not None:
                self._pool.close()

    @property
    def _label(self) -> str:
        """How people call the model: a name, or a directory with its weights' size."""
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
        """Raises ConfigError for a model that is not here and cannot be downloaded."""
        if not self._model:
            require_packages(self._cache_dir)
            return Check(code, True, f"Whisper {MODEL_NAME}, installed with the program")
        if not _is_path(self._model):
            message = f"WHISPER_MODEL={self._model} will be downloaded when it is first used"
            return Check(code, None, message, "or give the directory of a model that is here")
        directory = _directory(self._model)
        missing = [name for name in _BESIDE_WEIGHTS if not (directory / name).is_file()]
        if not missing:
            return Check(code, True, f"Whisper model in {directory}")
        message = f"WHISPER_MODEL: there is no {' and no '.join(missing)} in {directory}"
        return Check(code, False, message, "copy the whole directory of the model")

    def _open_pool(self) -> WorkerPool:
        _require_installed()
        cores = len(os.sched_getaffinity(0))
        source, is_local = self._source()
        options = Options(source, self._label, self._language, self._beam, cores)
        environment = _environment(is_local)
        return WorkerPool(self._processes, options, cores=cores, environment=environment)

    def _source(self) -> tuple[str, bool]:
        """What faster-whisper shall load, and whether that is a directory."""
        if not self._model:
            return str(packaged_base(self._cache_dir).resolve()), True
        if _is_path(self._model):
            return str(_directory(self._model).resolve()), True
        return self._model, False


def _environment(is_local: bool) -> dict[str, str]:
    """What a recogniser's process is started with."""
    # MKL makes int8 eight times slower on AMD processors
    environment = {name: value for name, value in os.environ.items() if name != "CT2_USE_MKL"}
    if is_local:
        environment["HF_HUB_OFFLINE"] = "1"
    kept = [f"glibc.malloc.{name}={value}" for name, value in _KEPT_MEMORY.items()]
    wanted = environment.get("GLIBC_TUNABLES")  # the last one of a name counts
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
            f"WHISPER_MODEL: there is no model.bin in {directory}.",
            hint="give the directory of a CTranslate2 Whisper model, or leave it empty",
        )
    return directory
