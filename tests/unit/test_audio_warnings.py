"""Warnings about audio are kept beside it, and go with it."""

from pathlib import Path

import pytest

from meeting_pipeline.domain import audio_warnings
from meeting_pipeline.domain.model import RecordKey
from meeting_pipeline.storage.files import RecordFolder


def test_warnings_are_read_as_they_were_written(tmp_path: Path) -> None:
    written = (audio_warnings.NOISE_TRACK, audio_warnings.UNDECODABLE_TRACK)
    file = tmp_path / audio_warnings.FILE_NAME
    file.write_bytes(audio_warnings.pack(written))
    assert audio_warnings.read(file) == written


@pytest.mark.parametrize("damaged", [b"", b"[", b"{}", b"[1]", b"\xff", None])
def test_a_file_that_is_missing_or_damaged_is_no_warning(
    damaged: bytes | None, tmp_path: Path
) -> None:
    file = tmp_path / audio_warnings.FILE_NAME
    if damaged is not None:
        file.write_bytes(damaged)
    assert audio_warnings.read(file) == ()


def test_warnings_are_removed_with_the_audio(tmp_path: Path) -> None:
    folder = RecordFolder(tmp_path, RecordKey("test", "1"))
    audio = folder.write("audio.flac", b"sound")
    folder.write(audio_warnings.FILE_NAME, audio_warnings.pack([audio_warnings.NOISE_TRACK]))
    folder.discard("audio", audio.name)
    assert not folder.path.exists()


def test_how_much_of_a_recording_there_is_is_said_where_it_is_known() -> None:
    words = audio_warnings.incomplete_in_words(audio_warnings.incomplete(14.1, 20.0))
    assert words is not None
    assert words.startswith("录音不完整：14.1 / 20.0 秒 ")
    unknown = audio_warnings.incomplete_in_words(audio_warnings.incomplete(14.1, 0.0))
    assert unknown == "录音不完整 the recording is incomplete"


def test_a_whole_recording_is_not_called_incomplete() -> None:
    assert audio_warnings.incomplete_in_words((audio_warnings.NOISE_TRACK,)) is None
