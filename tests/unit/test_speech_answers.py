"""Answers of transcription servers, whatever shape they have."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meeting_pipeline.adapters.asr.answers import (
    Heard,
    checked_body,
    language_of,
    read_answer,
    segments_of,
)
from meeting_pipeline.adapters.http.answer import Answer, RetryLater
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


MARKED = {
    "<|zh|><|NEUTRAL|><|Speech|><|woitn|>开始吧。<|zh|><|HAPPY|><|Speech|><|withitn|>好。": (
        "开始吧。好。"
    ),
    "<|startoftranscript|><|zh|><|transcribe|><|0.00|>老师好。<|2.40|><|endoftext|>": "老师好。",
    "< | zh | >老师好": "老师好",
    "<｜zh｜>老师好": "老师好",
    "<|en|>hello<|Speech|>world": "hello world",
    "language Chinese<asr_text>老师好。": "老师好。",
    "language None<asr_text>": "",
    "Language English<asr_text>Hi.language Chinese<asr_text>老师好。</asr_text>": "Hi.老师好。",
    "[BLANK_AUDIO]": "",
    " [ Silence ] 老师好 [MUSIC PLAYING] (laughter)": "老师好",
    "[_BEG_]老师好[_TT_150]": "老师好",
    "🎼老师好😊。👏": "老师好。",
    "🎼😊": "",
    "<s>老师<unk>好</s>": "老师好",
    "老师好♪": "老师好",
}
SPOKEN = [
    "a < b，b > c",
    "List<String> 和 vector<int>",
    "x <3 y",
    "Language matters, language English text",
    "数组 [0] 和 [简历]（附件）",
    "if a<|b then",
    "管道 a | b",
    "(music school)",
]


@pytest.mark.parametrize("marked", MARKED)
def test_control_tokens_are_not_words(marked: str) -> None:
    words = MARKED[marked]
    rows = [{"start": 0, "end": 2, "text": marked}, {"start": 2, "end": 3, "text": "再见。"}]
    heard = read({"text": marked, "segments": rows})
    assert heard.text == words
    assert [one.text for one in heard.timed] == [*filter(None, [words]), "再见。"]
    assert read(marked.encode(), is_text=True).text == words


@pytest.mark.parametrize("spoken", SPOKEN)
def test_words_that_only_look_like_tokens_stay(spoken: str) -> None:
    assert read({"text": spoken}).text == spoken


SAID = '{"text": "小明你好，我们开始吧。"}'


def checked(body: bytes, content_type: str, *, is_text: bool = False) -> str:
    answer = Answer("POST /audio", 200, {"Content-Type": content_type}, body)
    heard = read_answer(checked_body(answer, is_text), is_text)
    assert heard is not None
    return heard.text


@pytest.mark.parametrize(
    "content_type",
    ["", "application/json", "application/json; charset=utf-8", "application/json; charset=GBK"]
    + [f"text/plain; charset={one}" for one in ("iso-8859-1", "us-ascii", "gb2312", "no-such")],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"])
def test_the_bytes_decide_more_than_the_charset_that_is_named(
    encoding: str, content_type: str
) -> None:
    assert checked(SAID.encode(encoding), content_type) == "小明你好，我们开始吧。"
    plain = "小明你好，我们开始吧。"
    if encoding != "utf-16":
        assert checked(plain.encode(encoding), content_type, is_text=True) == plain


def test_a_charset_that_is_named_rightly_counts() -> None:
    assert checked("café".encode("latin-1"), "text/plain; charset=latin-1", is_text=True) == "café"
    assert (
        checked("歡迎光臨".encode("big5"), "text/plain; charset=big5", is_text=True) == "歡迎光臨"
    )


TRADITIONAL = ["歡迎光臨", "你好", "我們開始上課吧，請先介紹一下你自己。", "謝謝老師，就到這裡"]


@pytest.mark.parametrize("content_type", ["", "text/plain", "text/plain; charset=gbk"])
@pytest.mark.parametrize("said", TRADITIONAL)
def test_big5_is_read_where_gb18030_gives_characters_of_private_use(
    said: str, content_type: str
) -> None:
    body = json.dumps({"text": said}, ensure_ascii=False).encode("big5")
    assert checked(body, content_type) == said
    assert checked(said.encode("big5"), content_type, is_text=True) == said


@pytest.mark.parametrize(
    "body",
    [
        '{"text": "我们开始讲简历的排版吧'.encode("gbk") + b'\xaa\xa1"}',
        b'{"text": "\xf8\xa1\xfe\xa1\xc4\xe3"}',
    ],
)
def test_characters_of_private_use_are_never_stored_as_said(body: bytes) -> None:
    with pytest.raises(RetryLater):
        checked(body, "application/json")


@pytest.mark.parametrize(
    "control", "\0\x07\x1b\x7f\x9b\xad\u061c\u200b\u200e\u200f\u202e\u2066\u2069\ufeff"
)
def test_control_characters_are_not_said(control: str) -> None:
    said = f"{control}小明{control}你好{control}"
    rows = [{"start": 0, "end": 1, "text": said, "speaker": said}]
    words = [{"start": 0, "end": 1, "word": said}]
    heard = read({"text": said, "segments": rows})
    assert heard == Heard("小明你好", (Segment(0.0, 1.0, "小明你好", "小明你好"),), "")
    assert read({"words": words}).text == "小明你好"
    assert read(json.dumps(said).encode(), is_text=True).text == "小明你好"
    assert read(f"小明{control}你好".encode(), is_text=True).text == "小明你好"
    assert read({"text": control, "segments": []}).text == ""


@pytest.mark.parametrize("line_break", ["\r", "\r\n", "\x0b", "\x85", "\u2028", "\u2029"])
def test_every_line_break_is_a_line_feed(line_break: str) -> None:
    assert read({"text": f"你好。{line_break}再见。"}).text == "你好。\n再见。"


@pytest.mark.parametrize(
    "body",
    [
        SAID.encode()[:20] + SAID.encode()[21:],
        SAID.encode().replace("好".encode(), "好".encode()[:2]),
        SAID.encode("gbk").replace("好".encode("gbk"), b"\xff"),
        b'{"text": "\xff\xfe\xff"}',
        '{"text": "����你好"}'.encode(),
        b'{"text": "\\ud83d"}',
        b'{"text": "ok", "segments": [{"start": 0, "end": 1, "text": "\\udc00"}]}',
        b'{"text": "ok", "language": "\\udc00"}',
        b'{"text": ' + b"1" * 5_000 + b"}",
        b'{"text": ' + b"[" * 100_000,
    ],
)
def test_an_answer_that_cannot_be_read_is_thrown_away(body: bytes) -> None:
    with pytest.raises(RetryLater) as bad:
        checked(body, "application/json; charset=utf-8")
    assert bad.value.error.code == "bad_answer"


def test_the_few_characters_that_a_server_lost_are_not_stored() -> None:
    rows = [
        {"start": 0, "end": 1, "text": "�"},
        {"start": 1, "end": 9, "text": "我们开始讲简历的排版吧，再看自我评价怎么写�"},
    ]
    heard = read({"text": "我们开始讲简历的排版吧，再看自我评价怎么写�", "segments": rows})
    assert heard.text == "我们开始讲简历的排版吧，再看自我评价怎么写"
    assert heard.timed == (Segment(1.0, 9.0, "我们开始讲简历的排版吧，再看自我评价怎么写"),)


@pytest.mark.parametrize(
    "bad", ["1e400", "-1e400", "NaN", "Infinity", "1" + "0" * 400, "null", "true"]
)
def test_a_time_that_is_no_number_is_its_neighbours_and_its_words_stay(bad: str) -> None:
    rows = (
        f'{{"start": 0, "end": 2, "text": "一"}}, {{"start": {bad}, "end": {bad}, "text": "二"}},'
        '{"start": 5, "end": 8, "text": "三"}'
    )
    heard = read(f'{{"text": "一二三", "segments": [{rows}]}}'.encode())
    assert heard.timed == (Segment(0, 2, "一"), Segment(2, 5, "二"), Segment(5, 8, "三"))


def test_two_voices_at_once_are_not_nine_repeats() -> None:
    words = "老师我想先讲一下我的项目经历。"
    rows = [{"start": 1 + 0.2 * n, "end": 4 + 0.2 * n, "text": words} for n in range(9)]
    heard = read(
        {"text": words * 9, "segments": [*rows, {"start": 9, "end": 11, "text": "好的。"}]}
    )
    assert [one.text for one in segments_of(heard, 30.0, SPEECH, "zh")] == [words, "好的。"]
    untimed = read({"text": f"{words * 9}好的。"})
    assert [one.text for one in segments_of(untimed, 30.0, SPEECH, "zh")] == [words, "好的。"]


def test_negative_and_huge_times_stay_within_the_recording() -> None:
    heard = Heard("", (Segment(-5.0, 1e300, "第一句。第二句。"), Segment(-1e300, -3.0, "前。")), "")
    for one in segments_of(heard, 30.0, SPEECH, "zh"):
        assert 0 <= one.start_s <= one.end_s <= 30


NUMBERS = st.sampled_from(["1e400", "-1e400", "NaN", "-Infinity", "1" + "0" * 400, "-3", "true"])
STRINGS = st.sampled_from(
    [
        '"\\ud800"',
        '"\\u0000"',
        '"�"',
        '"老师好"',
        '"<|zh|>"',
        '""',
        '"1e400"',
        '"language x<asr_text>"',
    ]
)
NAMES = st.sampled_from(
    ["text", "segments", "words", "word", "start", "end", "speaker", "language", "data", "error"]
) | st.sampled_from(["code", "message", "detail", "no_speech_prob", "avg_logprob", "duration"])


def _objects(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.lists(st.tuples(NAMES, values), max_size=4)
    objects = pairs.map(lambda found: "{" + ", ".join(f'"{k}": {v}' for k, v in found) + "}")
    return objects | st.lists(values, max_size=4).map(lambda found: f"[{', '.join(found)}]")


ANSWERS = st.recursive(NUMBERS | STRINGS | st.just("null"), _objects, max_leaves=15)


@settings(deadline=None, derandomize=True, max_examples=400)
@given(ANSWERS | st.integers(1, 3_000).map(lambda depth: '{"text":' * depth), st.booleans())
def test_no_json_breaks_the_reading(body: str, is_text: bool) -> None:
    heard = read_answer(body.encode(), is_text)
    for one in segments_of(heard, 30.0, SPEECH, "zh") if heard else ():
        assert 0 <= one.start_s <= one.end_s <= 30
        assert "�" not in one.text
        one.text.encode()


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
