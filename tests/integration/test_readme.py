"""The blocks of the README, run in their order as a newcomer would, and what they print.

`git`, pip, crontab, apt and pytest are stand-ins, so nothing is downloaded or installed. Everything
else is real: deploy.sh, the commands, and the demo with real speech, where nothing is faked.
"""

import json
import re
import shlex
import sqlite3
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.cli.test_deploy import (
    CRONTAB,
    ENOUGH_TO_DEPLOY,
    PROJECT,
    PYTHON,
    SUDO,
    program,
)

README = (PROJECT / "README.md").read_text("utf-8")
CHINESE = (PROJECT / "README.zh-CN.md").read_text("utf-8")
PICTURE = PROJECT / "docs" / "demo.svg"
WIDTH = "140"  # of the terminal in the picture, as tools/draw_demo.py draws it
GIT = """#!/bin/sh
# git clone URL FOLDER: the files of this repository that the README's commands need
mkdir "$3" && cd {project} && cp {files} cron_incremental.py "$OLDPWD/$3"
"""
COMMAND = """#!/bin/sh
case "${{0##*/}}" in meeting) exec {python} -m meeting_pipeline "$@" ;; esac
"""
EDITOR = """#!/bin/sh
printf 'MEETING_SOURCE=folder\\nMEETING_FOLDER=%s\\nSETTLE_S=0\\n' {samples} >>"$1"
"""


@dataclass
class Newcomer:
    """Someone with a shell in a fresh home, who types what the README says."""

    home: Path
    said: list[str]
    """What each block printed on standard output."""

    @property
    def clone(self) -> Path:
        return self.home / "meeting"

    def types(self, block: str, folder: Path) -> str:
        """Run a block; each of its commands must succeed."""
        ended = subprocess.run(
            ["bash", "-e", "-c", block],
            env={
                "PATH": f"{self.home / 'bin'}:/usr/bin:/bin",
                "HOME": str(self.home),
                "LANG": "C.UTF-8",
                "COLUMNS": WIDTH,
                "EDITOR": str(self.home / "bin" / "editor"),
                "PYTHONPATH": str(PROJECT),
                "CALLS": str(self.home / "calls"),
                "CRONTAB": str(self.home / "crontab"),
                "COMMAND": str(self.home / "command"),
            },
            cwd=folder,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=240,
            check=False,
        )
        assert ended.returncode == 0, f"{block}\n{ended.stdout}\n{ended.stderr}"
        return ended.stdout


def blocks(page: str) -> list[str]:
    """The commands of a page, block by block, without their comments."""
    found = re.findall(r"^```sh\n(.*?)```$", page, re.M | re.S)
    return [re.sub(r"[ \t]+# .*$", "", block, flags=re.M) for block in found]


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Newcomer:
    """Who has typed every block of the README."""
    home = tmp_path_factory.mktemp("home")
    (home / "bin").mkdir()
    python, project = shlex.quote(sys.executable), shlex.quote(str(PROJECT))
    samples = shlex.quote(str(PROJECT / "meeting_pipeline" / "samples"))
    for name, text in {
        "git": GIT.format(project=project, files=" ".join(ENOUGH_TO_DEPLOY)),
        "python3": PYTHON.replace("{real}", python),
        "crontab": CRONTAB,
        "apt-get": "#!/bin/sh\n",
        "sudo": SUDO,
        "pidof": "#!/bin/sh\n",
        "editor": EDITOR.format(samples=samples),
    }.items():
        program(home / "bin" / name, text)
    program(home / "command", COMMAND.format(python=python))
    one = Newcomer(home, [])
    for block in blocks(README):
        one.said.append(one.types(block, one.clone if one.said else home))
    return one


def masked(text: str) -> str:
    """A text without what differs from run to run: numbers, blanks, and lines that are drawn."""
    return re.sub(r"[\d.:-]*\d", "#", re.sub(r"[\s─]", "", text))


def test_the_demo_ends_with_recordings_done_one_skipped_and_one_failed(newcomer: Newcomer) -> None:
    out = newcomer.said[0]
    assert "完成 done 4 + 失败 failed 1 + 跳过 skipped 1 + 推迟 deferred 0" in out
    assert "退出码 exit code 4" in out
    assert "silent" in out
    assert "truncated_media" in out
    assert "extractive" in out
    rows = sqlite3.connect(newcomer.clone / "data" / "demo" / "meeting.db")
    phases = rows.execute("SELECT phase FROM recordings WHERE status = 'done' ORDER BY start_ts")
    assert [phase for (phase,) in phases] == ["简历优化", "面试模拟", "项目深挖", "面试模拟"]
    students = rows.execute("SELECT student_id, record_cnt FROM student_stats ORDER BY student_id")
    assert students.fetchall() == [("stu_chen", 2), ("stu_wang", 2)]
    ids = rows.execute("SELECT meeting_id FROM recordings").fetchall()
    assert all(isinstance(number, str) for (number,) in ids)
    [summary] = rows.execute("SELECT body FROM summaries LIMIT 1").fetchone()
    assert json.loads(summary)["phase"] in {"简历优化", "面试模拟", "项目深挖"}


def test_the_picture_shows_what_the_demo_prints(newcomer: Newcomer) -> None:
    rows: dict[float, list[tuple[float, str]]] = {}
    for element in ElementTree.parse(PICTURE).iter("{http://www.w3.org/2000/svg}text"):
        at = float(element.attrib["y"]), float(element.attrib["x"])
        if "clip-path" in element.attrib:  # not the title
            rows.setdefault(at[0], []).append((at[1], element.text or ""))
    drawn = ["".join(text for _, text in sorted(row)) for row in rows.values()]
    printed = newcomer.said[0].partition("摘要示例")[0].splitlines()[:-1]

    prompt, *lines = map(masked, drawn)

    assert prompt == "$./deploy.shdemo"
    assert Counter(lines) == Counter(map(masked, printed)), "draw it again: tools/draw_demo.py"


def test_after_the_demo_its_rows_are_shown_and_exported(newcomer: Newcomer) -> None:
    out = newcomer.said[1]
    assert "显示 shown 6 · 共 in all: done 4  failed 1  skipped 1" in out
    assert "显示 shown 1 ·" in out
    assert "stu_chen" in out
    assert "已导出 exported 6 recordings: demo.html" in out
    assert "简历优化" in (newcomer.clone / "demo.html").read_text("utf-8")


def test_why_prints_what_the_page_shows(newcomer: Newcomer) -> None:
    [(command, shown)] = re.findall(r"^```\n\$ ([^\n]*)\n(.*?)```$", README, re.M | re.S)
    [failed] = newcomer.types(
        "DATA_DIR=data/demo .venv/bin/meeting status --failed | grep truncated_media",
        newcomer.clone,
    ).splitlines()
    number = failed.split()[0]

    printed = newcomer.types(re.sub(r"\d+$", number, command), newcomer.clone)

    assert masked(printed) == masked(shown)


def test_the_installation_is_ready_for_the_night(newcomer: Newcomer) -> None:
    assert "cron_incremental.py" in (newcomer.home / "crontab").read_text()
    assert (newcomer.home / ".local" / "bin" / "meeting").is_symlink()
    assert "全部就绪 ready for the night" in newcomer.said[2]


def test_both_languages_have_the_same_commands_and_the_same_example() -> None:
    assert blocks(README) == blocks(CHINESE)
    example = r"^```\n(\$ .*?)```$"
    assert re.findall(example, README, re.M | re.S) == re.findall(example, CHINESE, re.M | re.S)
