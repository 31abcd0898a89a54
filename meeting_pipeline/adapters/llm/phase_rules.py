"""Which phase a session belongs to, by a weighted lexicon; matched as written and as it sounds."""

import hashlib
import math
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from meeting_pipeline.adapters.llm import words
from meeting_pipeline.adapters.llm.pinyin import syllables
from meeting_pipeline.adapters.llm.sentences import Sentence, is_chinese
from meeting_pipeline.domain.enums import Phase
from meeting_pipeline.domain.model import Evidence

_LEXICON = "phase_lexicon.toml"
_UNSURE = 0.45
"""Below this confidence the session is 其他: one phrase said once is not enough."""
_HALF_SURE = 3.0
"""A score that gives half of the confidence a phase can have."""
_MENTIONS = 4
"""So many mentions of one term count; beyond that only other terms add to a score."""
_QUOTES = 5

_SAME_SOUND_LONG = 0.8
_SAME_SOUND_SHORT = 0.6
_SAME_SOUND_ORDINARY = 0.15
"""Two syllables that are an ordinary word by themselves (建立) seldom stand for the term (简历)."""
_SHORT = 2


@dataclass(frozen=True)
class Term:
    """A word or phrase of the lexicon; weight: what one mention says about its phase."""

    text: str
    phase: Phase
    weight: float


@dataclass(frozen=True)
class Mention:
    """A term in one sentence; certainty: 1.0 as written, less when only the sound is the same."""

    term: Term
    sentence: Sentence
    certainty: float


@dataclass(frozen=True)
class Verdict:
    """The phase with its confidence (0..1), the terms found and the sentences that hold them.

    For 其他 the confidence is that of the phase that came closest, and the terms are all found.
    """

    phase: Phase
    confidence: float
    matched_terms: tuple[str, ...]
    evidence: tuple[Evidence, ...]


def lexicon_version() -> str:
    """A short hash of the lexicon: other words, other version."""
    return hashlib.sha256(_lexicon_bytes()).hexdigest()[:12]


def classify(sentences: Sequence[Sentence], subject: str = "") -> Verdict:
    """Judge a session by its sentences; its subject, when it has one, counts as one more."""
    mentions = [m for sentence in sentences for m in _mentions(sentence)]
    heading = list(_mentions(Sentence(subject, 0.0))) if subject else []
    phase, confidence = _decide(_scores([*mentions, *heading]))
    if confidence < _UNSURE:
        return Verdict(Phase.OTHER, confidence, _terms([*heading, *mentions]), ())
    ours = [mention for mention in mentions if mention.term.phase is phase]
    titles = [mention for mention in heading if mention.term.phase is phase]
    return Verdict(phase, confidence, _terms([*titles, *ours]), _evidence(ours))


def _decide(scores: dict[Phase, float]) -> tuple[Phase, float]:
    """The best phase; its confidence grows with its score and with its lead over the next."""
    ranking = sorted(scores, key=lambda phase: -scores[phase])
    best, second = (scores[phase] for phase in ranking[:2])
    lead = (best - second) / best if best else 0.0
    return ranking[0], round(math.sqrt(lead) * best / (best + _HALF_SURE), 3)


def _scores(mentions: Iterable[Mention]) -> dict[Phase, float]:
    """Weights summed by phase; the n-th mention of one term adds less than the one before."""
    certainty: dict[Term, float] = defaultdict(float)
    for mention in mentions:
        certainty[mention.term] += mention.certainty
    scores: dict[Phase, float] = {phase: 0.0 for phase in Phase if phase is not Phase.OTHER}
    for term, total in certainty.items():
        scores[term.phase] += term.weight * math.sqrt(min(total, _MENTIONS))
    return scores


def _terms(mentions: Iterable[Mention]) -> tuple[str, ...]:
    """The terms found, heaviest first, each once."""
    found = dict.fromkeys(mention.term for mention in mentions)
    return tuple(term.text for term in sorted(found, key=lambda term: -term.weight))


def _evidence(mentions: Iterable[Mention]) -> tuple[Evidence, ...]:
    """The sentences that say most about the phase, in the order said."""
    weight: dict[tuple[str, float], float] = defaultdict(float)
    for mention in mentions:
        quote = (mention.sentence.text, mention.sentence.start_s)
        weight[quote] += mention.term.weight * mention.certainty
    best = sorted(weight, key=lambda quote: -weight[quote])[:_QUOTES]
    return tuple(Evidence(text, start_s) for text, start_s in weight if (text, start_s) in best)


def _mentions(sentence: Sentence) -> Iterator[Mention]:
    lexicon = _lexicon()
    for match in lexicon.written.finditer(sentence.text):
        yield Mention(lexicon.term(match.group()), sentence, 1.0)
    if is_chinese(sentence.text):
        unread = lexicon.written.sub(" \n ", sentence.text)
        for line in unread.splitlines():
            for term, certainty in lexicon.heard(words.cut(line, guess=False)):
                yield Mention(term, sentence, certainty)


class Lexicon:
    """Terms by how they are written and by how they sound."""

    def __init__(self, terms: Sequence[Term]) -> None:
        self._by_text = {term.text: term for term in terms}
        self._by_sound = {syllables(t.text): t for t in terms if syllables(t.text)}
        self._longest = max(map(len, self._by_sound), default=0)
        longest_first = sorted(self._by_text, key=len, reverse=True)
        self.written = re.compile("|".join(map(_pattern, longest_first)), re.IGNORECASE)

    def term(self, text: str) -> Term:
        """The term that `written` has found as this text (in the singular or the plural)."""
        text = " ".join(text.lower().split())
        return self._by_text.get(text) or self._by_text[text.removesuffix("s")]

    def heard(self, tokens: Sequence[str]) -> Iterator[tuple[Term, float]]:
        """Terms that whole words sound like, the longest at each place, and how sure that is."""
        start = 0
        while start < len(tokens):
            width, term = self._sounding(tokens[start : start + self._longest])
            if term:
                yield term, _certainty(tokens[start : start + width])
            start += width

    def _sounding(self, tokens: Sequence[str]) -> tuple[int, Term | None]:
        sound: tuple[str, ...] = ()
        found: tuple[int, Term | None] = (1, None)
        for width, token in enumerate(tokens, start=1):
            sound += syllables(token)
            if not syllables(token) or len(sound) > self._longest:
                break
            if sound in self._by_sound:
                found = (width, self._by_sound[sound])
        return found


def _certainty(tokens: Sequence[str]) -> float:
    if sum(map(len, tokens)) > _SHORT:
        return _SAME_SOUND_LONG
    ordinary = len(tokens) == 1 and words.in_dictionary(tokens[0])
    return _SAME_SOUND_ORDINARY if ordinary else _SAME_SOUND_SHORT


def _pattern(term: str) -> str:
    if is_chinese(term):
        return re.escape(term)
    return rf"\b{re.escape(term)}s?\b".replace(r"\ ", r"\s+")


@cache
def _lexicon() -> Lexicon:
    data = tomllib.loads(_lexicon_bytes().decode())
    return Lexicon(
        [
            Term(text, Phase(phase), data["weights"][list_name])
            for phase, lists in data["phases"].items()
            for list_name, texts in lists.items()
            for text in texts
        ]
    )


def _lexicon_bytes() -> bytes:
    return resources.files(__package__).joinpath(_LEXICON).read_bytes()
