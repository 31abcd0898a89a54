"""A page on which nothing acts."""

import base64
import hashlib
import re
from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from meeting_pipeline.domain.display import strip_control_characters_by_line
from meeting_pipeline.reporting.html import html_pieces
from tests.support.exported import SHANGHAI, Page, exported, page

NOW = datetime(2026, 1, 31, 19, 0, tzinfo=UTC)

NASTY = st.text(st.sampled_from("<>&\"'=/!-?[]#;\x00\r\nap "), min_size=1) | st.text(min_size=1)
ATTACKS = (
    "<script>alert(1)</script>",
    "</p></article><img src=x onerror=alert(2)>",
    '" onmouseover="alert(3)',
    "<!-- -->",
    "<![CDATA[x]]>",
    "<?php x ?>",
    "&lt;b&gt; &amp; &#60;b&#62;",
    "</style></title></details>",
    "{count} {0}",
)


def drawn(text: str) -> Page:
    return page(html_pieces([exported(text)], SHANGHAI, NOW))


def test_it_reads_from_the_heading_to_the_transcript() -> None:
    lesson = exported("简历", transcript="[00:00] 王老师: 好")
    shown = page(html_pieces([lesson], SHANGHAI, NOW))
    assert shown.shown_in("h2") == ["#7 简历"]
    facts = dict(zip(shown.shown_in("dt"), shown.shown_in("dd"), strict=True))
    assert facts["开始 start"] == "2026-01-05 19:30 +08:00 · 2026-01-05 11:30 +00:00"
    assert (facts["时长 duration"], facts["辅导阶段 phase"]) == ("1:00:00", "简历优化")
    assert facts["录制 record"] == "tencent:18446744073709550001"
    summary, transcript, foot = shown.shown_in("p")
    assert (summary, transcript) == ("简历", "[00:00] 王老师: 好")
    assert foot.startswith("共 in all 1 · 导出 exported 2026-02-01T03:00:00+08:00\n")


def test_what_is_not_there_is_said_or_left_out() -> None:
    plainly = exported(student_ids=(), participants_known=False, duration_s=None, phase=None)
    bare = replace(plainly, students=(), summary=None, transcript=None)
    shown = page(html_pieces([bare], SHANGHAI, NOW))
    facts = dict(zip(shown.shown_in("dt"), shown.shown_in("dd"), strict=True))
    assert facts["学员 students"] == "参会人未知 unknown"
    assert {"时长 duration", "辅导阶段 phase"}.isdisjoint(facts)
    assert shown.shown_in("p")[0] == "还没有摘要 no summary yet"
    assert "details" not in [element for element, _ in shown.elements]


def test_without_recordings_it_is_a_page_all_the_same() -> None:
    shown = page(html_pieces([], SHANGHAI, NOW))
    assert shown.shown_in("h1") == ["会议录制 recordings"]
    assert shown.shown_in("p")[0].startswith("共 in all 0")


def test_security_12_the_page_runs_nothing_and_asks_nobody() -> None:
    text = "".join(html_pieces([exported()], SHANGHAI, NOW))
    elements = page([text]).elements
    assert not [name for name, _ in elements if name in ("script", "a", "img", "link", "iframe")]
    attributes = {name for _, pairs in elements for name, _ in pairs}
    assert attributes == {"lang", "charset", "http-equiv", "content", "name", "dir"}
    [policy] = [
        dict(pairs)["content"]
        for name, pairs in elements
        if dict(pairs).get("http-equiv") == "Content-Security-Policy"
    ]
    [style] = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy is not None
    rules = policy.split("; ")
    assert rules[:2] == ["default-src 'none'", f"style-src 'sha256-{digest}'"]
    assert "unsafe" not in policy


def shows_just(shown: Page, text: str) -> None:
    """No element, attribute, comment or text but those that a harmless lesson has."""
    harmless = drawn("好")
    assert shown.elements == harmless.elements
    assert shown.beside == harmless.beside == [" meeting export "]
    wanted = [(element, said.replace("好", text)) for element, said in harmless.texts]
    assert shown.texts == wanted


def test_security_12_no_attack_is_more_than_text() -> None:
    for attack in ATTACKS:
        shows_just(drawn(attack), attack)


@settings(max_examples=300, deadline=None)
@given(NASTY)
def test_security_12_a_page_shows_just_the_text(text: str) -> None:
    shows_just(drawn(text), strip_control_characters_by_line(text))
    "".join(html_pieces([exported(text)], SHANGHAI, NOW)).encode()
