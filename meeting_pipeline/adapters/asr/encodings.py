"""The text of an HTTP body whose charset may be named wrongly, or not at all."""

import json
import re
from email.message import Message

_HIGH = re.compile(rb"[\x80-\xff]+")
_UTF8_HAN_OR_EMOJI = re.compile(rb"(?:[\xe2-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3})+")
_GB = "gb18030"
_BIG5 = "big5hkscs"
_LAST_COMMON_BIG5 = 0xC6
_MOST_COMMON = 0.9
_PRIVATE = re.compile("[\ue000-\uf8ff\U000f0000-\U0010ffff]")
_GB_NAMES = frozenset({"gbk", "gb2312", "gb18030", "cp936", "x-gbk", "hz-gb-2312"})
_WESTERN = re.compile(r"(?:iso[-_]?8859|latin|windows-125|cp125|us-ascii|ascii)", re.IGNORECASE)
_SURROGATE = re.compile("[\ud800-\udfff]")
_MOST_LOST = 0.1
_MEANT = 0.7


def decode(body: bytes, content_type: str = "") -> str | None:
    """Return the text of a body, or None if it cannot be known.

    UTF-8 and UTF-16 are recognized by their bytes. Other bytes are read by the charset that the
    server names, else as GB18030, and as Big5 where that gives characters of private use, which are
    never said. Nothing is ever replaced: a guess would be stored as if it had been said.

    Args:
        body: The bytes.
        content_type: The header.
    """
    unicode = str(json.detect_encoding(body))
    candidates = _candidates(body, _charset(content_type)) if unicode == "utf-8" else [unicode]
    for encoding in candidates:
        try:
            text = body.decode(encoding).removeprefix("\ufeff")
        except (ValueError, LookupError):
            continue
        if encoding == _GB and _PRIVATE.search(text):
            return _as_big5(body)
        if not _SURROGATE.search(text):  # UTF-7 and the like can make one
            return text
    return None


def is_whole(text: str) -> bool:
    """Return whether a text is Unicode, and little of it was lost by an earlier program."""
    lost = text.count("\N{REPLACEMENT CHARACTER}")
    return lost <= _MOST_LOST * len(text) and not _SURROGATE.search(text)


def _is_meant_as_utf8(body: bytes) -> bool:
    """Return whether most of what is not ASCII has the form of UTF-8's longer sequences.

    If so, a byte that is wrong is damage, which GB18030 would turn into other characters.
    """
    high = sum(map(len, _HIGH.findall(body)))
    return sum(map(len, _UTF8_HAN_OR_EMOJI.findall(body))) >= _MEANT * high


def _as_big5(body: bytes) -> str | None:
    """Return the text of a body in Big5, or None if it does not look like one.

    The characters in use come first in Big5; damaged GB18030 gives rare ones, too.
    """
    try:
        text = body.decode(_BIG5)
    except ValueError:
        return None
    leads = [one.encode(_BIG5)[0] for one in text if not one.isascii()]
    common = sum(lead <= _LAST_COMMON_BIG5 for lead in leads)
    return text if common >= _MOST_COMMON * len(leads) and not _PRIVATE.search(text) else None


def _candidates(body: bytes, named: str) -> list[str]:
    if _is_meant_as_utf8(body):
        return ["utf-8", _GB] if named in _GB_NAMES else ["utf-8"]
    if named in _GB_NAMES:
        return [_GB, "utf-8"]
    if not named or _WESTERN.match(named):  # what servers say when they were not told
        alone = sum(len(run) for run in _HIGH.findall(body) if len(run) == 1)
        is_western = bool(named) and 2 * alone > sum(map(len, _HIGH.findall(body)))
        return ["utf-8", named] if is_western else ["utf-8", _GB]
    return ["utf-8", named, _GB]


def _charset(content_type: str) -> str:
    message = Message()
    message["Content-Type"] = content_type
    return message.get_content_charset("").lower()
