"""Rows 11 and 35: a night among servers that are never done ends, and the next one may begin."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import pytest
from tenacity.wait import wait_none

from meeting_pipeline.adapters.asr import openai_compatible as asr
from meeting_pipeline.adapters.http import client
from meeting_pipeline.adapters.http.client import Timeouts
from meeting_pipeline.adapters.llm import openai_compatible as llm
from meeting_pipeline.adapters.sources.tencent import connect
from meeting_pipeline.domain.stages import RecordStatus
from meeting_pipeline.sandbox.server import Sandbox
from meeting_pipeline.wiring.factories import aria2_downloader, http_downloader
from tests.support.sandbox_installation import Office
from tests.support.short_recordings import BURSTS
from tests.support.trickling_servers import HEADS, listening, spoken_to

FAILED = 4
SERVICES = {
    "the meeting API": ("TQM_BASE_URL", ""),
    "the speech service": ("ASR_BASE_URL", "/v1"),
    "the language model": ("KIMI_BASE_URL", "/v1"),
}

pytestmark = pytest.mark.timeout(120)


@contextmanager
def little_time() -> Iterator[None]:
    """Seconds instead of minutes for every deadline, and no wait between two tries."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client, "_BACK_OFF", wait_none())
        for module in (connect, asr, llm):
            patch.setattr(module, "_TIMEOUTS", Timeouts(total_s=1.0))
        for module, name in (
            (http_downloader, "HttpDownloader"),
            (aria2_downloader, "Aria2Downloader"),
        ):
            short = partial(getattr(module, name), stall_s=0.3, first_wait_s=0.01)
            patch.setattr(module, name, short)
        yield


def assert_the_next_night_is_fine(office: Office) -> None:
    office.make_due()
    assert office.night().exit_code == 0
    assert office.only().status is RecordStatus.DONE
    assert office.sandbox.ledger.bursts == {(0, place): 1 for place in BURSTS}


@pytest.mark.parametrize("service", [*SERVICES])
def test_row_11_a_night_ends_whose_service_trickles(office: Office, service: str) -> None:
    name, path = SERVICES[service]
    with listening(spoken_to(HEADS["header"])) as port, little_time():
        trickling = {name: f"http://127.0.0.1:{port}{path}"}
        report = replace(office, changes={**office.changes, **trickling}).night()
    assert report.exit_code == FAILED
    assert_the_next_night_is_fine(office)


@pytest.mark.parametrize("downloader", ["http", "aria2"])
def test_row_35_a_night_ends_whose_media_host_trickles(
    office: Office, sandbox: Sandbox, downloader: str
) -> None:
    office = replace(office, changes={**office.changes, "DOWNLOADER": downloader})
    with listening(spoken_to(HEADS["header"])) as port, little_time():
        sandbox.media.url = f"http://127.0.0.1:{port}"
        report = office.night()
    assert report.exit_code == FAILED
    assert office.first_error() == ("download_stalled", 1)
    sandbox.media.url = sandbox.media_url
    assert_the_next_night_is_fine(office)
