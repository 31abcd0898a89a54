"""Answers of transcription servers, whatever shape they have."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meeting_pipeline.adapters.asr.answers import Heard, language_of, read_answer, segments_of
from meeting_pipeline.domain.model import Segment

SPEECH = [(0.0, 10.0), (20.0, 30.0)]


def read(answer: Any, *, is_text: bool = False) -> Heard:
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    heard = read_answer(body, is_text)
    assert heard is not None
    return heard


def test_verbose_json_of_openai() -> None:
    row = {"id": 0, "start": 0.0, "end": 3.5, "text": " 你好，", "no_speech_prob": 0.01}
    heard = read({"task": "transcribe", "language": "chinese", "duration": 9, "segments": [row]})
    assert heard == Heard("你好，", (Segment(0.0, 3.5, "你好，"),), "chinese")


def test_funasr_names_speakers() -> None:
    rows = [{"start": "1.5", "end": 3, "text": "您好", "speaker": 0}]
    assert read({"text": "您好", "segments": rows}).timed == (Segment(1.5, 3.0, "您好", "0"),)


@pytest.mark.parametrize(
    "segments", [None, [], "oops", [None, 3], [{"start": None, "end": 2, "text": "x"}], [{}]]
)
def test_without_usable_segments_the_text_counts(segments: Any) -> None:
    assert read({"text": " 大家好 ", "segments": segments}) == Heard("大家好", (), "")


def test_words_become_stretches() -> None:
    words = [
        {"word": "我们", "start": 0.0, "end": 0.5},
        {"word": "开始", "start": 0.6, "end": 1.0},
        {"word": "mock", "start": 9.0, "end": 9.4},
        {"word": "interview", "start": 9.5, "end": 9.9},
    ]
    assert read({"text": "…", "words": words}).timed == (
        Segment(0.0, 1.0, "我们开始"),
        Segment(9.0, 9.9, "mock interview"),
    )


def test_what_the_model_itself_did_not_hear_is_left_out() -> None:
    row = {"start": 0, "end": 9, "text": "谢谢", "no_speech_prob": 0.9, "avg_logprob": -1.5}
    assert read({"text": "谢谢", "segments": [row]}).timed == ()


@pytest.mark.parametrize(
    ("body", "is_text"),
    [
        ("大家好\n".encode(), True),
        ('"大家好"'.encode(), True),
        ('"大家好"'.encode(), False),
        ('\ufeff{"text": "大家好"}'.encode(), False),
        ('{"code": 0, "data": {"text": "大家好"}}'.encode(), False),
    ],
)
def test_text_comes_in_many_wrappings(body: bytes, is_text: bool) -> None:
    assert read(body, is_text=is_text).text == "大家好"


@pytest.mark.parametrize(
    ("body", "is_text"),
    [
        (b"<html>502</html>", True),
        (b" \n<!doctype html>", False),
        (b"", False),
        ("大家好".encode(), False),
        (b'{"detail": "model is loading"}', True),
        (b'{"code": 50507, "message": "Unknown error", "data": null}', True),
        (b"[1, 2]", False),
    ],
)
def test_what_is_no_answer_is_not_read(body: bytes, is_text: bool) -> None:
    assert read_answer(body, is_text) is None


@settings(deadline=None)  # the first text waits for the table of characters
@given(st.binary(max_size=200), st.booleans())
def test_reading_never_fails(body: bytes, is_text: bool) -> None:
    heard = read_answer(body, is_text)
    if heard is not None:
        segments_of(heard, 30.0, SPEECH, "zh")


def test_times_out_of_the_recording_are_not_believed() -> None:
    heard = Heard(
        "第一句。第二句。", (Segment(0, 9_000, "第一句。"), Segment(9_000, 18_000, "第二句。")), ""
    )
    first, second = segments_of(heard, 30.0, SPEECH, "zh")
    assert (first.start_s, first.end_s, first.text) == (0.0, 10.0, "第一句。")
    assert (second.start_s, second.end_s, second.text) == (20.0, 30.0, "第二句。")


@settings(deadline=None)
@given(st.text("我们看简历，。 ab", max_size=300))
def test_text_without_times_is_spread_over_the_speech_and_nothing_is_lost(text: str) -> None:
    segments = segments_of(Heard(text.strip(), (), ""), 30.0, SPEECH, "de")
    starts = [one.start_s for one in segments]
    assert starts == sorted(starts)
    assert all(0 <= one.start_s <= one.end_s <= 30.0 for one in segments)
    assert all(one.text for one in segments)


@pytest.mark.parametrize(
    ("text", "named", "language"),
    [
        ("我们看 offer", "", "zh"),
        ("good morning, 老师, how are you", "", "en"),
        ("good morning", "english", "en"),
        ("guten Morgen", "de", "de"),
        ("OK OK", "chinese", "zh"),
    ],
)
def test_the_language_is_the_servers_or_goes_by_the_script(
    text: str, named: str, language: str
) -> None:
    assert language_of(text, named) == language
