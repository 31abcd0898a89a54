"""ASR_LANGUAGE is checked before anything is loaded."""

from pathlib import Path

import pytest
from faster_whisper.tokenizer import _LANGUAGE_CODES

from meeting_pipeline.adapters.asr.languages import CODES, language_setting
from meeting_pipeline.adapters.asr.whisper import WhisperTranscriber
from meeting_pipeline.errors import ConfigError


def test_every_language_of_the_engine_is_accepted_and_no_other() -> None:
    assert set(_LANGUAGE_CODES) == CODES
    assert all(language_setting(code) == code for code in CODES)


@pytest.mark.parametrize("value", ["", "auto"])
def test_detection_is_asked_for_with_nothing_or_auto(value: str) -> None:
    assert language_setting(value) == ""


@pytest.mark.parametrize("value", ["中文", "Chinese", "zh-CN", "xx"])
def test_another_word_is_refused_when_the_transcriber_is_made(value: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"ASR_LANGUAGE='{value}'") as caught:
        WhisperTranscriber(language=value, cache_dir=tmp_path)
    assert caught.value.code == "bad_setting"
    assert "zh, en" in caught.value.hint
