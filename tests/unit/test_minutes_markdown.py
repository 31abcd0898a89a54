import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meeting_pipeline.domain.enums import Phase
from meeting_pipeline.domain.minutes_markdown import render_markdown
from meeting_pipeline.domain.model import (
    ActionItem,
    Evidence,
    RecordKey,
    RecordMeta,
    Segment,
    StudentNote,
    Summary,
)
from tests.support.transcripts import transcript

META = RecordMeta(
    key=RecordKey("tencent", "17500000000000000001"),
    start_ts=datetime(2026, 1, 5, 11, 30, tzinfo=UTC),
    subject="小明 简历修改",
    meeting_id="12345678901234567890",
    teacher_id="teacher.zhang",
)
TRANSCRIPT = transcript(["老师: 修改你的简历", "学生: 好的"])
SUMMARY = Summary(
    engine="extractive",
    model="textrank",
    title="小明 简历修改",
    abstract="修改你的简历。",
    phase=Phase.RESUME,
    phase_method="rules",
    confidence=0.76,
    key_points=("排版", "量化"),
    decisions=("那就用一页",),
    action_items=(ActionItem("发第二版", "学生", "下周三之前"), ActionItem("改排版")),
    student_notes=(StudentNote("小明", "进步很大"),),
    evidence=(Evidence("修改你的简历", 3725.4), Evidence("排版")),
)


def render(summary: Summary = SUMMARY, *, subject: str = META.subject) -> str:
    return render_markdown(replace(META, subject=subject), TRANSCRIPT, summary)


def front_matter(document: str) -> dict[str, object]:
    lines = document.split("---\n")[1].splitlines()
    return {line.split(": ", 1)[0]: json.loads(line.split(": ", 1)[1]) for line in lines}


def body(document: str) -> str:
    return document.split("\n---\n", 1)[1]


def test_the_front_matter_keeps_ids_as_text_and_names_the_engine_honestly() -> None:
    fields = front_matter(render())
    assert fields["record_id"] == "17500000000000000001"
    assert fields["meeting_id"] == "12345678901234567890"
    assert fields["subject"] == "小明 简历修改"
    assert fields["date"] == "2026-01-05T11:30:00+00:00"
    assert fields["phase"] == "简历优化"
    assert fields["confidence"] == 0.76
    assert fields["engine"] == "extractive / rules (no language model)"


def test_what_is_not_known_is_left_out() -> None:
    assert {"prompt", "coverage", "warnings"}.isdisjoint(front_matter(render()))


def test_a_language_model_is_named_with_its_prompt() -> None:
    summary = replace(SUMMARY, engine="kimi", model="kimi-k2.6", prompt="coaching v3")
    fields = front_matter(render(summary))
    assert (fields["engine"], fields["prompt"]) == ("kimi / kimi-k2.6", "coaching v3")
    assert "没有使用语言模型" not in render(summary)


def test_the_body_reads_from_the_title_to_the_transcript() -> None:
    assert body(render()) == (
        "\n# 小明 简历修改\n\n"
        "**阶段: 简历优化** (置信度 0.76, rules)\n\n"
        "> 摘要由规则从原文中选取，未使用语言模型。\n\n"
        "修改你的简历。\n\n"
        "## 要点\n\n- 排版\n- 量化\n\n"
        "## 决定\n\n- 那就用一页\n\n"
        "## 待办\n\n- 发第二版 (学生, 下周三之前)\n- 改排版\n\n"
        "## 学生点评\n\n- 小明: 进步很大\n\n"
        "## 阶段依据\n\n- [62:05] 修改你的简历\n- 排版\n\n"
        "## 逐字稿\n\n- [00:00] 老师: 修改你的简历\n- [00:05] 学生: 好的\n"
    )


def test_an_english_transcript_has_english_headings_and_empty_parts_none() -> None:
    spoken = replace(TRANSCRIPT, language="en")
    summary = replace(SUMMARY, decisions=(), action_items=(), student_notes=(), evidence=())
    document = render_markdown(META, spoken, summary)
    assert "no language model was used" in document
    assert "## Key points" in document
    assert "## Decisions" not in document
    assert "决定" not in document


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("[click](javascript:x)", "\\[click\\](javascript:x)"),
        ("a\n# heading", "a # heading"),
        ("# heading", "\\# heading"),
        ("- item", "\\- item"),
        ("1. one", "1\\. one"),
        ("> quote", "&gt; quote"),
        ("*bold* _it_ `code` ~~no~~ |cell|", r"\*bold\* \_it\_ \`code\` \~\~no\~\~ \|cell\|"),
        ("&lt;b&gt; R&D", "&amp;lt;b&amp;gt; R&D"),
        ("back\\slash", "back\\\\slash"),
        ("\u202ereversed\x07\ud800", "reversed"),
    ],
)
def test_security_12_no_text_acts_as_markdown_or_html(said: str, shown: str) -> None:
    document = render(replace(SUMMARY, key_points=(said,)))
    assert f"## 要点\n\n- {shown}\n" in document


def test_security_12_a_subject_cannot_end_or_extend_the_front_matter() -> None:
    document = render(subject='x"\n---\nphase: "其他"\u2028---')
    assert document.count("\n---\n") == 1
    assert front_matter(document)["phase"] == "简历优化"
    assert front_matter(document)["subject"] == 'x"\n---\nphase: "其他"\u2028---'


def test_an_untitled_summary_still_has_a_heading() -> None:
    assert "\n# 未命名\n" in render(replace(SUMMARY, title=" \n"), subject="")


@given(st.text(), st.text(), st.text())
@settings(max_examples=50, deadline=None)
def test_security_12_whatever_was_said_the_document_keeps_its_shape(
    subject: str, said: str, who: str
) -> None:
    spoken = replace(TRANSCRIPT, segments=(Segment(1.0, 2.0, said, who), Segment(3.0, 4.0, "好")))
    summary = replace(SUMMARY, title=said, abstract=said, key_points=(said, "好"), phase_method=who)
    document = render_markdown(replace(META, subject=subject), spoken, summary)
    plain = body(render())
    document.encode()
    assert front_matter(document)["subject"] == subject
    assert document.count("\n## ") == plain.count("\n## ")
    assert body(document).count("\n- ") in (plain.count("\n- "), plain.count("\n- ") - 1)
    assert "<" not in body(document)
