"""Rows 77 and 26 to 34 once more, against servers and media that others wrote: nothing is wrong.

Media comes from Apache (TLS, signed links), BusyBox and Python's own web server, transcripts from
faster-whisper-server or a server of canned words, minutes from fakellm; what was paid is what
Apache's log says. Recordings are people who read aloud, out of Debian's packages.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.faults.test_crash_points import enumerate_calls
from tests.support.crash_site import TWO_CONNECTIONS, CrashSite
from tests.support.fault_table import ALL, FEW, Tally
from tests.support.foreign_media import CLIPS
from tests.support.foreign_services import chat_server, same_words_server, whisper_server
from tests.support.foreign_site import (
    FolderSite,
    ForeignSite,
    list_of_meetings,
    recordings_of_every_kind,
)
from tests.support.foreign_web import DATED, SLOW, Apache, WebServer, apache, busybox, python_web
from tests.support.invariants import Harm
from tests.support.night_processes import MAIN, NIGHT, WORKER, NightProcesses
from tests.support.syscall_trap import MUTATIONS, require_syscall_trap

pytestmark = pytest.mark.timeout(1800)
at_length = pytest.mark.skipif(not ALL, reason="only `make faults` has the time for it")

SEVERAL = 4
KILLS = 16
MakeSite = Callable[..., ForeignSite]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where media that ffmpeg made and the settings of services are kept."""
    return tmp_path_factory.mktemp("foreign")


@pytest.fixture(scope="module")
def chat(shelf: Path) -> Iterator[int]:
    with chat_server(shelf) as port:
        yield port


@pytest.fixture(scope="module")
def front(chat: int) -> Iterator[Apache]:
    """Apache in front of a language model, and of a speech service that is quick."""
    with same_words_server() as speech, apache(speech, chat) as server:
        yield server


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


@pytest.fixture
def site(
    front: Apache,
    processes: NightProcesses,
    tmp_path: Path,
    tables: Path,
    shelf: Path,
    stack: ExitStack,
) -> MakeSite:
    """Makes an installation; server: of its media, before: its paths, see `list_of_meetings`."""

    def make(
        server: WebServer = front,
        before: str = "",
        lessons: int = 2,
        kind: type[ForeignSite] = ForeignSite,
        **changes: Any,
    ) -> ForeignSite:
        sandbox = stack.enter_context(list_of_meetings(lessons, server, shelf, before))
        usual: dict[str, Any] = {"front": front, "template": tables, "ffmpeg": True}
        return kind(sandbox, processes, tmp_path, lessons, **(usual | changes))

    require_syscall_trap()
    return make


@pytest.mark.parametrize("part", range(FEW))
def test_a_record_s_thread_killed_at_any_call_between_foreign_servers(
    part: int, site: MakeSite, front: Apache, request: pytest.FixtureRequest
) -> None:
    tally = Tally("foreign servers, a record's thread, aria2c", 48 if ALL else 240)
    several = site(before=SLOW, lessons=2 if ALL else 1, changes=TWO_CONNECTIONS)
    assert front.parts_given() > 2, "aria2 downloaded nothing"
    enumerate_calls(several, tally, WORKER, MUTATIONS, part, FEW)
    tally.told(request)


@at_length
def test_what_is_paid_for_again_is_seen_in_apache_s_log(site: MakeSite, tables: Path) -> None:
    once = site(lessons=1)
    victim = once.victim()
    assert once.processes.run(victim.order).code == 0
    shutil.rmtree(victim.office.folder)
    shutil.copytree(tables, victim.office.folder)
    assert {finding.harm for finding in once.harm(victim)} == {Harm.PAID_TWICE}


@at_length
def test_the_main_thread_killed_at_any_call_between_foreign_servers(
    site: MakeSite, request: pytest.FixtureRequest
) -> None:
    tally = Tally("foreign servers, the main thread", 32)
    enumerate_calls(site(words=NIGHT), tally, MAIN, MUTATIONS, part=5, parts=1)
    tally.told(request)


@at_length
@pytest.mark.parametrize("web", [busybox, python_web])
def test_killed_while_media_comes_from_a_server_of_few_manners(
    web: Callable[[], Any], site: MakeSite, stack: ExitStack, request: pytest.FixtureRequest
) -> None:
    tally = Tally("foreign servers, no ranges or no If-Range", 160)
    coarse = site(stack.enter_context(web()), changes={"DOWNLOADER": "http"})
    enumerate_calls(coarse, tally, WORKER, MUTATIONS, part=7, parts=1)
    tally.told(request)


@at_length
def test_killed_at_any_time_again_and_again_between_foreign_servers(
    site: MakeSite, chance: Random, request: pytest.FixtureRequest
) -> None:
    tally = Tally("foreign servers, at random times", 0)
    words = ("run", "--since", "30d", "--json", "--jobs", str(SEVERAL))
    many = site(before=DATED, lessons=2 * SEVERAL, words=words)
    while tally.points < KILLS:
        chain(many, tally, chance)
    tally.told(request)


@at_length
def test_killed_with_recordings_of_every_kind_in_a_folder(
    site: MakeSite, shelf: Path, request: pytest.FixtureRequest
) -> None:
    recordings = recordings_of_every_kind(shelf / "recordings", shelf)
    many = site(lessons=0, kind=FolderSite, recordings=recordings)
    tally = Tally("foreign media of every kind", 320)
    enumerate_calls(many, tally, WORKER, MUTATIONS, part=11, parts=1)
    tally.told(request)


@at_length
def test_killed_while_a_foreign_program_recognises_speech(
    chat: int, site: MakeSite, shelf: Path, stack: ExitStack, request: pytest.FixtureRequest
) -> None:
    tally = Tally("foreign speech recognition", 480)
    speech = stack.enter_context(whisper_server(shelf))
    listening = stack.enter_context(apache(speech, chat))
    spoken = site(listening, front=listening)
    texts = [transcript for transcript, _ in spoken.truth.minutes.values()]
    for clip, transcript in zip(CLIPS, texts, strict=False):
        assert transcript and clip.words in " ".join(one.text for one in transcript.segments)
    enumerate_calls(spoken, tally, WORKER, MUTATIONS, part=13, parts=1)
    tally.told(request)


def chain(site: CrashSite, tally: Tally, chance: Random) -> None:
    """Kill nights of one installation again and again; then look."""
    victim = site.victim()
    times: list[float] = []
    while len(times) < 2 * SEVERAL:
        times.append(round(chance.uniform(0, site.truth.seconds / 3), 3))
        if not site.processes.run_killed_after(victim.order, times[-1]).was_killed:
            break
        victim.kills += 1
    if tally.point(site.harm(victim, SEVERAL), f"killed after {times} s", victim.kills):
        victim.forget()
