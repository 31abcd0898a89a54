"""Recordings as one HTML page that loads nothing, runs no script and sends nothing."""

import base64
import hashlib
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from html import escape
from zoneinfo import ZoneInfo

from meeting_pipeline.domain.display import strip_control_characters_by_line
from meeting_pipeline.domain.views import ExportedRecording
from meeting_pipeline.reporting.times import iso, to_minute

OPENING = "<!doctype html>\n<!-- meeting export -->\n"

HEADING = "<h1>会议录制 recordings</h1>\n".encode()
"""The line after which the articles begin."""

_UTC = ZoneInfo("UTC")
_STYLE = """
:root { color-scheme: light dark; font: 16px/1.6 system-ui, sans-serif }
body { max-width: 46rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere }
article { border-top: 1px solid #8888; padding: .5rem 0 1rem }
h1 { font-size: 1.4rem } h2 { font-size: 1.15rem; margin: .5rem 0 } h3 { font-size: 1rem }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: 0 }
dt { opacity: .7 } dd { margin: 0 }
p { white-space: pre-wrap; margin: .5rem 0 }
@media (max-width: 30rem) { dl { display: block } dd { margin: 0 0 .3rem } }
"""
_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'"
_HEAD = f"""<html lang="zh">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>会议录制 recordings</title>
<style>{_STYLE}</style>
</head>
<body>
{HEADING.decode()}"""
_FOOT = """<footer>
<p>{count}
此文件由你保管：meeting erase 与 meeting cleanup 不会删除它。
This file is yours: `meeting erase` and `meeting cleanup` do not reach it.</p>
</footer>
</body>
</html>
"""
_FOOT_BEGINS, _FOOT_ENDS = _FOOT.split("{count}")


def html_pieces(
    recordings: Iterable[ExportedRecording], zone: ZoneInfo, exported_at: datetime
) -> Iterator[str]:
    """Yield one page with an article for each recording.

    Texts are shown as they are, except for control characters; nothing in them acts.

    Args:
        recordings: The recordings, read one by one.
        zone: The configured time zone; starts are shown in UTC, too.
        exported_at: The aware time that the page names as its own.
    """
    yield OPENING + _HEAD
    count = 0
    for recording in recordings:
        count += 1
        yield _article(recording, zone)
    foot = f"共 in all {count} · 导出 exported {iso(exported_at, zone)}"
    yield _FOOT.format(count=_text(foot))


def is_foot(text: str, count: int) -> bool:
    """Return whether a text is what a page ends with after its articles.

    Args:
        text: All that follows the last article.
        count: The number of articles.
    """
    said = text.removeprefix(_FOOT_BEGINS).removesuffix(_FOOT_ENDS)
    is_framed = len(text) == len(_FOOT_BEGINS) + len(said) + len(_FOOT_ENDS)
    return is_framed and said.startswith(f"共 in all {count} · ") and "\n" not in said


def _article(exported: ExportedRecording, zone: ZoneInfo) -> str:
    recording = exported.recording
    heading = f"#{recording.id} {recording.subject or recording.record_id}"
    blocks = [
        "<article>",
        f'<h2 dir="auto">{_text(heading)}</h2>',
        "<dl>",
        *(_fact(label, value) for label, value in _facts(exported, zone) if value),
        "</dl>",
        *_texts(exported),
        "</article>\n",
    ]
    return "\n".join(blocks)


def _facts(exported: ExportedRecording, zone: ZoneInfo) -> Iterator[tuple[str, str]]:
    recording = exported.recording
    students = exported.students or recording.student_ids
    unknown = "" if recording.participants_known else "参会人未知 unknown"
    reason = f" ({recording.remark})" if recording.remark else ""
    yield "开始 start", f"{_moment(recording.start_ts, zone)} · {_moment(recording.start_ts, _UTC)}"
    yield "时长 duration", _clock(recording.duration_s)
    yield "老师 teacher", ", ".join(exported.teachers) or recording.teacher_id or ""
    yield "学员 students", ", ".join(students) or unknown
    yield "辅导阶段 phase", recording.phase or ""
    yield "状态 status", recording.status + reason
    yield "会议 meeting", recording.meeting_code or ""
    yield "录制 record", f"{recording.source}:{recording.record_id}"


def _fact(label: str, value: str) -> str:
    return f'<dt>{label}</dt><dd dir="auto">{_text(value)}</dd>'


def _texts(exported: ExportedRecording) -> Iterator[str]:
    yield "<h3>摘要 summary</h3>"
    yield f'<p dir="auto">{_text(exported.summary or "还没有摘要 no summary yet")}</p>'
    if exported.transcript:
        yield "<details><summary>转写 transcript</summary>"
        yield f'<p dir="auto">{_text(exported.transcript)}</p></details>'


def _moment(moment: datetime, zone: ZoneInfo) -> str:
    """Return "2026-01-05 19:30 +08:00"."""
    return f"{to_minute(moment, zone)} {iso(moment, zone)[19:]}"


def _clock(seconds: float | None) -> str:
    return "" if seconds is None else str(timedelta(seconds=round(seconds)))


def _text(text: str) -> str:
    return escape(strip_control_characters_by_line(text))
