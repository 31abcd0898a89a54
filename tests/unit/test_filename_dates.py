"""Dates that programs and people put into file names."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meeting_pipeline.adapters.sources.filename_dates import date_in_name, meeting_code_in_name

SHANGHAI = ZoneInfo("Asia/Shanghai")
LATEST = datetime(2026, 2, 1, tzinfo=UTC)
HALF_PAST_SEVEN = datetime(2026, 1, 5, 11, 30, tzinfo=UTC)
MIDNIGHT = datetime(2026, 1, 4, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    "name",
    [
        "TM-20260105193000-445999969-recording-1",
        "GMT20260105-113000_Recording_1920x1080",
        "2026-01-05 19.30.00 王同学的个人会议室 445999969",
        "2026-01-05 19-30-00",
        "2026-01-05_19.30",
        "2026.01.05 19.30.00",
        "2026_01_05_19_30_00",
        "20260105_193000",
        "VID_20260105_193000",
        "Screenrecorder-20260105-193000",
        "企业微信会议_20260105193000",
        "王同学20260105193000面试",
        "202601051930",
        "录制_2026年1月5日 19时30分",
        "2026年01月05日19时30分00秒",
        "2026年1月5日晚上7点30分",
        "2026年1月5日 下午7:30",
        "Recording 2026-01-05T11:30:00Z",
        "WhatsApp Video 2026-01-05 at 7.30.00 PM",
        "mmexport1767612600000",
        "wx_camera_1767612600000",
        "模拟面试 20990101_101010 20260105_193000",
        "2026-01-01 整理 2026-01-05 19:30",
    ],
)
def test_the_names_that_programs_give_are_read(name: str) -> None:
    assert date_in_name(name, SHANGHAI, LATEST) == HALF_PAST_SEVEN


@pytest.mark.parametrize(
    "name",
    [
        "2026-01-05 王同学 简历优化",
        "20260105",
        "王同学2026年1月5日简历",
        "20260105-445999969",
        "20260105-123456789",
        "2026-01-05 123",
        "2026-01-05 996",
        "2026-01-05 (2)",
        "2026-01-05 99:99",
    ],
)
def test_a_day_without_a_credible_time_is_its_midnight(name: str) -> None:
    assert date_in_name(name, SHANGHAI, LATEST) == MIDNIGHT


def test_an_hour_alone_is_enough_when_it_says_so() -> None:
    eight = datetime(2026, 1, 5, 12, tzinfo=UTC)
    assert date_in_name("2026年1月5日晚上8点", SHANGHAI, LATEST) == eight
    assert date_in_name("2026年1月5日20点 面试", SHANGHAI, LATEST) == eight


@pytest.mark.parametrize(
    "name",
    [
        "王同学 简历优化",
        "19991399",
        "20261399",
        "20260230_101010",
        "2026",
        "13900000000",
        "20260105123456789012",
        "19700101_000000",
        "20260301_193000",
        "2026-0105",
        "mmexport9999999999999",
        "",
    ],
)
def test_digits_that_are_no_credible_date_are_passed_over(name: str) -> None:
    assert date_in_name(name, SHANGHAI, LATEST) is None


def test_tencents_file_names_carry_the_meeting_code() -> None:
    assert meeting_code_in_name("TM-20250106100005-445999969-recording-1") == "445999969"
    assert meeting_code_in_name("2025-01-06 445999969") is None


@given(st.text(max_size=40))
def test_any_name_is_a_credible_date_or_none(name: str) -> None:
    found = date_in_name(name, SHANGHAI, LATEST)
    assert found is None or found <= LATEST


@given(st.integers(946_728_000, int(LATEST.timestamp()) - 86_400), st.text("日a王 _", max_size=5))
def test_what_a_recorder_writes_is_read_back(epoch: int, words: str) -> None:
    moment = datetime.fromtimestamp(epoch, UTC)
    local = moment.astimezone(SHANGHAI)
    for name in (f"TM-{local:%Y%m%d%H%M%S}-445999969", f"{words}{local:%Y-%m-%d %H-%M-%S}{words}"):
        assert date_in_name(name, SHANGHAI, LATEST) == moment


WRITTEN = datetime(2025, 3, 1, tzinfo=UTC)
AS_PEOPLE_WRITE = {
    "2025.1.6 张三": "2025-01-06 00:00",
    "2025·01·06": "2025-01-06 00:00",
    "2025／01／06": "2025-01-06 00:00",
    "２０２５年１月６日": "2025-01-06 00:00",
    "25.1.6": "2025-01-06 00:00",
    "张三 25.01.06 简历": "2025-01-06 00:00",
    "2025-1-6 9-30": "2025-01-06 09:30",
    "2025-1-6 09:30:05": "2025-01-06 09:30:05",
    "250106_100005": "2025-01-06 10:00:05",
    "_250106_100005123": "2025-01-06 10:00:05",
    "13800138000-2501061000": "2025-01-06 10:00",
    "+86 138-250106100005": "2025-01-06 10:00:05",
    "2025年1月6日早上9点": "2025-01-06 09:00",
    "2025年1月6日上午9点半": "2025-01-06 09:30",
    "2025年1月6日中午12点": "2025-01-06 12:00",
    "2025年1月6日中午1点": "2025-01-06 13:00",
    "2025年1月6日凌晨1点": "2025-01-06 01:00",
    "2025年1月6日凌晨12点": "2025-01-06 00:00",
    "2025年1月6日傍晚6点": "2025-01-06 18:00",
    "2025年1月6日晚6点": "2025-01-06 18:00",
    "2025年1月6日晚8点": "2025-01-06 20:00",
    "2025年1月6日 晚 8:05": "2025-01-06 20:05",
    "2025年1月6日深夜11点": "2025-01-06 23:00",
    "2025年1月6日晚上12点": "2025-01-07 00:00",
    "2025年1月6日晚上1点": "2025-01-07 01:00",
    "2025-01-06(周一)10.00": "2025-01-06 10:00",
    "2025-01-06（周一） 10：00": "2025-01-06 10:00",
    "2025-01-06 星期一 上午10点": "2025-01-06 10:00",
    "2025-01-06 上午 9：30": "2025-01-06 09:30",
    "2025-01-06 下午 3.05.10": "2025-01-06 15:05:10",
    "2025-01-06 PM 3.00": "2025-01-06 15:00",
    "(2025-01-06 at 10_00 GMT-5)": "2025-01-06 23:00",
    "20221005_231326.492+0200": "2022-10-06 05:13:26",
    "2025-01-06T10.00.00+08:00": "2025-01-06 10:00",
    "2025-01-06 10：00-11：30": "2025-01-06 10:00",
    "2025-01-06 10:00:00-11:30:00": "2025-01-06 10:00",
    "20250106_100000-0500": "2025-01-06 23:00",
    "1月6日晚8点": "2025-01-06 20:00",
    "1月6日": "2025-01-06 00:00",
    "12月30日 19:30": "2024-12-30 19:30",
}
NO_DATES = [
    *("13800138000", "订单 2501061000", "订单号123456789012", "Java 8.0.25", "第3.10节", "3.10"),
    *(
        "Node 18.12.1",
        "第25.1.6节",
        "版本25.1.6",
        "v25.1.6",
        "IP 10.0.0.25",
        "1/5/2026",
        "5／1／2026",
        "01-05-2026",
    ),
    *("99.1.6", "25.13.6", "250106", "123456_654321", "13月6日", "第1月", "2月30日", "1.2.3.4"),
]


@pytest.mark.parametrize("name", AS_PEOPLE_WRITE)
def test_dates_as_people_write_them_are_read(name: str) -> None:
    latest = datetime(2025, 3, 1, 12, tzinfo=UTC)
    found = date_in_name(name, SHANGHAI, latest, WRITTEN)
    assert found
    assert found.astimezone(SHANGHAI).replace(tzinfo=None) == datetime.fromisoformat(
        AS_PEOPLE_WRITE[name]
    )


@pytest.mark.parametrize("name", NO_DATES)
def test_numbers_that_are_no_dates_and_dates_that_can_be_read_in_two_ways_are_left_alone(
    name: str,
) -> None:
    assert date_in_name(name, SHANGHAI, datetime(2025, 3, 1, tzinfo=UTC), WRITTEN) is None


def test_a_date_without_a_year_is_nothing_where_the_time_of_the_file_is_not_known() -> None:
    assert date_in_name("1月6日晚8点", SHANGHAI, LATEST) is None
