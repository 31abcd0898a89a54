"""Why a table of students is empty, in words."""

from collections.abc import Mapping
from difflib import get_close_matches

from meeting_pipeline.domain.views import StatisticsBasis

_ALIKE = 0.4  # two Chinese names of which one sign is the same are half alike
_MOST = 3


def why_no_students(basis: StatisticsBasis, teachers: int) -> str:
    """Return why there are no statistics, and what to do.

    Args:
        basis: What there is to count.
        teachers: How many names TEACHER_WHITELIST has.
    """
    if not basis.recordings:
        return "还没有录制 no recordings yet: meeting run --since 7d"
    if not basis.done:
        reasons = ", ".join(f"{reason} {count}" for reason, count in basis.skipped.items())
        skipped = f"; 跳过 skipped: {reasons}" if reasons else ""
        count = f"{basis.recordings} 段录制 recordings"
        return f"{count}, 都没有完成 none is done{skipped} → meeting status, meeting why ID"
    if not basis.participants_known:
        return (
            "来源没有给出参会人 the source tells no participants → 文件夹: 同名 .json "
            "(docs/folder.md: a file NAME.json beside the recording); 腾讯 Tencent: meeting doctor"
        )
    if not basis.students:
        listed = f"主持人和 hosts, TEACHER_WHITELIST ({teachers})"
        return f"参会人都是老师 everyone who attended is a teacher: {listed}"
    return (
        "已完成的录制里没有学员 no student attended a recording that is done "
        "→ meeting status; meeting stats --rebuild 重算 recomputes"
    )


def no_such_student(student: str, known: Mapping[str, str]) -> str:
    """Return that a student has no statistics, and which names are near.

    Args:
        student: The id or name that was asked for.
        known: The name of every student who attended, by id.
    """
    said = f"没有学员 no student {student}"
    if student in known or student in known.values():
        return (
            f"{said} 的已完成录制 in a recording that is done: meeting status --student {student}"
        )
    words = {word: person for person, name in known.items() for word in (person, name) if word}
    near = dict.fromkeys(words[word] for word in get_close_matches(student, words, 10, _ALIKE))
    if not near:
        return f"{said} → meeting stats 列出全部 lists all of them"
    shown = ", ".join(f"{person} {known[person]}".strip() for person in list(near)[:_MOST])
    return f"{said}; 相近的有 near to it: {shown}"
