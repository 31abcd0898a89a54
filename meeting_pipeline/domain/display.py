"""Text from outside as it may be shown: nothing in it steers a terminal or begins another line."""

import json
import re
import unicodedata

_STEERING = re.compile(
    r"[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)


def plain(text: str) -> str:
    """The text with a blank for every sign that is a control, an end of line or half a sign."""
    if text.isprintable():  # nearly all of it is, and that is told a hundred times faster
        return text
    return "".join(" " if _acts(sign) else sign for sign in text)


def plain_lines(text: str) -> str:
    """Like `plain`, but ends of line stay, every kind of them as the same one."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(plain(line) for line in lines)


def json_text(value: object, indent: int | None = None) -> str:
    """JSON that reads back the same, in which every such sign is written as an escape."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return _STEERING.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def _acts(sign: str) -> bool:
    category = unicodedata.category(sign)
    return category[0] == "C" or category in ("Zl", "Zp")
