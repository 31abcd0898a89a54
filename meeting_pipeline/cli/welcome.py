"""The text of `meeting` without a command: what to do next in this directory."""

import os

_SOURCES = ("MEETING_SOURCE", "MEETING_FOLDER", "TQM_SECRET_ID")

_FIRST_TIME = """\
当前目录还没有配置 (no .env here yet).

  meeting demo              用自带样本运行真实流程，不需要账号 (real pipeline, sample recordings)
  ./deploy.sh               安装、生成 .env、设置每晚 03:00 的定时任务 (install, schedule)
  meeting config show       每一项设置及其来源 (every setting and where it comes from)
  meeting --help            全部命令 (all commands)"""

_READY = """\
  meeting doctor            逐项实测配置 (test every part for real)
  meeting run --since 7d    立即处理最近七天 (process the last seven days now)
  meeting status            录制与各阶段状态 (recordings and their stages)
  meeting stats             学员统计 (per-student statistics)
  meeting why ID            某条录制为何未完成 (why a recording is not finished)
  meeting --help            全部命令 (all commands)"""


def next_steps() -> str:
    """Return the commands that are useful next in this directory."""
    from meeting_pipeline.settings.location import locate  # help pages load no settings

    is_set_up = locate().env_file.is_file() or any(name in os.environ for name in _SOURCES)
    return _READY if is_set_up else _FIRST_TIME
