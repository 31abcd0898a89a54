"""Times of the day, months and numbers, as people write them in Chinese and English.

19:30   7:30 PM   下午7点半   晚八点   8点一刻   二十点三十分   9点5分
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, time, timedelta, timezone, tzinfo

_DIGITS = {digit: value for value, digit in enumerate("零一二三四五六七八九")} | {"两": 2}
_TENS = {"十": 10, "廿": 20, "卅": 30}
_NUMERALS = f"[{''.join(_DIGITS)}{''.join(_TENS)}]"
_NUMBER = re.compile(
    rf"(?<![周期拜第]){_NUMERALS}+(?=[年月日号点时分秒刻天周]|个?(?:月|小时|星期))"
    rf"|(?<=[点时]){_NUMERALS}{{2,3}}"
)
_SIMPLIFIED = str.maketrans("點時號週禮鐘兩後個〇", "点时号周礼钟两后个零")
_DOTTED = re.compile(r"(?<![a-z])([ap])\.m\.?", re.IGNORECASE)

_MONTHS = (
    *("jan(?:uary)?", "feb(?:ruary)?", "mar(?:ch)?", "apr(?:il)?", "may", "june?", "july?"),
    *("aug(?:ust)?", "sept?(?:ember)?", "oct(?:ober)?", "nov(?:ember)?", "dec(?:ember)?"),
)
MONTH = rf"(?:{'|'.join(_MONTHS)})"
"""The English names of the months, as an alternative of a regular expression."""

WEEKDAY = (
    r"(?:(?:周|星期|礼拜)[一二三四五六日天]"
    r"|(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?(?![a-z]))"
)
"""The names of the days of the week, as an alternative of a regular expression."""

_HALVES = {
    "am": ("上午", "早上", "早晨", "清晨", "清早", "早", "凌晨", "午夜", "am"),
    "pm": ("下午", "午后", "傍晚", "黄昏", "pm"),
    "night": ("晚上", "晚间", "夜里", "夜间", "深夜", "半夜", "夜晚", "晚", "夜"),
    "noon": ("中午", "正午"),
}
_WORDS = sorted((word for words in _HALVES.values() for word in words), key=len, reverse=True)
HALF_OF_DAY = "|".join(_WORDS)
"""The words for a part of the day, as an alternative of a regular expression."""

_CLOCK = re.compile(
    rf"(?P<before>{HALF_OF_DAY})?\s*"
    r"(?P<hour>\d{1,2})(?:\s*(?::|(?P<unit>点钟?|时))\s*(?:(?P<share>半|整|[13]刻)"
    r"|(?P<minute>\d{1,2})\s*(?:分钟?)?(?:\s*:?\s*(?P<second>\d{1,2}(?:\.\d+)?)\s*秒?)?)?)?"
    rf"\s*(?P<after>{HALF_OF_DAY})?",
    re.IGNORECASE,
)
MINUTES_OF = {"半": 30, "1刻": 15, "3刻": 45}
"""The minutes that a share of an hour means."""

_NAMING_A_CLOCK = ("minute", "share", "before", "after", "unit")

_OFFSET = re.compile(
    r"[(\[]?(?:(?P<utc>z|utc|gmt|北京时间)\s*)?"
    r"(?:(?P<sign>[+-])(?P<hours>\d{1,2})(?::?(?P<minutes>\d{2}))?)?[)\]]?",
    re.IGNORECASE,
)
BEIJING = timezone(timedelta(hours=8))
_NOON = 12
_DAWN = 5  # 晚上1点 is after midnight


@dataclass(frozen=True)
class Clock:
    """A time of a day.

    Attributes:
        time: The time.
        days: 1 if it belongs to the next day, as 24:00 and midnight after an evening do.
    """

    time: time
    days: int = 0


def plain_text(text: str) -> str:
    """Return a text with digits for the Chinese numbers of dates and times.

    Full-width characters become plain ones, traditional characters simplified ones, "p.m." "pm". A
    number is changed only before a unit of time: 晚八点 becomes 晚8点, 第三节 and 周三 stay.
    """
    text = unicodedata.normalize("NFKC", text).translate(_SIMPLIFIED).replace("元月", "1月")
    return _NUMBER.sub(lambda found: _digits(found[0]), _DOTTED.sub(r"\1m", text))


def _digits(number: str) -> str:
    """Return a number below 100 (二十三), or one that is written by its digits (二零二五)."""
    tens = next((one for one in number if one in _TENS), None)
    if tens is None:
        return "".join(str(_DIGITS[digit]) for digit in number)
    before, _, after = number.partition(tens)
    if len(before) > 1 or len(after) > 1 or not set(before + after) <= _DIGITS.keys():
        return number
    return str(_DIGITS.get(before, 1) * _TENS[tens] + _DIGITS.get(after, 0))


def read_clock(text: str) -> tuple[Clock, tzinfo | None]:
    """Return the time of the day that a text names, and its zone if it names one.

    Args:
        text: The text, as `plain_text` returns it.

    Raises:
        ValueError: The text is not a time of a day.
    """
    found = _CLOCK.match(text)
    if found is None or not any(found[group] for group in _NAMING_A_CLOCK):
        raise ValueError("is not a time")
    return _clock(found), _zone_of(text[found.end() :].strip())


def hour_of_day(hour: int, word: str) -> tuple[int, int]:
    """Return the hour of 24, and how many days later it is.

    Args:
        hour: The hour as it is written.
        word: The word for the part of the day, or "".

    Raises:
        ValueError: The two contradict each other.
    """
    half = half_of(word)
    if hour == 2 * _NOON or (half == "night" and hour in (0, _NOON)):
        return 0, 1
    if half == "night" and hour < _DAWN:
        return hour, 1
    if half == "am" and hour > _NOON:
        raise ValueError("is not a time")
    if half == "am":
        is_noon = word == "上午" and hour == _NOON  # midnight is 凌晨12点 or 晚上12点
        return (hour if is_noon else hour % _NOON), 0
    is_later = hour < (_NOON if half != "noon" else _NOON // 2)
    return (hour + _NOON if half and is_later else hour), 0


def month_of(word: str) -> int:
    """Return the number of the month that an English name begins with.

    Args:
        word: A text that `MONTH` matches.
    """
    return next(i for i, name in enumerate(_MONTHS, 1) if word[:3].lower() == name[:3])


def half_of(word: str) -> str:
    """Return the part of the day that a word names: "am", "pm", "night", "noon" or ""."""
    return next((kind for kind, words in _HALVES.items() if word.lower() in words), "")


def _clock(found: re.Match[str]) -> Clock:
    hour, days = hour_of_day(int(found["hour"]), found["before"] or found["after"] or "")
    minute = int(found["minute"] or MINUTES_OF.get(found["share"] or "", 0))
    second, _, fraction = (found["second"] or "0").partition(".")
    return Clock(time(hour, minute, int(second), int(fraction[:6].ljust(6, "0"))), days)


def _zone_of(text: str) -> tzinfo | None:
    found = _OFFSET.fullmatch(text)
    if found is None:
        raise ValueError("is not a time")
    if found["sign"]:
        away = timedelta(hours=int(found["hours"]), minutes=int(found["minutes"] or 0))
        return timezone(away if found["sign"] == "+" else -away)
    return {"": None, "北京时间": BEIJING}.get((found["utc"] or "").lower(), UTC)
