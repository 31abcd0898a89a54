"""Text from outside made safe to print: it cannot control a terminal or start another line."""

import json
import re
import unicodedata

_CONTROL = re.compile(
    r"[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
# up to the last @ before the path; a password may hold a /, where what follows : is no port
_CREDENTIALS = re.compile(
    r"([A-Za-z][A-Za-z0-9+.-]*://)"
    r"(?:[^\s/?#\"'<>]*@|[^\s/?#:\"'<>]*:(?!\d+(?:[/?#]|$))[^\s\"'<>]*@)"
)
_QUERY = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://[^\s?#\"'<>]+\?)([^\s#\"'<>]+)")
_PARAMETER = re.compile(r"((?:^|[&;])(?:[^&;=]*=|(?![^&;=]*=)))[^&;]+")  # a name, or a key alone
MASK = "********"
"""What is shown in place of a secret."""


def mask_credentials(text: str) -> str:
    """Return the text without secrets in addresses.

    Masked are user names and passwords (`https://USER:KEY@host`), and the values of queries, whose
    names stay (`https://host/v1?api_key=********`).
    """
    if "@" in text:
        text = _CREDENTIALS.sub(rf"\1{MASK}@", text)
    return _QUERY.sub(_with_masked_query, text) if "?" in text else text


def _with_masked_query(address: re.Match[str]) -> str:
    return address[1] + _PARAMETER.sub(rf"\g<1>{MASK}", address[2])


def strip_control_characters(text: str) -> str:
    """Return the text with a space for each control character, line break and lone surrogate."""
    if text.isprintable():  # true for nearly every text, and a hundred times faster
        return text
    return "".join(" " if _is_control(character) else character for character in text)


def strip_control_characters_by_line(text: str) -> str:
    """Strip the control characters of each line; every kind of line break becomes a line feed."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(strip_control_characters(line) for line in lines)


def json_text(value: object, indent: int | None = None) -> str:
    """Return JSON in which control characters are escaped, so that it loads as the same value."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return _CONTROL.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def _is_control(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] == "C" or category in ("Zl", "Zp")
