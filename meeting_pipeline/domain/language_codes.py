"""Codes of spoken languages, as people and systems write them."""

import re

_TAG = re.compile(r"([a-z]{2,3})(?:[-_.@]([a-z0-9]+).*)?")
_SAME = {"cmn": "zh", "zho": "zh", "chi": "zh", "eng": "en"}


def language_code(written: str) -> str:
    """Return the code that speech recognizers know: "zh" for zh-CN, ZH, zh_Hans or zh_CN.UTF-8.

    Cantonese, "yue", is a language of its own there. What is no code is returned as it is.

    Args:
        written: A code, with or without script, region and encoding.
    """
    tag = _TAG.fullmatch(written.strip().lower())
    if tag is None:
        return written.strip()
    language, variant = tag.groups()
    if language == "zh" and variant == "yue":
        return "yue"
    return _SAME.get(language, language)
