"""What the listing of a folder left out: how many files and folders, and why."""

from collections import Counter
from collections.abc import Iterator, Mapping
from enum import StrEnum

from meeting_pipeline.adapters.sources.folder_names import printable


class Reason(StrEnum):
    """Why a file or folder is not listed; the values are those of `left_out` in `--json`."""

    OTHER_KIND = "other_kind"
    UNREADABLE = "unreadable"
    JUST_CHANGED = "just_changed"
    DOWNLOADING = "downloading"
    CHANGING = "changing"
    UNFINISHED = "unfinished"
    SECOND_FILE = "second_file"
    HIDDEN = "hidden"
    LINK = "link"
    SPECIAL = "special"
    HOUSEKEEPING = "housekeeping"


WAITING = (Reason.JUST_CHANGED, Reason.DOWNLOADING, Reason.CHANGING)
"""What may be complete at the next listing."""

MAKE_READABLE = (
    "让运行本程序的用户可读 make it readable for the user who runs this: chmod -R u+rX, "
    "chown -R; 并确认磁盘已挂载 and see whether its disk is mounted"
)
"""What to do about a folder, or files in it, that cannot be read."""

_SENTENCES = {
    Reason.OTHER_KIND: "不读取的文件 files of kinds that are not read: {}",
    Reason.UNREADABLE: "无法读取 files and folders that cannot be read: {}; see the log",
    Reason.JUST_CHANGED: "刚刚修改 files that changed less than SETTLE_S seconds ago: {}",
    Reason.DOWNLOADING: "正在下载 files that are still being downloaded: {}",
    Reason.CHANGING: "正在变化 files that changed or vanished while they were read: {}",
    Reason.UNFINISHED: "未完成的下载 unfinished downloads: {}",
    Reason.SECOND_FILE: "同一会议的另一个文件 second files (video or audio) of one meeting: {}",
    Reason.HIDDEN: "隐藏文件 hidden media files and hidden folders: {}",
    Reason.LINK: "符号链接 symbolic links, which are not followed: {}",
    Reason.SPECIAL: "管道等特殊文件 pipes, sockets and devices, which are not files: {}",
    Reason.HOUSEKEEPING: (
        "回收站、快照等系统文件夹 recycle bins, snapshots and other folders of the system: {}"
    ),
}


class LeftOut:
    """A tally of what was left out, by reason and, for other kinds of files, by suffix."""

    def __init__(self) -> None:
        self._names: dict[Reason, set[str]] = {reason: set() for reason in Reason}
        self._suffixes: Counter[str] = Counter()

    def add(self, reason: Reason, name: str) -> None:
        """Count a file or folder, once for each reason.

        Args:
            reason: Why it is left out.
            name: Its path.
        """
        self._names[reason].add(name)

    def add_other_kind(self, suffix: str) -> None:
        """Count a file that is not read.

        Args:
            suffix: Its suffix, or "".
        """
        self._suffixes[suffix] += 1

    def counts(self) -> Mapping[str, int]:
        """Return how many files and folders were left out, by reason."""
        counts = {reason: len(names) for reason, names in self._names.items()}
        counts[Reason.OTHER_KIND] = self._suffixes.total()
        return {reason.value: count for reason, count in counts.items() if count}

    @property
    def waiting(self) -> int:
        """Return how many files may be complete at the next listing."""
        return len(set[str]().union(*(self._names[reason] for reason in WAITING)))

    def sentences(self) -> Iterator[str]:
        """Yield a sentence for each reason, for people."""
        for reason, count in self.counts().items():
            kinds = f" ({self._kinds()})" if reason == Reason.OTHER_KIND else ""
            yield _SENTENCES[Reason(reason)].format(f"{count}{kinds}")

    def _kinds(self) -> str:
        common_first = sorted(self._suffixes.items(), key=lambda item: (-item[1], item[0]))
        return printable(
            ", ".join(
                f"{f'.{suffix}' if suffix else 'no suffix'} {count}"
                for suffix, count in common_first
            )
        )
