"""Windows: what people type, and how a span is cut for a service that takes only so much."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meeting_pipeline.domain.window import Window, parse_moment, parse_window
from meeting_pipeline.errors import UsageError

SHANGHAI = ZoneInfo("Asia/Shanghai")
NEW_YORK = ZoneInfo("America/New_York")
ZONES = st.sampled_from(
    [
        SHANGHAI,
        NEW_YORK,
        ZoneInfo("Europe/Berlin"),
        ZoneInfo("America/Sao_Paulo"),  # clocks used to change at midnight
        ZoneInfo("Asia/Kathmandu"),
        ZoneInfo("Pacific/Apia"),  # one day never happened
    ]
)
MOMENTS = st.integers(631_152_000, 4_102_444_800).map(lambda s: datetime.fromtimestamp(s, UTC))
NOW = datetime(2026, 1, 5, 18, 30, tzinfo=UTC)  # the 6th, 02:30, in Shanghai


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("7d", NOW - timedelta(days=7)),
        ("36h", NOW - timedelta(hours=36)),
        ("90m", NOW - timedelta(minutes=90)),
        ("1.5d", NOW - timedelta(hours=36)),
        (" 2W ", NOW - timedelta(days=14)),
        ("now", NOW),
        ("today", utc(2026, 1, 5, 16)),
        ("今天", utc(2026, 1, 5, 16)),
        ("yesterday", utc(2026, 1, 4, 16)),
        ("昨天", utc(2026, 1, 4, 16)),
        ("前天", utc(2026, 1, 3, 16)),
        ("2026年1月5日", utc(2026, 1, 4, 16)),
        ("２０２６年１月５日", utc(2026, 1, 4, 16)),
        ("2026年1月5号 19：30", utc(2026, 1, 5, 11, 30)),
        ("2026.1.5", utc(2026, 1, 4, 16)),
        ("2026.01.05 19:30", utc(2026, 1, 5, 11, 30)),
        ("2026-01-05", utc(2026, 1, 4, 16)),
        ("20260105", utc(2026, 1, 4, 16)),
        ("2026/1/5", utc(2026, 1, 4, 16)),
        ("1970-01-01", utc(1969, 12, 31, 16)),
        ("2024-02-29", utc(2024, 2, 28, 16)),
        ("2026-01-05T19:30", utc(2026, 1, 5, 11, 30)),
        ("2026-01-05 19:30:00", utc(2026, 1, 5, 11, 30)),
        ("2026/1/5 9:30", utc(2026, 1, 5, 1, 30)),
        ("2026-01-05T19:30:00Z", utc(2026, 1, 5, 19, 30)),
        ("2026-01-05T19:30:00-05:00", utc(2026, 1, 6, 0, 30)),
        ("2026-01-05 19:30:00 +0800", utc(2026, 1, 5, 11, 30)),
        ("1767612600", utc(2026, 1, 5, 11, 30)),
        ("1767612600250", utc(2026, 1, 5, 11, 30) + timedelta(milliseconds=250)),
    ],
)
def test_what_people_type_becomes_an_instant_in_utc(text: str, moment: datetime) -> None:
    assert parse_moment(text, NOW, SHANGHAI) == moment
    assert parse_moment(text, NOW, SHANGHAI).tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-05", utc(2026, 1, 5, 16)),
        ("2024-02-28", utc(2024, 2, 28, 16)),
        ("2025-12-31", utc(2025, 12, 31, 16)),
        ("yesterday", utc(2026, 1, 5, 16)),
        ("今天", utc(2026, 1, 6, 16)),
        ("2026-01-05T00:00", utc(2026, 1, 4, 16)),
        ("1767612600", utc(2026, 1, 5, 11, 30)),
        ("1d", NOW - timedelta(days=1)),
    ],
)
def test_a_bare_day_as_an_end_means_the_end_of_that_day(text: str, moment: datetime) -> None:
    assert parse_moment(text, NOW, SHANGHAI, end=True) == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "d",
        "-7d",
        "7 y",
        "99999999999999999d",
        "9" * 400 + "d",
        "999999d",
        "2026-02-29",
        "2026-13-01",
        "2026-01-05T25:00",
        "2026-01-05T",
        "2026-01-05x",
        "202601",
        "202601051930",
        "17676126",
        "0001-01-01",
        "9999-12-31",
        "2026-01-05T19:30:00+99:00",
        "\x1b[2J",
    ],
)
def test_what_cannot_be_read_is_named_with_what_is_accepted(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_moment(text, NOW, SHANGHAI, end=True)
    assert caught.value.code == "bad_time"
    assert repr(text) in caught.value.message
    assert "yesterday" in caught.value.hint and "2026-01-05" in caught.value.hint


@given(st.text(max_size=30), ZONES, st.booleans())
def test_any_text_is_an_instant_or_a_clear_error(text: str, zone: ZoneInfo, end: bool) -> None:
    try:
        moment = parse_moment(text, NOW, zone, end)
    except UsageError as error:
        assert error.code == "bad_time"
    else:
        assert moment.tzinfo is UTC


@given(MOMENTS, ZONES)
def test_every_way_to_write_an_instant_gives_that_instant(moment: datetime, zone: ZoneInfo) -> None:
    local = moment.astimezone(zone)
    for text in (local.isoformat(), local.isoformat(" "), f"{moment:%Y-%m-%dT%H:%M:%SZ}"):
        assert parse_moment(text, NOW, zone) == moment
    if moment.timestamp() >= 10**9:
        assert parse_moment(f"{moment.timestamp():.0f}", NOW, zone) == moment
        assert parse_moment(f"{moment.timestamp():.0f}000", NOW, zone) == moment


@given(MOMENTS, ZONES)
def test_a_day_ends_where_the_next_begins_in_any_zone(moment: datetime, zone: ZoneInfo) -> None:
    day = moment.astimezone(zone).date()
    following = day + timedelta(days=1)
    start = parse_moment(f"{day}", NOW, zone)
    end = parse_moment(f"{day}", NOW, zone, end=True)
    assert end == parse_moment(f"{following:%Y%m%d}", NOW, zone)
    assert Window(start, end).contains(moment)
    assert parse_moment("today", moment, zone) == start
    assert parse_moment("昨天", moment, zone, end=True) == start


def test_the_day_the_clocks_change_has_its_own_length() -> None:
    spring = parse_window("2026-03-08", "2026-03-08", NOW, NEW_YORK)
    autumn = parse_window("2026-11-01", "2026-11-01", NOW, NEW_YORK)
    assert spring.end - spring.start == timedelta(hours=23)
    assert autumn.end - autumn.start == timedelta(hours=25)


def test_a_window_without_an_end_ends_now() -> None:
    assert parse_window("7d", None, NOW, SHANGHAI) == Window(NOW - timedelta(days=7), NOW)


def test_one_day_may_be_both_start_and_end() -> None:
    window = parse_window("yesterday", "yesterday", NOW, SHANGHAI)
    assert window == Window(utc(2026, 1, 4, 16), utc(2026, 1, 5, 16))


@pytest.mark.parametrize(
    ("since", "until"),
    [("2026-01-05", "2026-01-04"), ("now", None), ("0m", "now"), ("2030-01-01", None)],
)
def test_a_window_without_an_instant_is_refused(since: str, until: str | None) -> None:
    with pytest.raises(UsageError) as caught:
        parse_window(since, until, NOW, SHANGHAI)
    assert caught.value.code == "bad_time"


def test_a_window_holds_its_start_but_not_its_end() -> None:
    window = Window(NOW, NOW + timedelta(hours=1))
    assert window.contains(window.start)
    assert not window.contains(window.end)


def test_looking_back_moves_only_the_start() -> None:
    window = Window(NOW, NOW + timedelta(hours=1))
    assert window.look_back(timedelta(days=7)) == Window(NOW - timedelta(days=7), window.end)


@given(
    start=MOMENTS,
    length=st.timedeltas(timedelta(0), timedelta(days=400)),
    longest=st.timedeltas(timedelta(days=2), timedelta(days=31)),
    overlap=st.timedeltas(timedelta(0), timedelta(days=1)),
)
def test_pieces_cover_every_instant_and_none_is_too_long(
    start: datetime, length: timedelta, longest: timedelta, overlap: timedelta
) -> None:
    window = Window(start, start + length)
    pieces = list(window.split(longest, overlap))
    assert all(timedelta(0) < piece.end - piece.start <= longest for piece in pieces)
    assert [piece.start for piece in pieces[:1]] == [start][: len(pieces)]
    assert [piece.end for piece in pieces[-1:]] == [window.end][: len(pieces)]
    for earlier, later in pairwise(pieces):
        assert earlier.end - later.start == overlap
    assert bool(pieces) == (length > timedelta(0))


def test_a_short_window_stays_whole() -> None:
    window = Window(NOW, NOW + timedelta(days=30))
    assert list(window.split(timedelta(days=30))) == [window]


def test_pieces_that_would_not_advance_are_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="not shorter"):
        list(Window(NOW, NOW + timedelta(days=1)).split(timedelta(seconds=1)))


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("7天", timedelta(days=7)),
        ("7 天前", timedelta(days=7)),
        ("最近3天", timedelta(days=3)),
        ("2周", timedelta(weeks=2)),
        ("1个星期", timedelta(weeks=1)),
        ("36小时", timedelta(hours=36)),
        ("90分钟前", timedelta(minutes=90)),
        ("三天前", timedelta(days=3)),
        ("近十五天", timedelta(days=15)),
        ("两周前", timedelta(weeks=2)),
        ("一周", timedelta(weeks=1)),
        ("最近一周", timedelta(weeks=1)),
        ("两個星期前", timedelta(weeks=2)),
        ("半个月", timedelta(days=15)),
        ("半天", timedelta(hours=12)),
        ("1个月", timedelta(days=31)),
        ("两个月前", timedelta(days=61)),
        ("一年", timedelta(days=365)),
        ("半年前", timedelta(days=184)),
        ("3 days ago", timedelta(days=3)),
        ("last 2 weeks", timedelta(weeks=2)),
        ("1 month", timedelta(days=31)),
    ],
)
def test_times_ago_are_read_in_chinese(text: str, ago: timedelta) -> None:
    assert parse_moment(text, NOW, SHANGHAI) == NOW - ago


def test_last_week_is_from_its_monday_to_its_sunday() -> None:
    window = parse_window("上周", "上周", NOW, SHANGHAI)
    assert window.end - window.start == timedelta(days=7)
    assert window.start.astimezone(SHANGHAI).weekday() == 0
    assert window.end <= NOW < window.end + timedelta(days=7)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("本周", "2026-01-05", "2026-01-11"),
        ("这个星期", "2026-01-05", "2026-01-11"),
        ("this week", "2026-01-05", "2026-01-11"),
        ("last week", "2025-12-29", "2026-01-04"),
        ("上上周", "2025-12-22", "2025-12-28"),
        ("上周五", "2026-01-02", "2026-01-02"),
        ("上个星期天", "2026-01-04", "2026-01-04"),
        ("本月", "2026-01-01", "2026-01-31"),
        ("上个月", "2025-12-01", "2025-12-31"),
        ("上月", "2025-12-01", "2025-12-31"),
        ("last month", "2025-12-01", "2025-12-31"),
        ("大前天", "2026-01-03", "2026-01-03"),
        ("前日", "2026-01-04", "2026-01-04"),
        ("今年", "2026-01-01", "2026-12-31"),
        ("去年", "2025-01-01", "2025-12-31"),
    ],
)
def test_days_weeks_and_months_have_a_first_and_a_last_day(
    text: str, first: str, last: str
) -> None:
    assert parse_moment(text, NOW, SHANGHAI) == parse_moment(first, NOW, SHANGHAI)
    assert parse_moment(text, NOW, SHANGHAI, end=True) == parse_moment(
        last, NOW, SHANGHAI, end=True
    )


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("昨晚", "2026-01-05 18:00"),
        ("昨天晚上", "2026-01-05 18:00"),
        ("昨晚8点", "2026-01-05 20:00"),
        ("昨晚八点半", "2026-01-05 20:30"),
        ("昨晚12点", "2026-01-06 00:00"),
        ("昨夜", "2026-01-05 18:00"),
        ("前晚8点", "2026-01-04 20:00"),
        ("2026年1月5日20时", "2026-01-05 20:00"),
        ("2026-01-05晚8点", "2026-01-05 20:00"),
        ("20260105晚8点", "2026-01-05 20:00"),
        ("昨天 19:30", "2026-01-05 19:30"),
        ("昨天下午", "2026-01-05 12:00"),
        ("yesterday 7:30 pm", "2026-01-05 19:30"),
        ("前天早上九点", "2026-01-04 09:00"),
        ("2026年1月5日晚8点", "2026-01-05 20:00"),
        ("二〇二六年一月五日晚八点", "2026-01-05 20:00"),
        ("2026年1月4日晚上12点", "2026-01-05 00:00"),
        ("2026-01-05 7:30 PM", "2026-01-05 19:30"),
        ("2026年1月5日 19点30分", "2026-01-05 19:30"),
        ("1月5日", "2026-01-05"),
        ("一月六号", "2026-01-06"),
        ("1月7日", "2025-01-07"),
        ("1月5日晚8点", "2026-01-05 20:00"),
        ("12月30日 19:30", "2025-12-30 19:30"),
        ("2月29日", "2024-02-29"),
    ],
)
def test_a_day_and_a_clock_are_read_as_people_say_them(text: str, moment: str) -> None:
    assert parse_moment(text, NOW, SHANGHAI) == parse_moment(moment, NOW, SHANGHAI)


def test_last_evening_ends_in_the_morning() -> None:
    window = parse_window("昨晚", "昨晚", NOW, SHANGHAI)
    assert window == Window(utc(2026, 1, 5, 10), utc(2026, 1, 5, 22))


@pytest.mark.parametrize(
    "text",
    [
        *("1/5/2026", "01-05-2026", "5日", "2026.13.1", "前前天", "一月", "3月", "半周", "1.5个月"),
        *("周五", "下周", "明天", "昨天25点", "昨天 不知道", "三百天", "9999年", "2026年1月5日晚"),
        *("上", "个月", "前", "昨", "2026-01-05 19:", "昨晚上上", "2月30日", "五日"),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_moment(text, NOW, SHANGHAI)
    assert repr(text) in caught.value.message
