"""The seeded databases of one engine, and the settings of a process that uses them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import make_url

from bench.growing.rows import Company
from bench.growing.seeding import seed
from meeting_pipeline.adapters.db.schema import REVISION
from tests.support.mariadb import running_mariadb

ENGINES = ("sqlite", "mariadb")
SERVER = ("--innodb-buffer-pool-size=128M", "--innodb-log-file-size=96M")
"""The defaults of MariaDB: the larger table does not fit into memory by far."""


@dataclass(frozen=True)
class Place:
    """A database of this many recordings.

    env: the settings of a `meeting` that uses it. server: its process, None without one.
    """

    company: Company
    url: str
    env: Mapping[str, str]
    server: int | None = None


@contextmanager
def seeded(engine: str, small: int, large: int, folder: Path) -> Iterator[tuple[Place, Place]]:
    """Both databases, made where `folder` has not got the large one from an earlier run."""
    folder.mkdir(parents=True, exist_ok=True)
    if engine == "sqlite":
        yield _sqlite(small, folder, keep=False), _sqlite(large, folder, keep=True)
        return
    (folder / "m").mkdir(exist_ok=True)
    with running_mariadb(*SERVER, keep=folder / "m") as server:

        def place(size: int, keep: bool) -> Place:
            name = f"n{size}"
            marker = _marker(folder, engine, size)
            if not (keep and marker.exists()):
                server.execute(f"DROP DATABASE IF EXISTS {name}")
                server.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
                seed(server.url(name), Company(size), folder)
                marker.touch()
            address = make_url(server.url(name))
            at = {"DB_HOST": str(address.host), "DB_PORT": str(address.port)}
            who = {"DB_USER": "root", "DB_PASS": "", "DB_NAME": name}
            return Place(Company(size), server.url(name), {**at, **who}, server.process.pid)

        yield place(small, keep=False), place(large, keep=True)


def _sqlite(size: int, folder: Path, keep: bool) -> Place:
    data = folder / f"s{size}"
    data.mkdir(exist_ok=True)
    file, marker = data / "meeting.db", _marker(folder, "sqlite", size)
    url = f"sqlite:///{file}"
    if not (keep and marker.exists()):
        for old in data.glob("meeting.db*"):
            old.unlink()
        seed(url, Company(size), folder)
        marker.touch()
    return Place(Company(size), url, {"DATA_DIR": str(data)})


def _marker(folder: Path, engine: str, size: int) -> Path:
    """There once the seeding is complete."""
    return folder / f"{engine}-{size}-{REVISION}"
