"""Rows 43 to 50: what the sound of a recording may be, and what may become of ffmpeg."""

import os
import resource
import subprocess
import sys
import wave
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from meeting_pipeline import exit_codes
from meeting_pipeline.cli.words import shorten
from meeting_pipeline.domain.display import strip_control_characters
from meeting_pipeline.domain.stages import Outcome, RecordStatus, StageName
from meeting_pipeline.sandbox.faults import Fault, Kind
from meeting_pipeline.sandbox.server import Sandbox
from tests.support.fakes import meta
from tests.support.fault_table import ALL
from tests.support.generated_media import Take, record
from tests.support.nights import Installation
from tests.support.sandbox_installation import FILES, Office
from tests.support.short_recordings import BURSTS, BY_FFMPEG, lesson, record_id, tone
from tests.support.system_programs import require_program

OF_LESSON = {(0, place): 1 for place in BURSTS}

# ── titles ───────────────────────────────────────────────────────────────────────────────────────

NASTY = (
    "../../etc/passwd",
    "/etc/passwd",
    "..",
    ".",
    "",
    "\0",
    "a\r\nb",
    "\x1b]0;pwned\x07\x1b[2J",
    "-rf",
    "~root",
    "\u202egnp.exe",
    "👩‍👩‍👧‍👦🚀",
    "课" * 255,
    "CON",
    "$(reboot)",
    "`id`",
    "%s%n",
    "'); DROP TABLE recordings;--",
)


def is_printable(text: str) -> bool:
    """Nothing in it moves a cursor, colours, or turns the direction of reading."""
    return not any(sign in text for sign in ("\x1b", "\r", "\n", "\0", "\u202e", "\x9b", "\x07"))


@example([*NASTY])
@given(st.lists(st.text(max_size=300), min_size=20, max_size=20))
@settings(max_examples=15 if ALL else 1, deadline=None)
def test_row_43_no_title_becomes_a_path_or_steers_a_terminal(titles: list[str]) -> None:
    metas = [meta(number, subject=title) for number, title in enumerate(titles)]
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        installation = Installation(folder, metas)
        report = installation.run()
        files = installation.files()
        beside = {path.name for path in folder.iterdir()}

    assert report.count(Outcome.DONE) == len(metas)
    ids = [one.key.record_id for one in metas]
    assert files == sorted(f"fake/{record_id}/{name}" for record_id in ids for name in FILES)
    assert beside == {"meeting.db", "recordings", "source.m4a"}
    for title in titles:
        assert is_printable(shorten(title, 36))
        assert is_printable(strip_control_characters(title))


# ── sound ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("take", "reason"),
    [
        pytest.param(Take(video_s=8, tracks=0), "no_audio", id="row_44"),
        pytest.param(Take(seconds=0.9), "too_short", id="row_45"),
        pytest.param(Take(seconds=8, silent=True), "silent", id="row_50"),
    ],
)
def test_row_44_row_45_and_row_50_nothing_is_paid_for_what_has_no_words(
    office: Office, sandbox: Sandbox, tmp_path: Path, take: Take, reason: str
) -> None:
    suffix = "mp4" if take.video_s else "m4a"
    media = record(tmp_path / f"odd.{suffix}", take).read_bytes()
    changes = {"video": media, "audio": None} if take.video_s else {"audio": media}
    sandbox.company.add(lesson(0, **{"audio": None, **changes}))

    report = office.night()

    assert report.exit_code == exit_codes.OK
    assert (office.only().status, office.only().skip_reason) == (RecordStatus.SKIPPED, reason)
    assert not sandbox.ledger.uploads and not sandbox.ledger.chats
    assert office.night().due == 0, "it is said once"


EXTRACT = """
import resource, sys
from pathlib import Path
from meeting_pipeline.adapters.media.ffmpeg import FFmpegMedia
from meeting_pipeline.adapters.media.pyav import PyAVMedia
tool = PyAVMedia() if sys.argv[1] == "pyav" else FFmpegMedia(sys.argv[1], PyAVMedia())
peaks = []
for media in sys.argv[2:]:
    audio = tool.extract(Path(media), Path(media + ".part"), "flac", lambda fraction: None)
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
print(*peaks, audio.duration_s)
"""


def hours(path: Path, seconds: int) -> Path:
    """Digital silence of that length; the file is one hole."""
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 16_000, seconds * 16_000, "NONE", ""))
    with path.open("r+b") as stream:
        head = bytearray(stream.read(44))
        size = seconds * 32_000
        head[4:8], head[40:44] = (size + 36).to_bytes(4, "little"), size.to_bytes(4, "little")
        stream.seek(0)
        stream.write(head)
        stream.truncate(44 + size)
    return path


@pytest.mark.parametrize("tool", ["pyav", "ffmpeg"])
def test_row_46_an_hour_takes_the_memory_of_a_minute(tmp_path: Path, tool: str) -> None:
    """Ten hours (1.2 GB) with FAULTS=all."""
    long_s = 36_000 if ALL else 3_600
    media = [hours(tmp_path / "minute.wav", 60), hours(tmp_path / "long.wav", long_s)]
    program = tool if tool == "pyav" else require_program("ffmpeg", "ffmpeg")
    told = subprocess.run(
        [sys.executable, "-c", EXTRACT, program, *map(str, media)],
        capture_output=True,
        text=True,
        check=True,
    )
    short_kb, long_kb, heard_s = told.stdout.split()
    assert float(heard_s) == long_s
    assert int(long_kb) - int(short_kb) < 10_000


# ── ffmpeg ───────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def instead_of_ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a program of that name first on the path. `real` and `once` are known to it."""
    real = require_program("ffmpeg", "ffmpeg")

    def put(body: str) -> None:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        script = folder / "ffmpeg"
        script.write_text(
            f"#!{sys.executable} -IS\nimport os, sys\nfrom pathlib import Path\n"
            f"real, once = {real!r}, Path({str(tmp_path / 'once')!r})\n{body}\n"
        )
        script.chmod(0o700)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    return put


@pytest.fixture
def by_ffmpeg(office: Office) -> Office:
    return replace(office, changes={**office.changes, **BY_FFMPEG})


def test_row_48_an_ffmpeg_that_was_killed_is_started_once_more(
    by_ffmpeg: Office, sandbox: Sandbox, instead_of_ffmpeg: Callable[[str], None], tmp_path: Path
) -> None:
    instead_of_ffmpeg(
        "if not once.exists():\n    once.touch()\n    os.kill(os.getpid(), 9)\n"
        "os.execv(real, [real, *sys.argv[1:]])"
    )
    assert by_ffmpeg.night().exit_code == exit_codes.OK
    assert (tmp_path / "once").exists()
    assert sandbox.ledger.bursts == OF_LESSON


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (
            "sys.stderr.write('\\x1b[31mxxxxxxxx' * 500_000 + '\\nbroken\\n'); sys.exit(1)",
            "corrupt",
        ),
        ("sys.stdout.buffer.write(bytes(16_000))", "truncated"),
    ],
    ids=["floods standard error and fails", "ends early and says nothing"],
)
def test_row_48_what_ffmpeg_did_not_do_is_no_sound(
    by_ffmpeg: Office,
    sandbox: Sandbox,
    instead_of_ffmpeg: Callable[[str], None],
    body: str,
    code: str,
) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    instead_of_ffmpeg(body)
    assert by_ffmpeg.night().exit_code == exit_codes.RECORDS_FAILED
    assert by_ffmpeg.first_error() == (f"{code}_media", 1)
    message = by_ffmpeg.only().stages[StageName.EXTRACT].message or ""
    assert len(message) < 500
    assert "\x1b" not in message
    assert not sandbox.ledger.uploads
    assert [name for name in by_ffmpeg.files() if name.startswith("audio")] == []
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000

    instead_of_ffmpeg("os.execv(real, [real, *sys.argv[1:]])")
    by_ffmpeg.make_due()
    assert by_ffmpeg.night().exit_code == exit_codes.OK
    assert sandbox.ledger.bursts == OF_LESSON


def test_row_49_what_is_damaged_at_its_source_is_dead_in_the_end_and_costs_nobody_a_thing(
    office: Office, sandbox: Sandbox, sounds: Path
) -> None:
    twice = replace(office, changes={**office.changes, "MAX_ATTEMPTS": "2"})
    sandbox.company.add(lesson(1, tone(sounds, 1)))
    sandbox.faults.add(Fault(Kind.HOLE, "media", record_id(0)))
    assert twice.night().count(Outcome.DONE) == 1
    with twice.database() as rows, rows.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE recordings SET next_attempt_at = NULL")

    report = twice.night()

    assert [one.error_code for one in report.records] == ["corrupt_media"]
    assert twice.rows()[record_id(0)].status is RecordStatus.DEAD
    assert twice.night().due == 0
    assert sandbox.ledger.bursts == {(1, place): 1 for place in BURSTS}
