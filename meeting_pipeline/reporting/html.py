"""Recordings as one page for people: it needs nothing else, runs nothing and asks nobody."""

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from html import escape
from typing import Any

from meeting_pipeline.domain.display import strip_control_characters_by_line

OPENING = "<!doctype html>\n<!-- meeting export -->\n"

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
<h1>会议录制 recordings</h1>
"""
_FOOT = """<footer>
<p>{count}
此文件由你保管：meeting erase 与 meeting cleanup 不会删除它。
This file is yours: `meeting erase` and `meeting cleanup` do not reach it.</p>
</footer>
</body>
</html>
"""


def html_pieces(recordings: Iterable[Mapping[str, Any]], exported_at: str) -> Iterator[str]:
    """One page with an article for each of `documents.exported_document`.

    Texts are shown as they are, but for signs that steer; nothing in them acts. exported_at: the
    moment, as text.
    """
    yield OPENING + _HEAD
    count = 0
    for recording in recordings:
        count += 1
        yield _article(recording)
    yield _FOOT.format(count=_text(f"共 in all {count} · 导出 exported {exported_at}"))


def _article(recording: Mapping[str, Any]) -> str:
    heading = f"#{recording['id']} {recording['subject'] or recording['record_id']}"
    blocks = [
        "<article>",
        f'<h2 dir="auto">{_text(heading)}</h2>',
        "<dl>",
        *(_fact(label, value) for label, value in _facts(recording) if value),
        "</dl>",
        *_texts(recording),
        "</article>\n",
    ]
    return "\n".join(blocks)


def _facts(recording: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    students = recording["students"] or recording["student_ids"]
    unknown = "" if recording["participants_known"] else "参会人未知 unknown"
    reason = recording["skip_reason"]
    yield "开始 start", f"{_moment(recording['start_ts'])} · {_moment(recording['start_utc'])}"
    yield "时长 duration", _clock(recording["duration_s"])
    yield "老师 teacher", ", ".join(recording["teachers"]) or recording["teacher_id"] or ""
    yield "学员 students", ", ".join(students) or unknown
    yield "阶段 phase", recording["phase"] or ""
    yield "状态 status", recording["status"] + (f" ({reason})" if reason else "")
    yield "会议 meeting", recording["meeting_code"] or ""
    yield "录制 record", f"{recording['source']}:{recording['record_id']}"


def _fact(label: str, value: str) -> str:
    return f'<dt>{label}</dt><dd dir="auto">{_text(value)}</dd>'


def _texts(recording: Mapping[str, Any]) -> Iterator[str]:
    yield "<h3>总结 summary</h3>"
    yield f'<p dir="auto">{_text(recording["summary"] or "还没有总结 no summary yet")}</p>'
    if transcript := recording.get("transcript"):
        yield "<details><summary>转写 transcript</summary>"
        yield f'<p dir="auto">{_text(transcript)}</p></details>'


def _moment(moment: str) -> str:
    """2026-01-05 19:30 +08:00."""
    return f"{moment[:16].replace('T', ' ')} {moment[19:]}"


def _clock(seconds: float | None) -> str:
    return "" if seconds is None else str(timedelta(seconds=round(seconds)))


def _text(text: str) -> str:
    return escape(strip_control_characters_by_line(text))
