"""An Ogg file is whole when every logical stream in it has ended."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from meeting_pipeline.adapters.media.ogg import check_ended
from meeting_pipeline.errors import RecordError

FIRST, MIDDLE, LAST = 2, 0, 4
WHOLE = [(1, FIRST), (2, FIRST), (1, MIDDLE), (2, MIDDLE), (2, LAST), (1, MIDDLE), (1, LAST)]


def page(serial: int, flags: int, body: bytes = b"OggS" * 90) -> bytes:
    header = b"OggS\0" + bytes([flags]) + bytes(8) + serial.to_bytes(4, "little") + bytes(8)
    laces = [255] * (len(body) // 255) + [len(body) % 255]
    return header + bytes([len(laces), *laces]) + body


def pages(marks: list[tuple[int, int]]) -> bytes:
    return b"".join(page(serial, flags) for serial, flags in marks)


def is_whole(folder: Path, data: bytes) -> bool:
    media = folder / "录音.ogg"
    media.write_bytes(data)
    try:
        check_ended(media)
    except RecordError as refusal:
        assert refusal.code == "truncated_media"
        return False
    return True


@pytest.mark.parametrize(
    "data",
    [
        pages(WHOLE),
        pages(WHOLE + WHOLE),
        pages([(1, FIRST | LAST)]),
        pages(WHOLE) + b"TAG" + bytes(125),
    ],
    ids=["two streams", "chained", "one page", "a tag behind it"],
)
def test_streams_that_have_all_ended_are_whole(data: bytes, tmp_path: Path) -> None:
    assert is_whole(tmp_path, data)


@pytest.mark.parametrize(
    "data",
    [
        pages(WHOLE[:-1]),
        pages(WHOLE[:4]),
        pages(WHOLE + WHOLE[:-1]),
        pages(WHOLE[:3]) + bytes(300) + pages(WHOLE[3:]),
    ],
    ids=["one has not ended", "none has", "the second of a chain has not", "a hole"],
)
def test_a_stream_that_has_not_ended_is_truncated(data: bytes, tmp_path: Path) -> None:
    assert not is_whole(tmp_path, data)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(size=len(pages(WHOLE[:-1])) + 27)  # right behind the head of the last page
@given(size=st.integers(len(page(*WHOLE[0])), len(pages(WHOLE)) - 1))
def test_wherever_a_file_was_cut_it_is_truncated(size: int, tmp_path: Path) -> None:
    assert not is_whole(tmp_path, pages(WHOLE)[:size])
