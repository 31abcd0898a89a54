"""How far a recognised text is from what was said."""

import re

from zhconv import convert

_DIGITS = "零一二三四五六七八九"
_HUNDRED = 100


def character_error_rate(said: str, heard: str) -> float:
    """Edits per character; script, punctuation and the way numbers are written do not count."""
    expected, found = _normalised(said), _normalised(heard)
    row = list(range(len(found) + 1))
    for at, one in enumerate(expected, 1):
        last, row = row, [at]
        for position, other in enumerate(found, 1):
            row.append(min(last[position] + 1, row[-1] + 1, last[position - 1] + (one != other)))
    return row[-1] / len(expected)


def _normalised(text: str) -> str:
    spelled = re.sub(r"\d+", lambda number: _spelled(int(number[0])), text)
    return re.sub(r"[\W_]", "", str(convert(spelled, "zh-hans"))).lower()


def _spelled(number: int) -> str:
    if number < len(_DIGITS):
        return _DIGITS[number]
    if number < _HUNDRED:
        tens, ones = divmod(number, 10)
        return ("" if tens == 1 else _DIGITS[tens]) + "十" + (_DIGITS[ones] if ones else "")
    hundreds, rest = divmod(number, _HUNDRED)
    if number < 10 * _HUNDRED and rest == 0:
        return _DIGITS[hundreds] + "百"
    return "".join(_DIGITS[int(digit)] for digit in str(number))
