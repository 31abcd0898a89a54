"""Pronunciation of Chinese words, without tones and without differences that accents blur.

Speech models write wrong characters for correctly heard sounds (建立 or 检力 for 简历). Words are
compared by one reading per character, with zh, ch, sh as z, c, s and with final ng as n.
"""

from functools import lru_cache

from meeting_pipeline.adapters.llm.sentences import is_chinese

_BLURRED = {"zh": "z", "ch": "c", "sh": "s"}


@lru_cache(maxsize=1 << 16)
def syllables(word: str) -> tuple[str, ...]:
    """Return one syllable per character, or () for a word with other than Chinese characters."""
    if not all(map(is_chinese, word)):
        return ()
    return tuple(map(_syllable, word))


@lru_cache(maxsize=1 << 14)
def _syllable(character: str) -> str:
    from pypinyin import lazy_pinyin

    sound: str = lazy_pinyin(character)[0]
    sound = _BLURRED.get(sound[:2], sound[:2]) + sound[2:]
    return sound.removesuffix("g") if sound.endswith("ng") else sound
