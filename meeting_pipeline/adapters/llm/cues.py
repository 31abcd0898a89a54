"""Rules that find action items and decisions by the words that are typical for them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from meeting_pipeline.adapters.llm.sentences import Sentence
from meeting_pipeline.domain.model import ActionItem

_MOST_ITEMS = 12
_MOST_DECISIONS = 8
_ANSWERED_WITHIN = 8
"""The most sentences between a request and the promise that answers it."""

_DAY = (
    r"(?:(?<!上)(?:下下|下|这|本)?个?(?:周|星期|礼拜)[一二三四五六日天末]|(?:下|这|本)个?(?:周|星期|礼拜|月)"
    r"|明天|后天|今晚|明晚|周末|月底|年底|[\d一二三四五六七八九十]+月[\d一二三四五六七八九十]+[号日]"
    r"|[\d一二三四五六七八九十]+号)"
)
_CLOCK = r"(?:早上|上午|中午|下午|晚上)?(?:[\d一二三四五六七八九十两]+点半?)?"
_WEEKDAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_DUE = re.compile(
    rf"{_DAY}{_CLOCK}(?:之前|以前|前)?|下(?:次|节)(?:课|见面|上课|辅导|面试)?(?:之前|以前|前)"
    r"|[\d一二三四五六七八九十两]+(?:天|周|个?小时|个星期)之?内"
    rf"|\b(?:(?:by|before|until|on)\s+)?(?:the\s+end\s+of\s+)?(?:this\s+|next\s+)?{_WEEKDAY}"
    r"(?:\s+(?:morning|afternoon|evening|night))?\b"
    r"|\b(?:(?:by|before|until)\s+)?(?:the\s+end\s+of\s+)?"
    r"(?:tomorrow(?:\s+(?:morning|evening|night))?|tonight|(?:this|next|the)\s+(?:week(?:end)?|month))\b"
    r"|\bwithin\s+\w+\s+(?:days|weeks|hours)\b",
    re.IGNORECASE,
)
_DEADLINE = re.compile(r"(?:前|内)$|^(?:by|before|until|within)\b", re.IGNORECASE)
_REQUEST = re.compile(
    r"记得|别忘|不要忘|务必|回去(?:以后|之后|后)?[，,]?\s*(?:请|把|再|要|你|先)"
    r"|发(?:送)?给?(?:我|您)|发给老师|交给(?:我|您)|(?:待办|作业|任务)(?:是|就是|有|：|:)"
    r"|\bplease\s+(?:send|submit|prepare|revise|update|practi[cs]e|rewrite|finish|complete|review|upload)"
    r"|\bsend\s+(?:(?:it|them|this|that)\s+to\s+)?(?:me|you)\b|\bremember\s+to\b|\bdon['’]?t\s+forget\b"
    r"|\bmake\s+sure\s+(?:to|you)\b|\b(?:homework|action\s+item|to-?do)s?\s*(?:is|are|:)",
    re.IGNORECASE,
)
_PROMISE = re.compile(
    r"我[^，,。给]{0,12}(?:发给?您|发给老师|交给您|改完|做完|整理好)|我(?:会|来|回去)"
    r"|\bI(?:['’]ll|\s+will)\s+(?:send|submit|e?mail|finish|update|revise|rewrite|prepare|practi[cs]e)",
    re.IGNORECASE,
)
_TASK = re.compile(
    r"改|写|做|整理|准备|完成|练|复习|背|画|提交|交|发|更新|填|签|联系|看完|投"
    r"|\b(?:send|submit|prepare|finish|update|revise|rewrite|practi[cs]e|review|write|apply|complete)\b",
    re.IGNORECASE,
)
_DIRECTIVE = re.compile(
    r"把|请|要|再|\b(?:need|have|should|let['’]?s|will)\b|['’]ll\b", re.IGNORECASE
)
_DECISION = re.compile(
    r"(?<!取)(?<!没)(?<!么)(?<!何)(?<!没有)决定(?!因素|性|于)|就这么定|那就(?:这样|这么|定|选|用|按)|定下来"
    r"|说好了|说定了|最终选|最后选|达成一致|一致同意|确定(?:用|选|走|投|去)"
    r"|\bwe(?:['’]ve|\s+have)?\s+(?:decided|agreed)\b|\blet['’]?s\s+go\s+with\b|\bwe['’]?(?:ll|\s+will)\s+go\s+with\b"
    r"|\bthe\s+decision\s+is\b|\bI(?:['’]ve|\s+have)?\s+decided\b|\bagreed\s+to\b",
    re.IGNORECASE,
)
_ORDINAL = re.compile(r"^(?:第[一二三四五六七八九十][，,、：:]?|[，,\s]|然后|最后|其次|首先)+")
_TRAILING = "。.，,;；!！ "


@dataclass(frozen=True)
class _Found:
    place: int
    item: ActionItem


def action_items(
    sentences: Sequence[Sentence], names: Sequence[str] = ()
) -> tuple[ActionItem, ...]:
    """Return at most 12 action items in the order said, preferring those with a due date.

    A promise that answers a request for the same day is not a second item: it names the person.

    Args:
        sentences: The transcript.
        names: The names of people who may be mentioned in a sentence.
    """
    speakers = {sentence.speaker for sentence in sentences if sentence.speaker}
    found: list[_Found] = []
    for place, sentence in enumerate(sentences):
        due = _due(sentence.text)
        if not _is_task(sentence, due):
            continue
        who = _who(sentence, speakers, names)
        if _PROMISE.search(sentence.text) and _answered(found, place, due, who):
            continue
        found.append(_Found(place, ActionItem(_what(sentence.text), who, due)))
    kept = sorted(found, key=lambda each: (not each.item.due, each.place))[:_MOST_ITEMS]
    return tuple(each.item for each in sorted(kept, key=lambda each: each.place))


def decisions(sentences: Sequence[Sentence]) -> tuple[str, ...]:
    """Return at most 8 distinct sentences that state a decision, in the order said."""
    said = (s.text for s in sentences if not s.is_question and _DECISION.search(s.text))
    return tuple(dict.fromkeys(said))[:_MOST_DECISIONS]


def _is_task(sentence: Sentence, due: str) -> bool:
    text = sentence.text
    if sentence.is_question:
        return False
    if _REQUEST.search(text):
        return True
    if not (due and _TASK.search(text)):
        return False
    return bool(_DEADLINE.search(due) or _DIRECTIVE.search(text) or _PROMISE.search(text))


def _due(text: str) -> str:
    """Return the first deadline in the text, else its first date, else ""."""
    days = [match.group() for match in _DUE.finditer(text)]
    return next((day for day in days if _DEADLINE.search(day)), days[0] if days else "")


def _who(sentence: Sentence, speakers: set[str], names: Sequence[str]) -> str:
    """Return the name in the sentence, the speaker of a promise, or the listener of a request."""
    named = [name for name in names if name and name in sentence.text]
    if named:
        return named[0]
    if sentence.speaker is None:
        return ""
    if _PROMISE.search(sentence.text):
        return sentence.speaker
    others = speakers - {sentence.speaker}
    return others.pop() if len(others) == 1 else ""


def _answered(found: list[_Found], place: int, due: str, who: str) -> bool:
    """Return whether this promise answers a recent request, and record who made it there."""
    for index in range(len(found) - 1, -1, -1):
        request = found[index]
        if place - request.place > _ANSWERED_WITHIN:
            return False
        if due and request.item.due == due:
            found[index] = replace(request, item=replace(request.item, who=who or request.item.who))
            return True
    return False


def _what(text: str) -> str:
    return _ORDINAL.sub("", text).strip(_TRAILING) or text
