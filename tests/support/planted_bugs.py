"""Bugs as changes of behaviour: each function here gives one to the process that calls it.

They name functions and methods, not lines, so code may be rewritten below them. What they name must
be there: a name that is gone is an ImportError or AttributeError, and `replace` insists on having
replaced something.
"""

import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

from alembic import op
from sqlalchemy import Connection, Table, UniqueConstraint, select, update
from sqlalchemy.schema import SchemaItem

import meeting_pipeline
from meeting_pipeline.adapters.db import stats, writing
from meeting_pipeline.adapters.db.schema import recordings, student_stats
from meeting_pipeline.domain.stages import Artifact
from meeting_pipeline.ports.progress import Progress
from meeting_pipeline.ports.sources import Downloader, MediaLink
from meeting_pipeline.runtime.logs import Redaction
from meeting_pipeline.stages.download import Download
from meeting_pipeline.storage import files
from meeting_pipeline.storage.files import RecordFolder

Function = Callable[..., Any]


def replace(function: Function, by: Function) -> None:
    """Have everything that is imported of the package call `by` instead of one of its functions.

    Args:
        function: A function, or a method as an attribute of its class.
        by: What takes its place, with the same arguments.

    Raises:
        AssertionError: Nothing has it.
    """
    found = [
        (owner, name)
        for owner in _owners()
        for name, value in vars(owner).items()
        if value is function
    ]
    assert found, f"{function.__qualname__} is nowhere in the package"
    for owner, name in found:
        setattr(owner, name, by)


def _owners() -> Iterator[ModuleType | type]:
    """Every module of ours that is loaded, and every class defined in one."""
    package = meeting_pipeline.__name__
    for module_name, module in list(sys.modules.items()):
        if module_name == package or module_name.startswith(f"{package}."):
            yield module
            for value in list(vars(module).values()):
                if isinstance(value, type) and value.__module__ == module_name:
                    yield value


def files_are_not_synced() -> None:
    """Neither what is in a file nor which names are in a folder."""
    os.fsync = lambda fd: None


def folders_of_files_are_not_synced() -> None:
    """The name of a new folder is not durable."""

    def make_folder(path: Path) -> None:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)

    replace(files.make_folder, make_folder)


def files_are_not_synced_and_trusted_by_their_names() -> None:
    """Whatever is there under the right name is what was made."""

    def holds(folder: RecordFolder, artifact: Artifact) -> bool:
        return folder.file(artifact.name).is_file()

    files_are_not_synced()
    replace(RecordFolder.holds, holds)


def what_is_there_is_taken_as_the_download() -> None:
    """A part that an earlier night left is not compared with the object it is of."""

    class TakesWhatIsThere(_OtherDownloader):
        def fetch(self, link: MediaLink, part: Path, progress: Progress) -> None:
            if not part.exists() or not part.stat().st_size:
                self.downloader.fetch(link, part, progress)

    _download_by(TakesWhatIsThere)


def the_signed_link_is_logged() -> None:
    """A line that says too much, in a program that does not redact its lines."""

    class SaysTheLink(_OtherDownloader):
        def fetch(self, link: MediaLink, part: Path, progress: Progress) -> None:
            logging.getLogger(Download.__module__).error("fetching %s", link.url)
            self.downloader.fetch(link, part, progress)

    _download_by(SaysTheLink)
    replace(Redaction.redact, lambda redaction, text: text)


class _OtherDownloader:
    """Stands between the download stage and its downloader."""

    def __init__(self, downloader: Downloader) -> None:
        self.downloader = downloader


def _download_by(kind: Callable[[Downloader], Downloader]) -> None:
    init = Download.__init__

    def with_another(stage: Download, source: Any, downloader: Downloader, *rest: Any) -> None:
        init(stage, source, kind(downloader), *rest)

    replace(init, with_another)


def one_is_added_instead_of_counting() -> None:
    """Statistics are counted up when a result is stored, not recomputed from rows."""
    mark_stale, refresh = writing.mark_stale, stats._refresh

    def add_one(connection: Connection, students: Iterable[str]) -> None:
        attended = sorted(set(students))
        mark_stale(connection, attended)
        query = select(student_stats.c.student_id, student_stats.c.record_cnt)
        before = {row.student_id: row.record_cnt for row in connection.execute(query)}
        refresh(connection, datetime.now(UTC))
        for student in attended:
            one_more = update(student_stats).where(student_stats.c.student_id == student)
            connection.execute(one_more.values(record_cnt=before.get(student, 0) + 1))

    replace(mark_stale, add_one)
    replace(refresh, lambda connection, now: 0)


def recordings_have_no_unique_key() -> None:
    """Nothing but the program's own care keeps a recording from having two rows; it takes none."""
    create_table, upsert = op.create_table, writing.upsert

    def without_key(table_name: str, *columns: SchemaItem, **kw: Any) -> Table:
        if table_name != recordings.name:
            return create_table(table_name, *columns, **kw)
        kept = [item for item in columns if not isinstance(item, UniqueConstraint)]
        assert len(kept) == len(columns) - 1, f"{table_name} has no unique key to be left out"
        return create_table(table_name, *kept, **kw)

    def insert(
        connection: Connection, table: Table, rows: Sequence[writing.Row], *rest: Any, **more: Any
    ) -> None:
        if table is not recordings:
            upsert(connection, table, rows, *rest, **more)
        elif rows:
            connection.execute(table.insert(), list(rows))

    op.create_table = without_key
    replace(upsert, insert)
