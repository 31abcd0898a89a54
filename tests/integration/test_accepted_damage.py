"""A damaged recording that an operator accepts is transcribed as far as it goes, and says so."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from meeting_pipeline import exit_codes
from meeting_pipeline.adapters.media.ffmpeg import FFmpegMedia
from meeting_pipeline.adapters.media.pyav import PyAVMedia
from meeting_pipeline.cli import render
from meeting_pipeline.domain.stages import RecordStatus, StageName
from meeting_pipeline.errors import RecordError
from meeting_pipeline.ports.media import MediaTool
from meeting_pipeline.ports.progress import no_progress
from meeting_pipeline.reporting.documents import run_document
from meeting_pipeline.reporting.notice import of_report
from meeting_pipeline.sandbox.limits import ROOMY
from meeting_pipeline.sandbox.server import Sandbox
from tests.support.command import meeting
from tests.support.generated_media import Take, cut, record
from tests.support.sandbox_installation import Office
from tests.support.short_recordings import SHORT_IS_FINE, company
from tests.support.system_programs import require_program

SECONDS = 20.0
TAKES = {
    "lesson.mkv": Take(muxer="matroska", seconds=SECONDS),
    "lesson.mp3": Take(codec="mp3", muxer="mp3", seconds=SECONDS),
    "lesson.wav": Take(codec="pcm_s16le", muxer="wav", seconds=SECONDS),
    "lesson.flac": Take(codec="flac", muxer="flac", seconds=SECONDS),
    "lesson.mp4": Take(muxer="mp4", seconds=SECONDS, changes=(("movflags", "+faststart"),)),
    "lesson.webm": Take(codec="libopus", rate=48_000, muxer="webm", seconds=SECONDS),
    "opus.ogg": Take(codec="libopus", rate=48_000, muxer="ogg", seconds=SECONDS),
    "vorbis.ogg": Take(codec="vorbis", muxer="ogg", seconds=SECONDS),
}


def damaged(folder: Path, name: str) -> Path:
    whole = record(folder / f"whole.{name}", TAKES[name])
    return cut(whole, folder / name, 0.6)


@pytest.fixture(params=["pyav", "ffmpeg"])
def tool(request: pytest.FixtureRequest) -> MediaTool:
    if request.param == "pyav":
        return PyAVMedia()
    return FFmpegMedia(require_program("ffmpeg", "ffmpeg"), PyAVMedia())


@pytest.mark.parametrize("name", TAKES)
def test_what_is_left_of_a_recording_that_was_cut_off_can_be_decoded(
    tool: MediaTool, tmp_path: Path, name: str
) -> None:
    audio = tool.extract(damaged(tmp_path, name), tmp_path / "a.flac", "flac", no_progress, True)
    assert audio.duration_s == pytest.approx(0.6 * SECONDS, abs=1.5)


def test_what_follows_damage_in_the_middle_is_kept(tool: MediaTool, tmp_path: Path) -> None:
    whole = record(tmp_path / "whole.mp3", TAKES["lesson.mp3"])
    content = bytearray(whole.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 300] = bytes([0x55, 0xAA] * 150)
    broken = tmp_path / "lesson.mp3"
    broken.write_bytes(content)
    with pytest.raises(RecordError) as refusal:
        tool.extract(broken, tmp_path / "b.flac", "flac", no_progress)
    assert refusal.value.code == "corrupt_media"

    audio = tool.extract(broken, tmp_path / "c.flac", "flac", no_progress, True)

    assert audio.duration_s == pytest.approx(SECONDS, abs=0.7)


def test_a_file_that_is_no_media_cannot_be_accepted(tool: MediaTool, tmp_path: Path) -> None:
    page = tmp_path / "a.mp4"
    page.write_bytes(b"\x00\x01" * 5_000)
    with pytest.raises(RecordError) as refusal:
        tool.extract(page, tmp_path / "a.flac", "flac", no_progress, True)
    assert refusal.value.code == "not_media"


@pytest.fixture(params=["lesson.mkv", "opus.ogg"])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    folder = tmp_path / "录制"
    folder.mkdir()
    lesson = damaged(tmp_path, request.param)
    lesson.rename(folder / f"王同学 2026-01-05{lesson.suffix}")
    record(folder / "好的 2026-01-06.m4a", Take(muxer="mp4", seconds=SECONDS))
    ours = {
        "MEETING_SOURCE": "folder",
        "MEETING_FOLDER": str(folder),
        "SETTLE_S": "0",
        "LLM_BACKEND": "extractive",
        "NOTIFY_URLS": "",
        "TEACHER_WHITELIST": "",
        **SHORT_IS_FINE,
    }
    with Sandbox(company(), limits=ROOMY) as sandbox:
        yield Office(sandbox, tmp_path / "data", changes=ours)


def test_an_accepted_recording_is_done_and_marked_as_incomplete_everywhere(
    office: Office, tmp_path: Path
) -> None:
    assert office.night().exit_code == exit_codes.RECORDS_FAILED
    environment = office.environment
    [failed] = [row for row in office.rows().values() if row.status is RecordStatus.FAILED]
    number = str(failed.id)
    told = meeting("why", number, env=environment)
    assert f"meeting retry {number} --accept-damaged" in told.out

    accepted = meeting("retry", number, "--accept-damaged", "--json", env=environment)

    assert accepted.document == {"reopened": [number]}
    report = office.night()
    assert (report.exit_code, report.due) == (exit_codes.OK, 1)
    [remark] = [one.message or "" for one in report.records]
    assert remark.startswith("录音不完整")
    assert run_document(report, ZoneInfo("UTC"))["records"][0]["message"] == remark
    assert f"#{number} {remark}" in of_report(report, "host").body
    shown = meeting("show", number, "--json", env=environment).document
    assert "incomplete_recording" in shown["transcript"]["warnings"]
    assert shown["accept_damaged"] is True
    assert shown["duration_s"] == pytest.approx(0.6 * SECONDS, abs=1.5)
    for words in (("show", number), ("why", number), ("status",)):
        assert "incomplete" in meeting(*words, env=environment).out, words
    for kind in ("csv", "html", "json"):
        target = tmp_path / f"x.{kind}"
        assert meeting("export", "-o", str(target), env=environment).code == exit_codes.OK
        text = target.read_text("utf-8-sig")
        assert "incomplete_recording" in text or '"accept_damaged": true' in text, kind
    [page] = [
        page.read_text("utf-8")
        for page in (tmp_path / "data").rglob("summary.md")
        if failed.record_id in page.read_text("utf-8")
    ]
    assert "incomplete_recording" in page
    assert "> ⚠" in page
    if lesson_states_its_length(office):
        part = re.match(r"录音不完整：(\d+\.\d) / (20\.\d) 秒", remark)
        assert part and float(part[1]) == pytest.approx(shown["duration_s"], abs=0.06)
        assert part[0] in page
        for words in (("show", number), ("why", number)):
            said = "".join(meeting(*words, env=environment).out.split())
            assert f"({part[1]}/{part[2]}秒s)" in said, words
    again = office.night()
    assert again.due == 0
    assert office.rows()[failed.record_id].accept_damaged


def lesson_states_its_length(office: Office) -> bool:
    folder = Path(office.environment["MEETING_FOLDER"])
    return any(path.suffix == ".mkv" for path in folder.iterdir())


def test_the_report_on_a_screen_names_what_is_incomplete(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    office.night()
    [failed] = [row for row in office.rows().values() if row.status is RecordStatus.FAILED]
    meeting("retry", str(failed.id), "--accept-damaged", env=office.environment)
    report = office.night()
    capsys.readouterr()
    render.report(report)
    assert "录音不完整" in capsys.readouterr().out


def test_only_damage_can_be_accepted(office: Office) -> None:
    office.night()
    environment = office.environment
    [whole] = [row for row in office.rows().values() if row.status is RecordStatus.DONE]
    refused = meeting("retry", str(whole.id), "--accept-damaged", "--json", env=environment)
    assert refused.code == exit_codes.USAGE
    assert json.loads(refused.out)["error"]["code"] == "not_damaged"
    assert meeting("retry", "--dead", "--accept-damaged", env=environment).code == exit_codes.USAGE


def test_an_accepted_recording_of_which_nothing_can_be_decoded_stays_damaged(
    office: Office, tmp_path: Path
) -> None:
    whole = record(tmp_path / "whole.mkv", TAKES["lesson.mkv"]).read_bytes()
    useless = tmp_path / "录制" / "陈同学 2026-01-07.mkv"
    office.night()
    known = set(office.rows())
    useless.write_bytes(whole[:700] + bytes(len(whole) - 700))
    office.night()
    environment = office.environment
    [row] = [row for key, row in office.rows().items() if key not in known]
    number = str(row.id)
    assert meeting("retry", number, "--accept-damaged", env=environment).code == exit_codes.OK

    office.night()

    row = office.rows()[row.record_id]
    assert (row.status, row.skip_reason) == (RecordStatus.FAILED, None)
    told = meeting("why", number, env=environment).out
    assert "corrupt_media" in {entry.error_code for entry in row.stages.values()}
    assert "put a whole file in its place" in told
    assert "--accept-damaged" not in told


def test_a_recording_without_its_index_is_not_worth_accepting(
    office: Office, tmp_path: Path
) -> None:
    whole = record(tmp_path / "whole.mp4", Take(muxer="mp4", seconds=SECONDS))
    office.night()
    known = set(office.rows())
    cut(whole, tmp_path / "录制" / "赵同学 2026-01-08.mp4", 0.6)

    office.night()

    [row] = [row for key, row in office.rows().items() if key not in known]
    assert "truncated_media" in {entry.error_code for entry in row.stages.values()}
    assert "index (moov) is missing" in (row.stages[StageName.DOWNLOAD].message or "")
    told = meeting("why", str(row.id), env=office.environment).out
    assert "repair it with a tool that rebuilds the index" in told
    assert "--accept-damaged" not in told
