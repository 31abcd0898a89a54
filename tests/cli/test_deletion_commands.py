"""cleanup, erase and db backup as people and scripts meet them."""

import fcntl
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from meeting_pipeline.adapters.db.database import Database
from meeting_pipeline.domain.model import Participant, RecordKey, RecordMeta
from meeting_pipeline.domain.stages import StageName
from meeting_pipeline.storage.files import RecordFolder
from tests.support.command import meeting
from tests.support.rows import SETTINGS, minutes

FILES = {
    StageName.DOWNLOAD: "recording.m4a",
    StageName.EXTRACT: "audio.flac",
    StageName.TRANSCRIBE: "transcript.json",
    StageName.SUMMARIZE: "summary.json",
    StageName.STORE: "summary.md",
}
KEY = RecordKey("folder", "a" * 64)
SAID = minutes().transcript.segments[-1].text.encode()
STORED = datetime.now(UTC) - timedelta(days=20)


@pytest.fixture
def office(tmp_path: Path) -> dict[str, str]:
    """The settings of an installation with one lesson, stored twenty days ago."""
    data = tmp_path / "data"
    (tmp_path / "录制").mkdir()
    rows = Database(f"sqlite:///{data / 'meeting.db'}", ["王老师"], lambda: STORED)
    rows.make_ready()
    people = (Participant("id_wang", "王老师"), Participant("stu_1", "李雷"))
    listed = RecordMeta(KEY, STORED, "李雷的课", duration_s=3600.0, participants=people)
    rows.recordings.upsert([listed])
    folder = RecordFolder(data / "recordings", KEY)
    for stage, name in FILES.items():
        rows.recordings.begin_stage(1, stage, SETTINGS)
        artifact = folder.write(name, b"what 0123456789 was said by \xe6\x9d\x8e\xe9\x9b\xb7")
        rows.recordings.end_stage(1, stage, artifact)
    rows.recordings.save(1, minutes())
    rows.recordings.finish(1, SETTINGS)
    rows.stats.refresh()
    rows.close()
    return {
        "MEETING_SOURCE": "folder",
        "MEETING_FOLDER": str(tmp_path / "录制"),
        "DATA_DIR": str(data),
    }


def names(office: dict[str, str]) -> list[str]:
    folder = RecordFolder(Path(office["DATA_DIR"]) / "recordings", KEY).path
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def test_cleanup_removes_what_the_settings_no_longer_keep(office: dict[str, str]) -> None:
    plan = meeting("cleanup", "--dry-run", "--json", env=office)
    assert (plan.code, len(names(office))) == (0, 5), plan.err

    done = meeting("cleanup", "--json", env=office)

    assert done.document["removed"] == plan.document["removed"]
    assert [one["kind"] for one in done.document["removed"]] == ["media", "audio"]
    assert names(office) == ["summary.json", "summary.md", "transcript.json"]
    assert meeting("cleanup", "--json", env=office).document["removed"] == []


def test_cleanup_takes_one_kind_and_an_age(office: dict[str, str]) -> None:
    nothing = meeting("cleanup", "--older-than", "30d", "--json", env=office)
    assert nothing.document["removed"] == []

    audio = meeting("cleanup", "--older-than", "10d", "--audio", env=office)

    assert "audio.flac" in audio.out
    assert (audio.code, "recording.m4a" in names(office)) == (0, True)
    assert meeting("cleanup", "--older-than", "soon", env=office).code == 2


def test_transcripts_go_only_when_they_and_an_age_are_named(office: dict[str, str]) -> None:
    unaged = meeting("cleanup", "--texts", "--json", env=office)
    assert (unaged.code, unaged.document["error"]["code"]) == (2, "no_age")
    young = meeting("cleanup", "--texts", "--older-than", "30d", "--json", env=office)
    assert (young.code, young.document["removed"]) == (0, [])
    assert meeting("cleanup", "--older-than", "0d", env=office).code == 0
    assert names(office) == ["summary.json", "summary.md", "transcript.json"]
    age = ("--texts", "--older-than", "10d", "--json")
    plan = meeting("cleanup", "--dry-run", *age, env=office).document
    assert "transcript.json" in names(office)
    database = Path(office["DATA_DIR"]) / "meeting.db"
    assert SAID in database.read_bytes()

    done = meeting("cleanup", *age, env=office)

    assert done.code == 0, done.err
    [gone] = done.document["removed"]
    assert (gone["id"], gone["kind"], gone["file"]) == ("1", "texts", "transcript.json")
    assert (plan["removed"], plan["dry_run"]) == ([gone], True)
    assert meeting("cleanup", *age, env=office).document["removed"] == []
    assert names(office) == ["summary.json", "summary.md"]
    assert SAID not in database.read_bytes()


def test_after_that_show_and_why_say_that_it_was_us_and_what_is_left_is_whole(
    office: dict[str, str],
) -> None:
    before = meeting("show", "1", "--json", env=office).document
    meeting("cleanup", "--texts", "--media", "--audio", "--older-than", "10d", env=office)

    after = meeting("show", "1", "--json", env=office).document
    assert after["transcript"] == {**before["transcript"], "segments": []}
    assert (after["status"], after["skip_reason"]) == ("done", "texts_removed")
    assert {key: after[key] for key in ("summary", "phase", "attendance")} == {
        key: before[key] for key in ("summary", "phase", "attendance")
    }
    shown = meeting("show", "1", env=office).out
    assert "转写文本 transcript: 已到期删除 removed by retention" in shown
    why = meeting("why", "1", "--json", env=office).document
    assert "its transcript was removed" in why["next"]
    stats = meeting("stats", "--verify", "--json", env=office).document
    assert (stats["differences"], len(stats["students"])) == (0, 1)
    checks = meeting("doctor", "--json", env=office).document["checks"]
    assert [check["ok"] for check in checks if check["code"] == "damage"] == [True]


def test_a_run_cleans_up_and_why_and_show_say_that_it_was_us(office: dict[str, str]) -> None:
    ran = meeting("run", "--since", "1d", "--json", env=office)
    assert ran.code == 0, ran.err
    assert "audio.flac" not in names(office)

    why = meeting("why", "1", "--json", env=office).document
    files = {stage["file"]: stage["file_removed_at"] for stage in why["stages"]}
    assert files["recording.m4a"] and files["audio.flac"]
    assert files["transcript.json"] is None
    assert "removed by retention" in meeting("why", "1", env=office).out
    show = meeting("show", "1", env=office).out
    assert "音频 audio: 已到期删除 removed by retention" in show
    assert "媒体 media" in show


def test_a_run_that_keeps_everything_removes_nothing(office: dict[str, str]) -> None:
    keeping = {"RETENTION_VIDEO_DAYS": "30", "RETENTION_AUDIO_DAYS": "20.5"}

    assert meeting("run", "--since", "1d", env={**office, **keeping}).code == 0

    assert len(names(office)) == 5


def test_erase_shows_first_and_asks_before_it_erases(office: dict[str, str]) -> None:
    plan = meeting("erase", "--student", "stu_1", "--dry-run", "--json", env=office)
    assert plan.document["erased"] == [str(KEY)]
    assert (plan.document["names"], len(plan.document["files"])) == (["李雷"], 5)

    unasked = meeting("erase", "--student", "stu_1", "--json", env=office)

    assert (unasked.code, unasked.document["error"]["code"]) == (2, "not_confirmed")
    assert len(names(office)) == 5


def test_erased_nobody_and_nothing_of_them_is_left(office: dict[str, str]) -> None:
    done = meeting("erase", "--student", "stu_1", "--yes", "--json", env=office)

    assert done.code == 0, done.err
    assert (done.document["erased"], done.document["left"]) == ([str(KEY)], [])
    assert meeting("status", "--json", env=office).document["recordings"] == []
    assert meeting("stats", "--verify", "--json", env=office).document["students"] == []
    data = Path(office["DATA_DIR"])
    for path in (path for path in data.rglob("*") if path.is_file()):
        content = path.read_bytes()
        assert not any(word in content for word in (b"stu_1", "李雷".encode(), b"0123456789"))
    again = meeting("erase", "--student", "stu_1", "--yes", env=office)
    assert (again.code, "nothing is left" in again.out) == (0, True)
    stranger = meeting("erase", "--student", "李雷", "--yes", env=office)
    assert (stranger.code, "no_such_student" in stranger.err) == (2, True)


def test_both_wait_for_no_run_but_say_that_one_is_at_work(office: dict[str, str]) -> None:
    with (Path(office["DATA_DIR"]) / "run.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for words in (["cleanup"], ["erase", "--student", "stu_1", "--yes"]):
            assert meeting(*words, env=office).code == 75
    assert len(names(office)) == 5


def test_doctor_tells_of_an_erasure_that_was_broken_off(office: dict[str, str]) -> None:
    note = Path(office["DATA_DIR"]) / "erasing" / "0.json"
    note.parent.mkdir()
    note.write_text("{}", "utf-8")

    checks = meeting("doctor", "--json", env=office).document["checks"]

    [check] = [check for check in checks if check["code"] == "erasures"]
    assert (check["ok"], "meeting erase" in check["hint"]) == (False, True)


def test_a_backup_has_its_default_place_and_a_name_if_given(office: dict[str, str]) -> None:
    made = meeting("db", "backup", "--json", env=office)
    assert made.code == 0, made.err
    assert Path(made.document["file"]).parent == Path(office["DATA_DIR"]) / "backups"
    named = Path(office["DATA_DIR"]).parent / "backup.db"

    said = meeting("db", "backup", str(named), env=office)

    assert (said.code, "1 recordings" in said.out) == (0, True)
    with closing(sqlite3.connect(named)) as copy:
        assert copy.execute("SELECT subject FROM recordings").fetchall() == [("李雷的课",)]


def test_a_server_s_rows_are_saved_by_its_own_tool_and_no_password_is_shown(
    office: dict[str, str],
) -> None:
    server = {"DB_HOST": "db.example", "DB_USER": "u", "DB_PASS": "geheim", "DB_NAME": "meeting"}

    refused = meeting("db", "backup", "--json", env={**office, **server})

    assert (refused.code, refused.document["error"]["code"]) == (3, "not_embedded")
    assert "mysqldump --single-transaction" in refused.err
    assert "geheim" not in refused.err + refused.out
