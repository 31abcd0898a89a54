"""Word segmentation for Chinese (by jieba) and for languages that separate words by spaces."""

import logging
import re
import threading
import warnings
from functools import cache
from importlib import resources
from typing import Any

from meeting_pipeline.adapters.llm.sentences import is_chinese

_SPACED_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_SHORTEST_SPACED = 3
_SHORTEST_CHINESE = 2
_loading = threading.Lock()


def cut(text: str, *, guess: bool = True) -> list[str]:
    """Split a text into words, in order and without punctuation.

    Args:
        text: Any text.
        guess: Whether jieba may join characters to words that its dictionary does not contain.

    Returns:
        The words as written.
    """
    if not is_chinese(text):
        return _SPACED_WORD.findall(text)
    return [word for word in _tokenizer().cut(text, HMM=guess) if word[0].isalnum()]


def content_words(text: str) -> list[str]:
    """Return the words of a text without stop words and numbers, in lower case and in order."""
    return [word for word in map(str.lower, cut(text)) if _has_meaning(word)]


def in_dictionary(word: str) -> bool:
    """Return whether the Chinese dictionary contains this word."""
    return bool(_tokenizer().FREQ.get(word))


def _has_meaning(word: str) -> bool:
    if word in _stop_words() or word.isdigit():
        return False
    return len(word) >= (_SHORTEST_CHINESE if is_chinese(word) else _SHORTEST_SPACED)


@cache
def _stop_words() -> frozenset[str]:
    text = resources.files(__package__).joinpath("stop_words.txt").read_text("utf-8")
    return frozenset(
        word for line in text.splitlines() if not line.startswith("#") for word in line.split()
    )


def _tokenizer() -> Any:
    with _loading:
        return _loaded_tokenizer()


@cache
def _loaded_tokenizer() -> Any:
    """Load a tokenizer of our own without jieba's `initialize`.

    `initialize` keeps a marshal file in the shared temporary directory, which other users could
    replace, and writes its progress to standard error.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about jieba's old syntax; users can do nothing about it
        import jieba

    jieba.setLogLevel(logging.WARNING)
    tokenizer = jieba.Tokenizer()
    tokenizer.FREQ, tokenizer.total = tokenizer.gen_pfdict(tokenizer.get_dict_file())
    tokenizer.initialized = True
    return tokenizer
