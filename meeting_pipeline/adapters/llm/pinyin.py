"""How Chinese words sound, without tones and without what accents blur.

Speech models write the wrong characters for the right sounds (建立 or 检力 for 简历), so two words
are compared by one reading per character, with zh, ch, sh as z, c, s and with final ng as n.
"""

from functools import lru_cache

from meeting_pipeline.adapters.llm.sentences import is_chinese

_BLURRED = {"zh": "z", "ch": "c", "sh": "s"}


@lru_cache(maxsize=1 << 16)
def syllables(word: str) -> tuple[str, ...]:
    """One sound per character; () for a word that is not written in Chinese throughout."""
    if not all(map(is_chinese, word)):
        return ()
    return tuple(map(_syllable, word))


@lru_cache(maxsize=1 << 14)
def _syllable(character: str) -> str:
    from pypinyin import lazy_pinyin

    sound: str = lazy_pinyin(character)[0]
    sound = _BLURRED.get(sound[:2], sound[:2]) + sound[2:]
    return sound.removesuffix("g") if sound.endswith("ng") else sound
