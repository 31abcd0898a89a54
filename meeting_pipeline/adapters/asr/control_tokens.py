"""Removal of what speech models write besides words: control tokens, events, feelings.

Sources: SenseVoice's `<|zh|><|NEUTRAL|><|Speech|>` and the emoji that FunASR makes of them,
Whisper's `<|startoftranscript|>`, Qwen3-ASR's `language Chinese<asr_text>`, whisper.cpp's
`[BLANK_AUDIO]`, and the `<unk>` and `<sil>` of Kaldi's relatives. A real "<", and "Language" as a
word, are spoken text.
"""

import re

_EVENTS = (
    r"blank[_\s]?audio|(?:no\s)?(?:speech|sound|audio)|silence|silent|inaudible|unintelligible|"
    r"(?:(?:background|upbeat|soft|gentle)\s)?(?:music|noises?)(?:\splaying)?|applause|laughter|"
    r"laughs?|coughs?|sneezes?|breath(?:ing)?|cry(?:ing)?|pause|unk|pad|streaming_pad|"
    r"_(?:eot|beg|sot|prev|nosp|not|solm|tt_\d+)_?|"
    r"(?:背景)?音乐|掌声|笑声|静音|无声|沉默|噪[音声]|空白音频"
)
_TOKENS = re.compile(
    rf"""(?:
      (?:
        (?:language\s{{1,4}}[\w ,-]{{1,40}}?\s{{0,4}})?</?asr_text>
      | [<＜]\s?[|｜]\s?[^<>＜＞|｜\n]{{1,40}}\s?[|｜]\s?[>＞]
      | </?(?:s|sil|unk|pad|blank|blk|noise|spn|nsn|bos|eos|sos|sos/eos|eou|eob|sep|cls)>
      | [\[【]\s?(?:{_EVENTS})\s?[\]】]
      | [(（]\s?(?:{_EVENTS})\s?[)）]
      | [\U0001F300-\U0001FAFF\u2753\u266A-\u266C\u2047][\uFE0F\u200D]?
      )\s*
    )+""",
    re.IGNORECASE | re.VERBOSE,
)


_LINE_BREAKS = re.compile(r"\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
# The joiners of Persian and Indian scripts (200c, 200d) are part of words.
_CONTROL_CHARACTERS = re.compile(
    r"[\x00-\x08\x0e-\x1b\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e"
    r"\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)


def without_control_tokens(text: str) -> str:
    """Return the words of a text without control characters, control tokens and events."""
    return _TOKENS.sub(_joint, without_control_characters(text)).strip()


def without_control_characters(text: str) -> str:
    """Return a text without invisible characters that are no speech, such as NUL.

    Among them are those that turn the direction of a text round; every kind of line break becomes a
    line feed.
    """
    return _CONTROL_CHARACTERS.sub("", _LINE_BREAKS.sub("\n", text))


def _joint(tokens: re.Match[str]) -> str:
    """Return the space that keeps two words apart that a token has kept apart."""
    before, after = _around(tokens)
    if not before or not after or before.isspace():
        return ""
    was_apart = tokens[0][-1].isspace()
    is_latin = before.isascii() and after.isascii() and after.isalnum()
    return " " if is_latin or (was_apart and before.isalnum()) else ""


def _around(tokens: re.Match[str]) -> tuple[str, str]:
    """Return the characters before and after a match, "" at the ends of the text."""
    start, end = tokens.span()
    return tokens.string[max(0, start - 1) : start], tokens.string[end : end + 1]
