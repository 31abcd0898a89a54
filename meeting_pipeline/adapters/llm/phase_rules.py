"""Classification of a session into a phase by a weighted lexicon, by spelling and pronunciation."""

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
"""The least confidence of a phase, else the session is 其他: one phrase said once is too little."""
_HALF_SURE = 3.0
"""The score that gives half of the greatest confidence."""
_MENTIONS = 4
"""The most mentions of one term that count; beyond it only other terms add to a score."""
_QUOTES = 5

_SAME_SOUND_LONG = 0.8
_SAME_SOUND_SHORT = 0.6
_SAME_SOUND_ORDINARY = 0.15
"""Two syllables that form an ordinary word (建立) seldom mean the term (简历)."""
_SHORT = 2


@dataclass(frozen=True)
class Term:
    """A word or phrase of the lexicon.

    Attributes:
        text: The term as written.
        phase: The phase that it indicates.
        weight: The score of one mention.
    """

    text: str
    phase: Phase
    weight: float


@dataclass(frozen=True)
class Mention:
    """A term found in one sentence.

    Attributes:
        term: The term.
        sentence: The sentence.
        certainty: 1.0 for the same spelling, less for the same pronunciation.
    """

    term: Term
    sentence: Sentence
    certainty: float


@dataclass(frozen=True)
class PhaseVerdict:
    """The phase of a session.

    Attributes:
        phase: The phase.
        confidence: 0 to 1; for 其他 the confidence of the best other phase.
        matched_terms: The terms that were found; for 其他 those of all phases.
        evidence: The sentences that contain them.
    """

    phase: Phase
    confidence: float
    matched_terms: tuple[str, ...]
    evidence: tuple[Evidence, ...]


def lexicon_version() -> str:
    """Return a short hash of the lexicon, which changes with its terms, not its comments."""
    terms = "\n".join(f"{term.text} {term.phase} {term.weight}" for term in _lexicon_terms())
    return hashlib.sha256(terms.encode()).hexdigest()[:12]


def classify(sentences: Sequence[Sentence], subject: str = "") -> PhaseVerdict:
    """Classify a session by its sentences; a subject counts as one more sentence."""
    mentions = [m for sentence in sentences for m in _mentions(sentence)]
    heading = list(_mentions(Sentence(subject, 0.0))) if subject else []
    phase, confidence = _decide(_scores([*mentions, *heading]))
    if confidence < _UNSURE:
        return PhaseVerdict(Phase.OTHER, confidence, _terms([*heading, *mentions]), ())
    ours = [mention for mention in mentions if mention.term.phase is phase]
    titles = [mention for mention in heading if mention.term.phase is phase]
    return PhaseVerdict(phase, confidence, _terms([*titles, *ours]), _evidence(ours))


def _decide(scores: dict[Phase, float]) -> tuple[Phase, float]:
    """Return the best phase, whose confidence grows with its score and its lead over the next."""
    ranking = sorted(scores, key=lambda phase: -scores[phase])
    best, second = (scores[phase] for phase in ranking[:2])
    lead = (best - second) / best if best else 0.0
    return ranking[0], round(math.sqrt(lead) * best / (best + _HALF_SURE), 3)


def _scores(mentions: Iterable[Mention]) -> dict[Phase, float]:
    """Sum the weights by phase; each further mention of a term adds less than the one before."""
    certainty: dict[Term, float] = defaultdict(float)
    for mention in mentions:
        certainty[mention.term] += mention.certainty
    scores: dict[Phase, float] = {phase: 0.0 for phase in Phase if phase is not Phase.OTHER}
    for term, total in certainty.items():
        scores[term.phase] += term.weight * math.sqrt(min(total, _MENTIONS))
    return scores


def _terms(mentions: Iterable[Mention]) -> tuple[str, ...]:
    """Return the distinct terms, greatest weight first."""
    found = dict.fromkeys(mention.term for mention in mentions)
    return tuple(term.text for term in sorted(found, key=lambda term: -term.weight))


def _evidence(mentions: Iterable[Mention]) -> tuple[Evidence, ...]:
    """Return the sentences with the greatest weights, in the order said."""
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
            for term, certainty in lexicon.matching_by_sound(words.cut(line, guess=False)):
                yield Mention(term, sentence, certainty)


class Lexicon:
    """The terms of the lexicon by spelling and by pronunciation."""

    def __init__(self, terms: Sequence[Term]) -> None:
        self._by_text = {term.text: term for term in terms}
        self._by_sound = {syllables(t.text): t for t in terms if syllables(t.text)}
        self._longest = max(map(len, self._by_sound), default=0)
        longest_first = sorted(self._by_text, key=len, reverse=True)
        self.written = re.compile("|".join(map(_pattern, longest_first)), re.IGNORECASE)

    def term(self, text: str) -> Term:
        """Return the term that `written` matched as this text, in the singular or the plural."""
        text = " ".join(text.lower().split())
        return self._by_text.get(text) or self._by_text[text.removesuffix("s")]

    def matching_by_sound(self, tokens: Sequence[str]) -> Iterator[tuple[Term, float]]:
        """Yield the longest terms that sound like whole words, with their certainty."""
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
    return Lexicon(_lexicon_terms())


@cache
def _lexicon_terms() -> tuple[Term, ...]:
    text = resources.files(__package__).joinpath(_LEXICON).read_text("utf-8")
    data = tomllib.loads(text)
    return tuple(
        Term(text, Phase(phase), data["weights"][list_name])
        for phase, lists in data["phases"].items()
        for list_name, texts in lists.items()
        for text in texts
    )
