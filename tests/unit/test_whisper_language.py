"""ASR_LANGUAGE is checked before anything is loaded."""

from pathlib import Path

import pytest
from faster_whisper.tokenizer import _LANGUAGE_CODES

from meeting_pipeline.adapters.asr.languages import CODES, language_setting
from meeting_pipeline.adapters.asr.whisper import WhisperTranscriber
from meeting_pipeline.errors import ConfigError
from meeting_pipeline.settings.config import load


def test_every_language_of_the_engine_is_accepted_and_no_other() -> None:
    assert set(_LANGUAGE_CODES) == CODES
    assert all(language_setting(code) == code for code in CODES)


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("zh-CN", "zh"),
        ("ZH", "zh"),
        ("zh_Hans", "zh"),
        ("zh-Hant-TW", "zh"),
        ("zh_CN.UTF-8", "zh"),
        (" cmn ", "zh"),
        ("en-US", "en"),
        ("yue", "yue"),
        ("yue-HK", "yue"),
        ("zh-yue", "yue"),
    ],
)
def test_a_language_may_be_written_with_its_script_and_region(written: str, code: str) -> None:
    assert language_setting(written) == code
    assert load(Path("no.env"), {"ASR_LANGUAGE": written}).speech.language == code


@pytest.mark.parametrize(
    ("model", "language", "ok"),
    [
        ("", "yue", False),
        ("", "zh-CN", True),
        ("", "auto", True),
        ("medium", "yue", False),
        ("large-v3", "yue", None),
        ("turbo", "yue", None),
    ],
)
def test_doctor_finds_a_language_that_the_model_does_not_know(
    model: str, language: str, ok: bool | None, tmp_path: Path
) -> None:
    whisper = WhisperTranscriber(model=model, language=language, cache_dir=tmp_path)

    [check] = whisper.examine()

    assert check.ok is ok
    assert ok is not False or ("yue" in check.message and "large-v3" in check.hint)


def test_doctor_looks_into_a_model_directory_for_the_language(tmp_path: Path) -> None:
    for name in ("model.bin", "config.json"):
        (tmp_path / name).write_bytes(b"{}")
    examined = {}
    for tokens in ("<|en|><|zh|>", "<|en|><|zh|><|yue|>"):
        (tmp_path / "tokenizer.json").write_text(tokens)
        whisper = WhisperTranscriber(model=str(tmp_path), language="yue", cache_dir=tmp_path)
        [check] = whisper.examine()
        examined[tokens] = check.ok

    assert list(examined.values()) == [False, True]


@pytest.mark.parametrize("value", ["", "auto", "AUTO"])
def test_detection_is_asked_for_with_nothing_or_auto(value: str) -> None:
    assert language_setting(value) == ""


@pytest.mark.parametrize("value", ["中文", "Chinese", "xx", "xx-CN"])
def test_another_word_is_refused_when_the_transcriber_is_made(value: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"ASR_LANGUAGE='{value}'") as caught:
        WhisperTranscriber(language=value, cache_dir=tmp_path)
    assert caught.value.code == "bad_setting"
    assert "zh, en" in caught.value.hint
