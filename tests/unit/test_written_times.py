"""Times as people and other programs write them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meeting_pipeline.adapters.sources.written_times import written_date, written_moment

SHANGHAI = ZoneInfo("Asia/Shanghai")
START = datetime(2026, 1, 5, 11, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-05 19:30",
        "2026-01-05 19：30",
        "２０２６－０１－０５　１９：３０",
        "2026-1-5 19.30",
        "2026.1.5 19:30:00",
        "20260105 19:30",
        "20260105193000",
        "2026/01/05 下午07:30:00",
        "2026-01-05 7:30 PM",
        "2026-01-05 PM 7:30",
        "2026-01-05, 7:30 p.m.",
        "2026年1月5日 19时30分",
        "2026年1月5日19点30分00秒",
        "2026年1月5号 晚上7点半",
        "二〇二六年一月五日晚七点半",
        "2026年1月5日 十九点三十分",
        "2026年1月5日 晚上七點三十",
        "2026年1月5日（周一）晚7点半",
        "2026-01-05 星期一 19:30",
        "2026-01-05 11:30 UTC",
        "2026-01-05T11:30:00.000Z",
        "2026-01-05 20:30 GMT+9",
        "2026-01-05 19:30 北京时间",
        "2026-01-05 19:30:00 +0800",
        "Jan 5, 2026 7:30 PM",
        "5 January 2026 at 7:30 pm",
        "Mon, 05 Jan 2026 19:30:00 +0800",
        "19:30 2026-01-05",
        "1767612600",
        "1767612600000",
    ],
)
def test_a_moment_may_be_written_in_many_ways(text: str) -> None:
    assert written_moment(text, SHANGHAI) == START


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("19:30", 0),
        ("19：30", 0),
        ("7:30PM", 0),
        ("下午7点半", 0),
        ("20时30分", 1),
        ("9pm", 1.5),
        ("0:30", 5),
        ("凌晨1点", 5.5),
        ("晚上12点", 4.5),
        ("24:00", 4.5),
        ("中午12点", -7.5),
        ("上午12点", -7.5),
        ("晚八点一刻", 0.75),
    ],
)
def test_a_clock_alone_belongs_to_the_day_of_the_recording(text: str, hours: float) -> None:
    assert written_moment(text, SHANGHAI, START) == START + timedelta(hours=hours)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1/5/2026", "ambiguous"),
        ("05-01-2026 19:30", "ambiguous"),
        ("12.11.2026", "ambiguous"),
        ("1月5日 19:30", "no year"),
        ("1/5 19:30", "no year"),
        ("19:30", "no date"),
        ("昨天", "not a time"),
        ("2026-01-05 早", "not a time"),
        ("2026-01-05 13:00 AM", "not a time"),
        ("2026-01-05 19:30 CST", "not a time"),
        ("", "not a time"),
    ],
)
def test_what_could_mean_two_things_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        written_moment(text, SHANGHAI)


@pytest.mark.parametrize("text", ["1/13/2026", "13.1.2026", "13/1/2026"])
def test_a_date_that_can_be_read_in_one_way_only_is_read(text: str) -> None:
    assert written_date(text).isoformat() == "2026-01-13"


@given(st.text() | st.text("0123456789:-/. 年月日点时分下午晚上PMT+Z"))
def test_whatever_is_written_it_is_a_time_or_refused(text: str) -> None:
    try:
        moment = written_moment(text, SHANGHAI, START)
    except (ValueError, OverflowError):
        return
    assert moment.tzinfo is UTC
