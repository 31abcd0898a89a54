"""The page `summary.md` for people: front matter, summary and transcript as Markdown."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from meeting_pipeline.domain.audio_warnings import INCOMPLETE, decoded_part
from meeting_pipeline.domain.model import ActionItem, RecordMeta, Segment, Summary, Transcript

_CHINESE = MappingProxyType(
    {
        "incomplete": "录音已损坏，只有能解码的部分。",
        "part": "录音不完整：{} / {} 秒。",
        "rules": "摘要由规则从原文中选取，未使用语言模型。",
        "phase": "阶段",
        "confidence": "置信度",
        "key_points": "要点",
        "decisions": "决定",
        "action_items": "待办",
        "student_notes": "学生点评",
        "evidence": "阶段依据",
        "transcript": "逐字稿",
        "untitled": "未命名",
    }
)
_ENGLISH = MappingProxyType(
    {
        "incomplete": "The recording is damaged; this is only what could be decoded.",
        "part": "The recording is incomplete: {} of {} s.",
        "rules": "Rules selected these sentences from the transcript; no language model was used.",
        "phase": "Phase",
        "confidence": "confidence",
        "key_points": "Key points",
        "decisions": "Decisions",
        "action_items": "Action items",
        "student_notes": "Notes on students",
        "evidence": "Evidence for the phase",
        "transcript": "Transcript",
        "untitled": "Untitled",
    }
)

_UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]"
)
_MARKUP = re.compile(r"[\\`*_\[\]|~]")
_ENTITY = re.compile(r"&(?=#?\w+;)")
_BLOCK_START = re.compile(r"^(?:[#+=-]|\d+(?=[.)]))")


def render_markdown(meta: RecordMeta, transcript: Transcript, summary: Summary) -> str:
    """Return the page of one recording: front matter, summary, evidence and transcript.

    Titles, names and sentences are shown literally: nothing in them acts as Markdown, HTML or YAML.

    Args:
        meta: The recording.
        transcript: Its transcript; the language decides the language of the headings.
        summary: Its summary.
    """
    labels = _CHINESE if transcript.language.lower().startswith(("zh", "yue")) else _ENGLISH
    blocks = [
        _front_matter(meta, transcript, summary),
        f"# {_text(summary.title or meta.subject) or labels['untitled']}",
        *_damage(transcript.warnings, labels),
        *_opening(summary, labels),
        *_sections(summary, labels),
        *_section(labels["transcript"], map(_line, transcript.segments)),
    ]
    return "\n\n".join(blocks) + "\n"


def engine_name(summary: Summary) -> str:
    """Return what made a summary, and say so if it was not a language model."""
    if summary.engine == "extractive":
        return f"extractive / {summary.phase_method} (no language model)"
    return f"{summary.engine} / {summary.model}"


def _front_matter(meta: RecordMeta, transcript: Transcript, summary: Summary) -> str:
    fields: dict[str, object] = {
        "source": meta.key.source,
        "record_id": meta.key.record_id,
        "meeting_id": meta.meeting_id,
        "subject": meta.subject,
        "date": meta.start_ts.isoformat(),
        "duration_s": round(transcript.duration_s, 1),
        "teacher_id": meta.teacher_id,
        "phase": str(summary.phase),
        "confidence": summary.confidence,
        "engine": engine_name(summary),
        "prompt": summary.prompt or None,
        "transcribed_by": f"{transcript.engine} / {transcript.model}",
        "language": transcript.language,
        "coverage": transcript.coverage,
        "warnings": list(transcript.warnings) or None,
    }
    known = (f"{name}: {_json(value)}" for name, value in fields.items() if value is not None)
    return "\n".join(["---", *known, "---"])


def _damage(warnings: Sequence[str], labels: Mapping[str, str]) -> Iterator[str]:
    """Yield that the recording is incomplete, and how much of it there is if that is known."""
    if INCOMPLETE not in warnings:
        return
    part = decoded_part(warnings)
    amount = f" {labels['part'].format(*part)}" if part else ""
    yield f"> ⚠ {labels['incomplete']}{amount}"


def _opening(summary: Summary, labels: Mapping[str, str]) -> Iterator[str]:
    """Yield the phase with its confidence, how the summary was made, and the abstract."""
    yield (
        f"**{labels['phase']}: {summary.phase}** "
        f"({labels['confidence']} {summary.confidence:.2f}, {_text(summary.phase_method)})"
    )
    if summary.engine == "extractive":
        yield f"> {labels['rules']}"
    if summary.abstract.strip():
        yield _text(summary.abstract)


def _sections(summary: Summary, labels: Mapping[str, str]) -> Iterator[str]:
    notes = (f"{_text(note.student)}: {_text(note.note)}" for note in summary.student_notes)
    quotes = (_timed(quote.start_s) + _text(quote.quote) for quote in summary.evidence)
    yield from _section(labels["key_points"], map(_text, summary.key_points))
    yield from _section(labels["decisions"], map(_text, summary.decisions))
    yield from _section(labels["action_items"], map(_action, summary.action_items))
    yield from _section(labels["student_notes"], notes)
    yield from _section(labels["evidence"], quotes)


def _section(heading: str, lines: Iterable[str]) -> Iterator[str]:
    """Yield a heading and its list, or nothing if the list is empty."""
    items = [f"- {line}" for line in lines if line]
    if items:
        yield f"## {heading}"
        yield "\n".join(items)


def _action(item: ActionItem) -> str:
    about = ", ".join(_text(part) for part in (item.who, item.due) if part.strip())
    return f"{_text(item.what)} ({about})" if about else _text(item.what)


def _line(segment: Segment) -> str:
    who = f"{_text(segment.speaker)}: " if segment.speaker else ""
    return _timed(segment.start_s) + who + _text(segment.text)


def _timed(start_s: float | None) -> str:
    if start_s is None:
        return ""
    minutes, seconds = divmod(int(start_s), 60)
    return f"[{minutes:02d}:{seconds:02d}] "


def _text(text: str) -> str:
    """Return the text as one line in which no character acts as markup."""
    line = " ".join(_UNPRINTABLE.sub(" ", text).split())
    line = _MARKUP.sub(r"\\\g<0>", line)
    line = _ENTITY.sub("&amp;", line).replace("<", "&lt;").replace(">", "&gt;")
    return _BLOCK_START.sub(_escaped_start, line)


def _escaped_start(match: re.Match[str]) -> str:
    start = match.group()
    return f"{start}\\" if start.isdigit() else f"\\{start}"


def _json(value: object) -> str:
    """Return JSON that is YAML, too: characters that YAML does not allow are escaped."""
    text = json.dumps(value, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match.group()):04x}", text)
