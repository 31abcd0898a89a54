"""A night with nothing new loads nothing that only work needs."""

import json
import os
import subprocess
import sys
from pathlib import Path

_CRON = """
import json, sys
from meeting_pipeline.__main__ import main
sys.argv = ["meeting", "cron", "--json"]
try:
    main()
except SystemExit as ended:
    print(json.dumps([ended.code, sorted(sys.modules)]), file=sys.stderr)
"""
HEAVY = {"av", "numpy", "faster_whisper", "ctranslate2", "jieba", "alembic", "apprise", "aria2p"}


def test_nothing_heavy_is_imported_when_there_is_nothing_to_do(tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    settings = {"MEETING_SOURCE": "folder", "MEETING_FOLDER": str(folder)}
    for _ in range(2):  # the first night makes the tables
        ended = subprocess.run(
            [sys.executable, "-c", _CRON],
            env={**os.environ, **settings, "DATA_DIR": str(tmp_path / "data")},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
    code, modules = json.loads(ended.stderr.splitlines()[-1])
    assert code == 0
    assert HEAVY.isdisjoint(modules)
