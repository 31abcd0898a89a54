import pytest
from hypothesis import given
from hypothesis import strategies as st

from meeting_pipeline.domain.levels import FRAME_S, NOTHING_DB
from meeting_pipeline.domain.media_checks import (
    check_audible,
    check_long_enough,
    check_media_bytes,
    check_whole,
)
from meeting_pipeline.errors import MeetingError, RecordError, SkipRecord

MP4 = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41"
seconds = st.floats(min_value=0, max_value=100_000)


def refusal(kind: type[MeetingError], check: object, *details: object) -> str:
    assert callable(check)
    with pytest.raises(kind) as refused:
        check(*details)
    return refused.value.code


@given(seconds, st.floats(min_value=0, max_value=0.29))
def test_what_an_encoder_pads_is_forgiven(promised_s: float, missing_s: float) -> None:
    check_whole(promised_s, promised_s - missing_s)


@given(seconds, seconds)
def test_more_than_promised_is_fine(promised_s: float, more_s: float) -> None:
    check_whole(promised_s, promised_s + more_s)


@given(seconds)
def test_without_a_promise_nothing_is_missing(decoded_s: float) -> None:
    check_whole(None, decoded_s)


@given(st.floats(min_value=300, max_value=100_000), st.floats(min_value=0.0011, max_value=1))
def test_more_than_a_thousandth_missing_is_truncated(promised_s: float, share: float) -> None:
    assert refusal(RecordError, check_whole, promised_s, promised_s * (1 - share)) == (
        "truncated_media"
    )


@given(st.floats(min_value=0.31, max_value=300))
def test_more_than_0_3_s_missing_of_a_short_one_is_truncated(promised_s: float) -> None:
    assert refusal(RecordError, check_whole, promised_s, promised_s - 0.31) == "truncated_media"


@given(seconds, seconds)
def test_only_what_is_shorter_than_the_minimum_is_too_short(a_s: float, b_s: float) -> None:
    check_long_enough(max(a_s, b_s), min(a_s, b_s))
    if a_s != b_s:
        assert refusal(SkipRecord, check_long_enough, min(a_s, b_s), max(a_s, b_s)) == "too_short"


def varying(level: float, seconds: float, by: float = 40.0) -> list[float]:
    """The levels of speech: as loud as that in every other frame, and much quieter between."""
    return [level, level - by] * round(seconds / FRAME_S / 2)


SILENT = {
    "nothing at all": [],
    "digital silence": [NOTHING_DB] * 400,
    "the noise of a microphone that is off": [-76.3, -75.7] * 200,
    "a hum": [-60.0, -60.5] * 200,
    "one click": [*[-90.0] * 400, -30.0, -40.0],
    "fifteen minutes with one": [*[-95.0] * 18_000, -20.0],
}
AUDIBLE = {
    "speech": varying(-22, 20),
    "speech that is nearly too quiet to be stored": varying(-64, 59),
    "ten seconds of speech in fifteen minutes of silence": [-98.0] * 18_000 + varying(-30, 10),
    "a whispered word in a hum": [-70.0] * 400 + varying(-45, 2),
    "noise as loud as speech, which the recogniser judges": [-45.0, -45.3] * 200,
}


@pytest.mark.parametrize("name", SILENT)
def test_silent_is_what_is_quiet_and_flat(name: str) -> None:
    with pytest.raises(SkipRecord, match="dBFS") as skip:
        check_audible(SILENT[name])
    assert skip.value.code == "silent"


@pytest.mark.parametrize("name", AUDIBLE)
def test_a_quiet_recording_and_one_with_few_words_are_not_silent(name: str) -> None:
    check_audible(AUDIBLE[name])


@pytest.mark.parametrize(
    "head",
    [
        MP4,
        b"RIFF\x24\x00\x00\x00WAVEfmt ",
        b"\x1a\x45\xdf\xa3\x9fB\x86\x81\x01",
        b"OggS\x00\x02",
        b"fLaC\x00\x00\x00\x22",
        b"ID3\x04\x00\x00\x00\x00\x00\x23TSSE",
        b"\xff\xfb\x90\x64\x00",
    ],
)
def test_media_may_pass(head: bytes) -> None:
    check_media_bytes(head, 1000, 1000)
    check_media_bytes(head, 1000, None)


@given(st.sampled_from([b"", b"\xef\xbb\xbf"]), st.text(" \r\n\t", max_size=40))
@pytest.mark.parametrize(
    "text",
    [
        "<!DOCTYPE html><title>请登录</title>",
        "<html>",
        '<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
        '{"error_info": {"error_code": 9003}}',
        "[]",
        "#EXTM3U",
        "ffconcat version 1.0",
    ],
)
def test_text_in_place_of_media_is_refused(text: str, mark: bytes, blanks: str) -> None:
    head = mark + blanks.encode() + text.encode()
    assert refusal(RecordError, check_media_bytes, head, len(head), None) == "not_media"


def test_zeros_are_no_media() -> None:
    assert refusal(RecordError, check_media_bytes, bytes(512), 4096, 4096) == "not_media"


def test_no_bytes_are_an_empty_file_even_where_none_were_promised() -> None:
    assert refusal(RecordError, check_media_bytes, b"", 0, 0) == "empty_file"


@given(st.integers(1, 2**40), st.integers(0, 2**40))
def test_another_size_than_promised_is_refused(size: int, promised: int) -> None:
    if size == promised:
        check_media_bytes(MP4, size, promised)
    else:
        assert refusal(RecordError, check_media_bytes, MP4, size, promised) == "wrong_size"
