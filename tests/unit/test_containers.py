"""What is made of the words in a container, without a file."""

from pathlib import Path

import pytest

from meeting_pipeline.adapters.media.containers import AudioTrack, Container, describe


def matroska(length: str) -> Container:
    """A Matroska file whose only track says in a tag how long it is."""
    track = AudioTrack("opus", None, 0, 48_000, 1, 960, 0.0, None, 0.001, 0, {"DURATION": length})
    return Container("matroska,webm", None, {}, [track])


def test_the_length_of_a_matroska_track_is_read_from_its_tag() -> None:
    assert describe(Path("a.mkv"), matroska("00:01:30.500")).duration_s == 90.5


@pytest.mark.parametrize("length", ["00:00:nan", "-01:00:00.0", f"{'9' * 400}:00:00", "1:30", ""])
def test_a_tag_that_is_not_a_length_promises_nothing(length: str) -> None:
    assert describe(Path("a.mkv"), matroska(length)).duration_s is None


@pytest.mark.parametrize("written", ["0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59-08:00"])
def test_a_date_of_creation_outside_the_calendar_is_not_known(written: str) -> None:
    container = Container("flac", None, {"creation_time": written}, [])
    assert describe(Path("a.flac"), container).created_at is None
