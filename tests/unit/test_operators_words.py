"""Messages name the file as people know it, and nothing else in them changes."""

import pytest

from meeting_pipeline.run.words import in_the_operators_words


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("recording.m4a.part is not a readable mp4", "李雷 1.m4a is not a readable mp4"),
        ("no space left for audio.flac", "no space left for 李雷 1.m4a"),
        ("/srv/data/recordings/folder/12/recording.mp4 is gone", "李雷 1.m4a is gone"),
        ("recording.webm has no audio track", "李雷 1.m4a has no audio track"),
    ],
)
def test_a_copy_of_ours_is_called_by_the_name_of_the_file(message: str, said: str) -> None:
    assert in_the_operators_words(message, "李雷 1.m4a") == said


@pytest.mark.parametrize(
    "message",
    [
        "the file is empty",
        "https://audio.example.com/v1 does not answer",
        "the recording. It is silent",
        "POST /v1/audio/transcriptions: 400",
        "summary.json cannot be written",
    ],
)
def test_what_is_no_copy_of_ours_stays(message: str) -> None:
    assert in_the_operators_words(message, "x") == message


def test_a_name_with_backslashes_is_no_pattern() -> None:
    assert in_the_operators_words("audio.mp3 ends", r"\1 \g<0>.mp3") == r"\1 \g<0>.mp3 ends"
