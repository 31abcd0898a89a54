"""Summaries without a language model: quoted sentences, chosen by TextRank and by rules."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib.util import find_spec

from meeting_pipeline.adapters.llm import cues, phase_rules, sentences, words
from meeting_pipeline.adapters.llm.sentences import Sentence
from meeting_pipeline.domain.model import Participant, Summary, Transcript
from meeting_pipeline.errors import ConfigError, RecordError
from meeting_pipeline.ports.gate import OPEN, Gate
from meeting_pipeline.ports.stage_context import StageContext

_VERSION = 1
"""Increase it when a rule of this package changes results; the lexicon has its own hash."""

_CANDIDATES = 40
_ABSTRACT_SENTENCES = 3
_ABSTRACT_CHINESE = 200
_ABSTRACT_LATIN = 500
_KEY_POINTS = 6
_FEWEST_WORDS = 2
_TOO_ALIKE = 0.5
_TITLE_WORDS = 3
_LONGEST_TITLE = 60

_NAMELESS = re.compile(
    r"[\W\d_]*|TM-\d.*|.*(?:预定|发起)的会议|.*的(?:快速|个人)会议|快速会议"
    r"|.*'s (?:quick |personal )?meeting",
    re.IGNORECASE,
)
"""Subjects that Tencent Meeting or a recorder generates, not a person."""


class ExtractiveSummarizer:
    """Summarizer that quotes the most important sentences and invents none.

    It needs the extra `offline`.
    """

    def __init__(self, gate: Gate = OPEN) -> None:
        """Check that the packages of the extra are installed.

        Args:
            gate: The limit of transcripts summarized at once.

        Raises:
            ConfigError: "extra_missing" when jieba or pypinyin is not installed.
        """
        for package in ("jieba", "pypinyin"):
            if find_spec(package) is None:
                raise ConfigError(
                    "extra_missing",
                    f"the summary without a language model needs the package {package}",
                    hint="pip install 'meeting-pipeline[offline]', or set KIMI_API_KEY",
                )
        self._gate = gate

    @property
    def settings(self) -> str:
        return f"extractive textrank v{_VERSION} lexicon {phase_rules.lexicon_version()}"

    def summarize(self, transcript: Transcript, context: StageContext) -> Summary:
        """Summarize a transcript.

        Raises:
            RecordError: "empty_transcript" when it contains no words.
        """
        with self._gate.slot():
            return self._summary(transcript, context)

    def _summary(self, transcript: Transcript, context: StageContext) -> Summary:
        said = sentences.split(transcript)
        if not said:
            raise RecordError("empty_transcript", "the transcript contains no words to summarize")
        verdict = phase_rules.classify(said, _given_subject(context.meta.subject))
        context.progress(0.5)
        content = [words.content_words(sentence.text) for sentence in said]
        best = [said[place] for place in _best(content)]
        abstract = _abstract(best)
        points = [sentence for sentence in best if sentence not in abstract][:_KEY_POINTS]
        summary = Summary(
            engine="extractive",
            model="textrank",
            title=_title(context.meta.subject, content) or _cut(said[0].text),
            abstract=_joined(_in_order(said, abstract)),
            phase=verdict.phase,
            phase_method="rules",
            confidence=verdict.confidence,
            key_points=tuple(sentence.text for sentence in _in_order(said, points)),
            decisions=cues.decisions(said),
            action_items=cues.action_items(said, _names(context.meta.participants)),
            evidence=verdict.evidence,
            matched_terms=verdict.matched_terms,
        )
        context.progress(1.0)
        return summary


def _best(content: Sequence[Sequence[str]]) -> list[int]:
    """Return the indices of the most important sentences, best first, without near duplicates."""
    from meeting_pipeline.adapters.llm.textrank import best  # loads numpy

    full = [place for place, found in enumerate(content) if len(set(found)) >= _FEWEST_WORDS]
    places = full or list(range(len(content)))
    chosen: list[int] = []
    for rank in best([content[place] for place in places], _CANDIDATES):
        place = places[rank]
        if not any(_alike(content[place], content[other]) for other in chosen):
            chosen.append(place)
    return chosen


def _alike(these: Iterable[str], those: Iterable[str]) -> bool:
    first, second = set(these), set(those)
    return len(first & second) > _TOO_ALIKE * len(first | second)


def _abstract(best: Sequence[Sentence]) -> list[Sentence]:
    """Return the best statement, and the next ones that fit within the limit together."""
    statements = [sentence for sentence in best if not sentence.is_question] or best
    chosen = list(statements[:1])
    for sentence in statements[1:]:
        if len(chosen) == _ABSTRACT_SENTENCES:
            break
        if _fits(_joined([*chosen, sentence])):
            chosen.append(sentence)
    return chosen


def _fits(text: str) -> bool:
    return len(text) <= (_ABSTRACT_CHINESE if sentences.is_chinese(text) else _ABSTRACT_LATIN)


def _in_order(said: Sequence[Sentence], chosen: Sequence[Sentence]) -> list[Sentence]:
    return sorted(chosen, key=said.index)


def _joined(chosen: Iterable[Sentence]) -> str:
    """Join sentences to one paragraph, adding full stops that speech recognition left out."""
    return " ".join(map(_stopped, chosen)).replace("。 ", "。")


def _stopped(sentence: Sentence) -> str:
    text = sentence.text.rstrip("，,、：: ")
    if text.endswith(tuple("。.！!？?；;…")):
        return text
    return text + ("。" if sentences.is_chinese(text) else ".")


def _title(subject: str, content: Iterable[Iterable[str]]) -> str:
    """Return the subject that a person gave, else the most frequent words."""
    counts = Counter(word for found in content for word in found)
    common = " · ".join(word for word, _ in counts.most_common(_TITLE_WORDS))
    return _cut(_given_subject(subject) or common)


def _cut(title: str) -> str:
    return title[:_LONGEST_TITLE].rstrip()


def _given_subject(subject: str) -> str:
    subject = " ".join(subject.split())
    return "" if _NAMELESS.fullmatch(subject) else subject


def _names(participants: Sequence[Participant] | None) -> list[str]:
    return list(dict.fromkeys(participant.name for participant in participants or ()))
