"""Rows 59 and 60 of the faults: a corpus of what models answer, and what we make of each."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meeting_pipeline.adapters.llm.reply import BadReply, Reply, read_reply
from meeting_pipeline.domain.enums import Phase

WHOLE: dict[str, Any] = {
    "title": "修改简历",
    "abstract": "看了简历的排版，约定下周三交修改稿。",
    "key_points": ["排版", '自我评价 {重写} "两遍"'],
    "decisions": [],
    "action_items": [{"what": "交修改稿", "who": "王小明", "by_when": "下周三之前"}],
    "student_notes": [{"student": "王小明", "note": "准备充分"}],
    "phase": "简历优化",
    "confidence": 0.9,
    "evidence": [{"quote": "我们先看简历的排版", "time": "00:05"}],
}
TEXT = json.dumps(WHOLE, ensure_ascii=False)


def changed(**values: Any) -> str:
    return json.dumps(WHOLE | values, ensure_ascii=False)


def without(name: str) -> str:
    return json.dumps({key: value for key, value in WHOLE.items() if key != name})


def with_raw(name: str, raw: str) -> str:
    """The field's value as these characters, which `json.dumps` would not write."""
    return without(name)[:-1] + f', "{name}": {raw}}}'


GOOD = {
    "plain": TEXT,
    "indented": json.dumps(WHOLE, indent=2, ensure_ascii=False),
    "escaped": json.dumps(WHOLE),
    "fence": f"```json\n{TEXT}\n```",
    "fence without a language": f"```\n{TEXT}\n```",
    "fence in capitals": f"```JSON\r\n{TEXT}\r\n```",
    "fence that never closes": f"```json\n{TEXT}",
    "talk before": f"好的，结果如下：\n{TEXT}",
    "talk after": f"{TEXT}\n希望对你有帮助！",
    "talk around a fence": f"好的：\n```json\n{TEXT}\n```\n还需要什么吗？",
    "an empty object after it": f"{TEXT}\n\n{{}}",
    "an empty object before it": f"格式为 {{}}：\n{TEXT}",
    "braces in the talk": f"按 {{title, phase}} 的格式：{TEXT}",
    "another object before it": f'{{"note": "先想一想"}}\n{TEXT}',
    "given twice": f"{TEXT}\n{TEXT}",
    "in a list": f"[{TEXT}]",
    "in an envelope": f'{{"result": {TEXT}}}',
    "thoughts before it": f'<think>{{"title": 1}} 看一遍</think>{TEXT}',
    "byte order mark": f"\ufeff{TEXT}",
    "spaces around": f"\n\n  {TEXT}  \n",
    "a line break within a string": TEXT.replace("修改简历", "修改\n简历"),
    "a tab within a string": TEXT.replace("修改简历", "修改\t简历"),
    "unknown fields": changed(mood="好", tools=[{"url": "http://x"}]),
    "duplicate key, the same": TEXT[:-1] + ', "phase": "简历优化"}',
    "duplicate key, the last counts": '{"title": "第一个", ' + TEXT[1:],
    "confidence as text": changed(confidence="0.9"),
    "confidence 0": changed(confidence=0),
    "confidence 1": changed(confidence=1),
    "phase with spaces": changed(phase=" 简历优化\n"),
    "nobody said who": changed(action_items=[{"what": "交", "who": None, "by_when": None}]),
    "time as seconds": changed(evidence=[{"quote": "排版", "time": 5}]),
    "nothing decided, noted or quoted": changed(
        decisions=[], student_notes=[], evidence=[], action_items=[], key_points=[]
    ),
}
DRAFT = changed(title="草稿标题", phase="其他", confidence=0.1)
THOUGHTS = {
    "think": ("<think>", "</think>"),
    "thinking": ("<thinking>", "</thinking>"),
    "thought": ("<thought>", "</thought>"),
    "triangles": ("◁think▷", "◁/think▷"),
    "capitals": ("<THINK>", "</Think>"),
    "spaces": ("< think >", "</ think >"),
    "an attribute": ('<think time="3">', "</think>"),
    "brackets": ("[THINK]", "[/THINK]"),
    "a name space": ("<seed:think>", "</seed:think>"),
    "control tokens": ("<|begin_of_thought|>", "<|end_of_thought|>"),
    "channels": ("<|channel|>analysis<|message|>", "<|end|><|channel|>final<|message|>"),
    "only the closing mark": ("", "</think>"),
    "only the closing triangle": ("", "◁/think▷"),
}
GOOD |= {
    f"a draft in thoughts by {name}": f"{opened}草稿：{DRAFT} 不对。{closed}\n{TEXT}"
    for name, (opened, closed) in THOUGHTS.items()
} | {
    "several thoughts": f"<think>{DRAFT}</think>{DRAFT}<thinking>{DRAFT}</thinking>{TEXT}",
    "thoughts within thoughts": f"<think>a<think>b</think>{DRAFT}</think>{TEXT}",
    "thoughts after it": f"{TEXT}<think>{DRAFT} 这样可以</think>",
    "a mark in a draft": f'<think>{{"title": "</think>"}} {DRAFT}</think>{TEXT}',
    "a draft that is cut": f"<think>{DRAFT[:40]}</think>{TEXT}",
    "a hundred braces in thoughts": f"<think>{'{a} ' * 100}</think>{TEXT}",
    "a field with thoughts": f'{{"thinking": {DRAFT}, "answer": {TEXT}}}',
    "two fences, the last is meant": f"```json\n{DRAFT}\n```\n改为：\n```json\n{TEXT}\n```",
    "two fences, the first is valid": f'```json\n{TEXT}\n```\n例如：\n```json\n{{"title":1}}\n```',
}
BAD = {
    "nothing": ("", "没有找到 JSON 对象"),
    "an apology": ("抱歉，我无法用 JSON 回答这个问题。", "没有找到 JSON 对象"),
    "a page": ("<html><body>502</body></html>", "没有找到 JSON 对象"),
    "a list of words": ('["简历优化"]', "没有找到 JSON 对象"),
    "a word": ('"简历优化"', "没有找到 JSON 对象"),
    "null": ("null", "没有找到 JSON 对象"),
    "cut in half": (TEXT[: len(TEXT) // 2], "没有找到 JSON 对象"),
    "an object of somebody else": ('{"category": "ignore"}', "没有找到 JSON 对象"),
    "single quotes": (TEXT.replace('"', "'"), "没有找到 JSON 对象"),
    "only thoughts": (f"<think>{TEXT}</think>", "没有找到 JSON 对象"),
    "a thought without an end": (f"<think>{DRAFT} 再想想", "没有找到 JSON 对象"),
    "triangles without an end": (f"◁think▷{DRAFT} 再想想", "没有找到 JSON 对象"),
    "several thoughts, the last without an end": (
        f"<think>{DRAFT}</think><Thinking>{DRAFT}",
        "没有找到 JSON 对象",
    ),
    "a draft before a closing mark": (f"{DRAFT}</think>", "没有找到 JSON 对象"),
    "a field with only thoughts": (f'{{"thinking": {DRAFT}}}', "没有找到 JSON 对象"),
    "a lone surrogate": (with_raw("title", '"简历\\ud83d"'), "title"),
    "an integer beyond limits": (with_raw("confidence", "1" * 5_000), "没有找到 JSON 对象"),
    "nested beyond reason": ('{"title":' * 5_000, "没有找到 JSON 对象"),
    "braces without end": ("{" * 1_000_000, "没有找到 JSON 对象"),
    "NaN": (with_raw("confidence", "NaN"), "confidence"),
    "infinity": (with_raw("confidence", "Infinity"), "confidence"),
    "a number beyond floats": (with_raw("confidence", "1e999"), "confidence"),
    "confidence above 1": (changed(confidence=90), "confidence"),
    "confidence below 0": (changed(confidence=-0.1), "confidence"),
    "confidence in words": (changed(confidence="高"), "confidence"),
    "phase outside the list": (changed(phase="不在列表中的阶段"), "phase 只能是：简历优化、"),
    "phase in English": (changed(phase="resume"), "phase 只能是"),
    "phase as a list": (changed(phase=["简历优化"]), "phase"),
    "phase as null": (changed(phase=None), "phase"),
    "two phases": (changed(phase="简历优化/面试模拟"), "phase 只能是"),
    "points as one string": (changed(key_points="排版"), "key_points"),
    "tasks as strings": (changed(action_items=["交修改稿"]), "action_items.0"),
    "an empty task": (changed(action_items=[{}]), "缺少字段 action_items.0.what"),
    "an empty title": (changed(title=" "), "title"),
    "a title of 3.5 million": (changed(title="长" * 3_500_000), "title"),
    "a thousand points": (changed(key_points=["点"] * 1_000), "key_points"),
    "evidence as strings": (changed(evidence=["我们先看简历的排版"]), "evidence.0"),
} | {f"without {name}": (without(name), f"缺少字段 {name}") for name in WHOLE}


def test_the_corpus_has_fifty_cases_and_more() -> None:
    assert len(GOOD) + len(BAD) > 50


@pytest.mark.parametrize("name", GOOD)
def test_a_reply_is_found_in(name: str) -> None:
    made = read_reply(GOOD[name])
    assert made.phase is Phase.RESUME
    assert made.title in {"修改简历", "修改\n简历", "修改\t简历"}


@pytest.mark.parametrize("name", BAD)
def test_no_reply_is_made_of(name: str) -> None:
    content, problem = BAD[name]
    with pytest.raises(BadReply) as bad:
        read_reply(content)
    assert any(one.startswith(problem) for one in bad.value.problems)


@pytest.mark.parametrize("opened, closed", THOUGHTS.values(), ids=THOUGHTS)
def test_a_reply_that_speaks_of_thoughts_stays_whole(opened: str, closed: str) -> None:
    title = f"讲解 {opened} 和 {closed} 的用法"
    assert read_reply(changed(title=title)).title == title
    assert read_reply(f"<think>{DRAFT}</think>{changed(title=title)}").title == title


def test_the_problems_are_few_short_and_say_nothing_of_what_was_answered() -> None:
    secret = "学员的身份证号" * 100
    with pytest.raises(BadReply) as bad:
        read_reply(changed(phase=secret, confidence=secret, key_points=[{secret: 1}] * 40))
    assert len(bad.value.problems) == 10
    assert "身份证" not in str(bad.value)
    assert "pydantic" not in str(bad.value)
    assert all(len(problem) < 120 for problem in bad.value.problems)


@given(st.text(max_size=200), st.text(max_size=200))
def test_talk_around_a_reply_does_not_matter(before: str, after: str) -> None:
    if not {*"{<＜[◁"} & {*before, *after}:
        assert read_reply(before + TEXT + after) == Reply.model_validate(WHOLE)


@given(st.text() | st.text(alphabet='{}[]":,\\ntiphase简'))
def test_no_text_breaks_the_reading(text: str) -> None:
    with pytest.raises(BadReply):
        read_reply(text)
