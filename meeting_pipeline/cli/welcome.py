"""What `meeting` without a command says: where things stand and what to do next."""

import os
from pathlib import Path

_SOURCES = ("MEETING_SOURCE", "MEETING_FOLDER", "TQM_SECRET_ID")

_FIRST_TIME = """\
还没有配置 (no .env here yet).

  meeting demo              用自带样本跑一遍真实流程，不需要账号 (real pipeline, own samples)
  ./deploy.sh               安装、写 .env、装好每晚 03:00 的任务 (install, schedule)
  meeting config show       每一项设置及其来源 (every setting and where it comes from)
  meeting --help            全部命令 (all commands)"""

_READY = """\
  meeting doctor            逐项检查配置 (tests every part for real)
  meeting run --since 7d    现在处理最近七天 (process the last seven days now)
  meeting status            录制与各阶段状态 (recordings and their stages)
  meeting stats             学员统计 (per-student statistics)
  meeting why ID            为什么这条没有完成 (why is this one not there)
  meeting --help            全部命令 (all commands)"""


def next_steps() -> str:
    """A few lines for this directory."""
    is_set_up = Path(".env").is_file() or any(name in os.environ for name in _SOURCES)
    return _READY if is_set_up else _FIRST_TIME
