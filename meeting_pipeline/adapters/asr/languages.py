"""In which language each window of speech is decoded.

Forced Chinese makes Whisper base answer English speech with invented Chinese (113 % errors on one
clip), so the setting holds until the sound clearly says otherwise.
"""

from typing import Any

from meeting_pipeline.errors import ConfigError

_CODES = """
    af am ar as az ba be bg bn bo br bs ca cs cy da de el en es et eu fa fi fo fr gl gu ha haw
    he hi hr ht hu hy id is it ja jw ka kk km kn ko la lb ln lo lt lv mg mi mk ml mn mr ms mt my
    ne nl nn no oc pa pl ps pt ro ru sa sd si sk sl sn so sq sr su sv sw ta te tg th tk tl tr tt
    uk ur uz vi yi yo yue zh
"""
CODES = frozenset(_CODES.split())
"""What multilingual Whisper models know."""

_DETECT = frozenset({"", "auto"})
_CLEARLY = 0.8
_FOLLOWED = frozenset({"zh", "en"})


def language_setting(value: str) -> str:
    """ASR_LANGUAGE as the recogniser takes it, "" where it shall detect the language.

    Raises ConfigError("bad_setting") for what is no code that Whisper knows.
    """
    if value in _DETECT:
        return ""
    if value not in CODES:
        raise ConfigError(
            "bad_setting",
            f"ASR_LANGUAGE={value!r} is not a language code that Whisper knows",
            hint="give zh, en, ja or another ISO 639-1 code, or auto to detect it",
        )
    return value


class LanguageRule:
    """Stands before CTranslate2's Whisper and answers its question for the language.

    The main language holds for a window of up to 30 s, unless Chinese or English is heard there
    with a probability of 0.8 or more. One rule for one question: threads share the model, not this.
    """

    def __init__(self, whisper: Any, main: str) -> None:
        self._whisper = whisper
        self._heard: list[tuple[str, bool]] = []
        self.main = main

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whisper, name)

    def detect_language(self, encoded: Any) -> list[list[tuple[str, float]]]:
        """CTranslate2's answer for each window, with the chosen language alone."""
        return [[self._choose(guesses)] for guesses in self._whisper.detect_language(encoded)]

    def take(self, windows: int) -> list[tuple[str, bool]]:
        """(language, whether it was clear) of the windows asked about, in order.

        A model for one language never asks: then it is the main one for all `windows`.
        """
        return self._heard or [(self.main, True)] * windows

    def _choose(self, guesses: list[tuple[str, float]]) -> tuple[str, float]:
        token, probability = guesses[0]
        heard = token.strip("<|>")
        is_clear = probability >= _CLEARLY
        chosen = heard if is_clear and heard in _FOLLOWED else self.main
        self._heard.append((chosen, is_clear))
        return f"<|{chosen}|>", probability
