"""The README's first command: a real night with real speech, nothing faked."""

import json
import sqlite3
from pathlib import Path

from tests.support.command import meeting


def test_the_demo_ends_with_recordings_done_one_skipped_and_one_failed(tmp_path: Path) -> None:
    ended = meeting("demo", env={"DATA_DIR": str(tmp_path / "data")})

    assert ended.code == 0, ended.err
    assert "完成 done 4 + 失败 failed 1 + 跳过 skipped 1 + 推迟 deferred 0" in ended.out
    assert "退出码 exit code 4" in ended.out
    assert "silent" in ended.out
    assert "truncated_media" in ended.out
    assert "extractive" in ended.out
    rows = sqlite3.connect(tmp_path / "data" / "demo" / "meeting.db")
    phases = rows.execute("SELECT phase FROM recordings WHERE status = 'done' ORDER BY start_ts")
    assert [phase for (phase,) in phases] == ["简历优化", "面试模拟", "项目深挖", "面试模拟"]
    students = rows.execute("SELECT student_id, record_cnt FROM student_stats ORDER BY student_id")
    assert students.fetchall() == [("stu_chen", 2), ("stu_wang", 2)]
    ids = rows.execute("SELECT meeting_id FROM recordings").fetchall()
    assert all(isinstance(number, str) for (number,) in ids)
    [summary] = rows.execute("SELECT body FROM summaries LIMIT 1").fetchone()
    assert json.loads(summary)["phase"] in {"简历优化", "面试模拟", "项目深挖"}
