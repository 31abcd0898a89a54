"""In which language each window of speech is decoded.

Forced Chinese makes Whisper base answer English speech with invented Chinese (113 % errors on one
clip), so the setting holds until the sound clearly says otherwise.
"""

from typing import Any

_CLEARLY = 0.8
_FOLLOWED = frozenset({"zh", "en"})


class LanguageRule:
    """Stands before CTranslate2's Whisper and answers its question for the language.

    The main language holds for a window of up to 30 s, unless Chinese or English is heard there
    with a probability of 0.8 or more. Costs nothing: the window is encoded anyway.
    """

    def __init__(self, whisper: Any) -> None:
        self._whisper = whisper
        self._heard: list[tuple[str, bool]] = []
        self.main = ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whisper, name)

    def detect_language(self, encoded: Any) -> list[list[tuple[str, float]]]:
        """CTranslate2's answer for each window, with the chosen language alone."""
        return [[self._choose(guesses)] for guesses in self._whisper.detect_language(encoded)]

    def take(self, windows: int) -> list[tuple[str, bool]]:
        """(language, whether it was clear) of the windows asked about since the last time.

        A model for one language never asks: then it is the main one for all `windows`.
        """
        heard, self._heard = self._heard, []
        return heard or [(self.main, True)] * windows

    def _choose(self, guesses: list[tuple[str, float]]) -> tuple[str, float]:
        token, probability = guesses[0]
        heard = token.strip("<|>")
        is_clear = probability >= _CLEARLY
        chosen = heard if is_clear and heard in _FOLLOWED else self.main
        self._heard.append((chosen, is_clear))
        return f"<|{chosen}|>", probability
