"""TextRank (Mihalcea and Tarau, 2004): rank sentences by similarity to important ones."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_BLOCK = 500
_DAMPING = 0.85
_ROUNDS = 50
_DIGITS = 9


def best(sentences: Sequence[Sequence[str]], count: int) -> list[int]:
    """Return the indices of the most important sentences, best first.

    Long texts are ranked in blocks of 500 sentences, then the best of all blocks among themselves:
    the work grows with the length of the text and not with its square.

    Args:
        sentences: The words of each sentence.
        count: The number of sentences wanted, at most 250.
    """
    count = min(count, _BLOCK // 2)
    finalists = list(range(len(sentences)))
    while len(finalists) > _BLOCK:
        blocks = (finalists[i : i + _BLOCK] for i in range(0, len(finalists), _BLOCK))
        finalists = [i for block in blocks for i in sorted(_ranked(sentences, block)[:count])]
    return _ranked(sentences, finalists)[:count]


def _ranked(sentences: Sequence[Sequence[str]], chosen: list[int]) -> list[int]:
    scores = _scores([frozenset(sentences[index]) for index in chosen])
    return [chosen[place] for place in sorted(range(len(chosen)), key=lambda i: (-scores[i], i))]


def _scores(word_sets: list[frozenset[str]]) -> list[float]:
    """Return scores by power iteration, rounded so that the last bit does not decide an order."""
    likeness = _likeness(word_sets)
    links = likeness.sum(axis=0)
    weights = likeness / np.where(links > 0, links, 1)
    scores = np.where(links > 0, 1.0, 0.0)
    for _ in range(_ROUNDS):
        scores = np.where(links > 0, (1 - _DAMPING) + _DAMPING * (weights @ scores), 0.0)
    return [round(float(score), _DIGITS) for score in scores]


def _likeness(word_sets: list[frozenset[str]]) -> NDArray[np.float64]:
    """Return the (n, n) matrix of shared words of each pair relative to the lengths of both."""
    columns = {word: i for i, word in enumerate(sorted(frozenset().union(*word_sets)))}
    holds = np.zeros((len(word_sets), len(columns)))
    for row, words in enumerate(word_sets):
        holds[row, [columns[word] for word in words]] = 1
    lengths = np.log1p(holds.sum(axis=1))
    scale = np.maximum(lengths[:, None] + lengths[None, :], 1)
    likeness: NDArray[np.float64] = (holds @ holds.T) / scale
    np.fill_diagonal(likeness, 0)
    return likeness
