"""Nights over the recordings of a Tencent Meeting account, which the sandbox is.

Its recordings are the packaged samples on the days that their names say. Downloads, Tencent's own
transcripts, a speech service and a chat model are used over real sockets. One file of
`expected/sandbox_night` holds every call of one command, in the order in which they were typed.
"""

import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from meeting_pipeline.sandbox.company import Company, Record, RecordFile
from meeting_pipeline.sandbox.limits import ROOMY
from meeting_pipeline.sandbox.samples import ADMIN, FIRST_ID, SampleFile, sample_files
from meeting_pipeline.sandbox.server import Sandbox
from tests.support.golden_files import GoldenFiles
from tests.support.operator_terminal import Operator
from tests.support.steady_text import Steady

pytestmark = pytest.mark.timeout(900)  # seconds on a busy machine; 20 on an idle one

ALL = "--since 2026-01-01 --until 2026-01-20"
NEVER = 4e9


def test_a_sandbox_night_stays_as_it_is(golden: GoldenFiles, tmp_path: Path) -> None:
    with Sandbox(company(), limits=ROOMY) as sandbox:
        operator = at_a_desk(tmp_path, sandbox)
        begins(operator)
        works_by_hand(operator)
        leaves_it_to_the_night(operator)
        tries_again(operator)
        looks_at_the_results(operator)
        report = json.dumps(sandbox.ledger.report(), indent=2, sort_keys=True)
        operator.notes("what_the_services_saw.txt", report)
    golden.hold("sandbox_night", operator.texts())


def company() -> Company:
    """One to be had with Tencent's own transcript, one without, and four with something wrong."""
    samples = sample_files()
    native, unready, closed, heard, silent, broken = (
        record(place, sample) for place, sample in enumerate(samples)
    )
    [file] = native.files
    records = [
        replace(native, files=(replace(file, transcript=samples[0].transcript()),)),
        replace(unready, ready_at=NEVER),
        replace(closed, files=tuple(replace(one, allow_download=False) for one in closed.files)),
        replace(heard, sub_meeting_id=str(int(heard.started_at))),
        silent,
        broken,
    ]
    people = [person for sample in samples for person in sample.people]
    return Company([ADMIN, *people], records)


def record(place: int, sample: SampleFile) -> Record:
    """A sample as a recording of the account."""
    media = sample.media
    start = sample.started_at
    file = RecordFile(
        record_file_id=str(FIRST_ID + 2 * place + 1),
        started_at=start,
        ended_at=start + sample.seconds,
        video=media if media.suffix == ".mp4" else None,
        audio=media if media.suffix == ".m4a" else None,
    )
    return Record(
        meeting_record_id=str(FIRST_ID + 2 * place),
        meeting_id=str(sample.facts["meeting_id"]),
        meeting_code=media.stem.split("-")[2],
        owner=str(sample.facts["teacher_id"]),
        subject=str(sample.facts["subject"]),
        started_at=start,
        files=(file,),
        stays=tuple(sample.stays(start)),
    )


def at_a_desk(folder: Path, sandbox: Sandbox) -> Operator:
    called = {"tmapi": sandbox.api_url, "media": sandbox.media_url, "model": sandbox.ai_url}
    ports = {name: urlsplit(address).port for name, address in called.items()}
    names = {f":{port}": f":{name}" for name, port in ports.items()}
    names |= {f"port {port}": f"port {name}" for name, port in ports.items()}
    operator = Operator(folder, Steady({str(folder): "<here>", **names}))
    operator.has_settings({**sandbox.environment(), "JOBS": "1", "DOWNLOADER": "http"})
    return operator


def begins(operator: Operator) -> None:
    operator.types("doctor")
    operator.types("doctor --json", ALLOW_PRIVATE_HOSTS="0")
    operator.types(f"fetch {ALL} --dry-run --json")
    operator.types(f"fetch {ALL}")
    operator.types("cron")


def works_by_hand(operator: Operator) -> None:
    operator.types(f"download {ALL} --limit 1 --json")
    operator.types("transcribe --since 2026-01-05 --until 2026-01-05 --json")


def leaves_it_to_the_night(operator: Operator) -> None:
    operator.types("cron --json", ALLOW_PRIVATE_HOSTS="0")
    operator.types("status")


def tries_again(operator: Operator) -> None:
    operator.types("retry 2 3 --json")
    operator.types("summarize --since 2026-01-10 --until 2026-01-10 --json", DOWNLOADER="aria2")
    operator.types(f"run {ALL} --json")
    operator.types("run-range 2026-01-01 2026-01-20")
    operator.types("cron", ALLOW_PRIVATE_HOSTS="0")


def looks_at_the_results(operator: Operator) -> None:
    operator.notes_files("files.txt")
    operator.notes_rows("rows")
    operator.types("status --json")
    operator.types("show 5 --json")
    operator.types("show 5")
    operator.types("why 2 --json")
    operator.types("stats --json")
    operator.types("export --format jsonl --transcripts")
