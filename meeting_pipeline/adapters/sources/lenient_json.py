"""JSON as people write it by hand: what they mean is clear, but JSON it is not.

Read are comments (`//`, `/* */`, and `#` to the end of a line), commas before a closing bracket,
typographic and single quotes, punctuation of Chinese keyboards, and names without quotes. Nothing
is made up: a text that is cut off, or in which a comma is missing, is not read.
"""

import json
import re

_WORDS = {"True": "true", "False": "false", "None": "null", "undefined": "null"}
_PUNCTUATION = str.maketrans("，：｛｝［］", ",:{}[]")
_QUOTES = {'"': '"', "'": "'", "“": '“”"', "”": '“”"', "＂": "＂", "‘": "‘’", "’": "‘’"}
_TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|\#[^\n]*|/\*.*?\*/)
    | (?P<quote>["'“”＂‘’])
    | (?P<word>[^\W\d]\w*)
    | (?P<number>[-+]?\.?\d[\w.+-]*)
    | (?P<blank>\s+)
    | (?P<sign>.)""",
    re.VERBOSE | re.DOTALL,
)


class DuplicateNames(dict[str, object]):
    """A JSON object in which names were written more than once; the last value counts.

    Attributes:
        names: These names.
    """

    def __init__(self, pairs: list[tuple[str, object]]) -> None:
        super().__init__(pairs)
        written = [name for name, _ in pairs]
        self.names = sorted({name for name in written if written.count(name) > 1})


def read_json(content: bytes) -> object:
    """Return the value in a text, with its numbers as text.

    Args:
        content: The text in UTF-8, UTF-16 or GB18030 (with GBK and GB2312).

    Raises:
        ValueError: It is not JSON, not even as people write it.
        RecursionError: It is nested too deeply.
    """
    try:
        text = content.decode(json.detect_encoding(content))
    except UnicodeDecodeError:
        text = content.decode("gb18030")
    text = text.removeprefix("\ufeff")
    try:
        return _loads(text)
    except json.JSONDecodeError as strictly:
        try:
            return _loads(_as_json(text))
        except ValueError:
            raise strictly from None


def _loads(text: str) -> object:
    return json.loads(text, parse_int=str, parse_float=str, object_pairs_hook=_object, strict=False)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    content = dict(pairs)
    return content if len(content) == len(pairs) else DuplicateNames(pairs)


def _as_json(text: str) -> str:
    """Return the text token by token as strict JSON writes it."""
    tokens: list[str] = []
    place = 0
    while found := _TOKEN.match(text, place):
        place = found.end()
        match found.lastgroup:
            case "quote":
                place, string = _string(text, found.start())
                tokens.append(string)
            case "word":
                tokens.append(_word(found[0]))
            case "sign" | "number":
                _add(tokens, found[0].translate(_PUNCTUATION))
    return "".join(tokens)


def _add(tokens: list[str], token: str) -> None:
    if token in ("}", "]") and tokens and tokens[-1] == ",":
        tokens.pop()
    tokens.append(token)


def _word(word: str) -> str:
    word = _WORDS.get(word, word)
    return word if word in ("true", "false", "null") else json.dumps(word)


def _string(text: str, start: int) -> tuple[int, str]:
    """Return where a quoted text ends and the text as JSON; raise ValueError if it never ends."""
    closing = _QUOTES[text[start]]
    place = start + 1
    while place < len(text) and text[place] not in closing:
        if text[place] == "”" and "“" not in text[start:place]:
            break  # an editor has replaced this one and not the first
        place += 2 if text[place] == "\\" else 1
    if place >= len(text):
        raise ValueError("a text has no closing quotation mark")
    inside = text[start + 1 : place].replace("\\'", "'")
    quoted = re.sub(r'(?<!\\)"', r"\\" + '"', inside) if text[start] != '"' else inside
    return place + 1, f'"{quoted}"'
