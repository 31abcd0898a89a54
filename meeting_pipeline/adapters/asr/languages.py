"""Choice of the language in which each window of speech is decoded.

Whisper base answers English speech with invented Chinese when it is forced to decode Chinese (113 %
errors on one clip), so ASR_LANGUAGE applies unless another language is clearly detected.
"""

import re
from typing import Any

from meeting_pipeline.domain.language_codes import language_code
from meeting_pipeline.errors import ConfigError

_CODES = """
    af am ar as az ba be bg bn bo br bs ca cs cy da de el en es et eu fa fi fo fr gl gu ha haw
    he hi hr ht hu hy id is it ja jw ka kk km kn ko la lb ln lo lt lv mg mi mk ml mn mr ms mt my
    ne nl nn no oc pa pl ps pt ro ru sa sd si sk sl sn so sq sr su sv sw ta te tg th tk tl tr tt
    uk ur uz vi yi yo yue zh
"""
CODES = frozenset(_CODES.split())
"""The language codes of multilingual Whisper models."""

_BEFORE_CANTONESE = re.compile(r"(?:distil-)?(?:tiny|base|small|medium|large(?:-v[12])?)(?:\.en)?")
_DETECT = frozenset({"", "auto"})
_CLEARLY = 0.8
_FOLLOWED = frozenset({"zh", "en"})


def language_setting(value: str) -> str:
    """Return ASR_LANGUAGE as the recognizer expects it: a code, or "" to detect the language.

    Raises:
        ConfigError: "bad_setting" when the value is not a code that Whisper knows.
    """
    code = "" if value.strip().lower() in _DETECT else language_code(value)
    if code and code not in CODES:
        raise ConfigError(
            "bad_setting",
            f"ASR_LANGUAGE={value!r} is not a language code that Whisper knows",
            hint="set it to zh, en, ja or another ISO 639-1 code, or to auto to detect it",
        )
    return code


def unknown_to_model(tokenizer: bytes, language: str) -> bool:
    """Return whether a multilingual model lacks the language: only the newest ones know "yue".

    Args:
        tokenizer: The content of the model's `tokenizer.json`.
        language: Whisper's code; "" to detect the language.
    """
    is_multilingual = b"<|en|>" in tokenizer
    return is_multilingual and bool(language) and f"<|{language}|>".encode() not in tokenizer


def unknown_to_named_model(name: str, language: str) -> bool:
    """Return whether a model that is yet to be downloaded is known to lack the language."""
    return language == "yue" and _BEFORE_CANTONESE.fullmatch(name) is not None


class LanguageRule:
    """A wrapper around CTranslate2's Whisper that decides on the detected language.

    A window of up to 30 s is decoded in the main language, unless Chinese or English is detected
    there with a probability of 0.8 or more. Use one instance for one call: threads share the model,
    but not its rule.

    Args:
        whisper: The model; every other attribute is passed on to it.
        main: The main language, as Whisper's code.
    """

    def __init__(self, whisper: Any, main: str) -> None:
        self._whisper = whisper
        self._chosen: list[tuple[str, bool]] = []
        self.main = main

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whisper, name)

    def detect_language(self, encoded: Any) -> list[list[tuple[str, float]]]:
        """Return CTranslate2's answer for each window, reduced to the chosen language."""
        return [[self._choose(guesses)] for guesses in self._whisper.detect_language(encoded)]

    def chosen(self, windows: int) -> list[tuple[str, bool]]:
        """Return (language, whether it was clearly detected) of each window, in order.

        Args:
            windows: How many windows were decoded. A model for a single language detects nothing,
                so all of them get the main language.
        """
        return self._chosen or [(self.main, True)] * windows

    def _choose(self, guesses: list[tuple[str, float]]) -> tuple[str, float]:
        token, probability = guesses[0]
        detected = token.strip("<|>")
        is_clear = probability >= _CLEARLY
        chosen = detected if is_clear and detected in _FOLLOWED else self.main
        self._chosen.append((chosen, is_clear))
        return f"<|{chosen}|>", probability
