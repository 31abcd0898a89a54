"""A transcript is in the rows as soon as it is made, and no speech is recognised twice for it."""

from pathlib import Path

from meeting_pipeline import exit_codes
from meeting_pipeline.domain.stages import StageName
from tests.support.fakes import meta
from tests.support.nights import Installation


def test_a_transcript_without_a_summary_is_in_the_rows(tmp_path: Path) -> None:
    office = Installation(tmp_path, [meta(1)])
    office.run(until=StageName.TRANSCRIBE)

    rows = office.rows()
    number = rows.reading.find(str(meta(1).key)) or 0
    transcript, versions = rows.recordings.transcript(number), rows.summaries.versions(number)
    rows.close()

    assert transcript is not None
    assert "我们来看简历" in transcript.text
    assert versions == []


def test_a_lost_transcript_is_written_again_from_the_rows(tmp_path: Path) -> None:
    office = Installation(tmp_path, [meta(1)])
    office.run(until=StageName.TRANSCRIBE)
    [file] = (tmp_path / "recordings").rglob("transcript.json")
    before = file.read_bytes()
    file.unlink()

    report = office.run()

    assert report.exit_code == exit_codes.OK
    assert len(office.transcriber.heard) == 1
    assert len(office.summarizer.read) == 1
    assert file.read_bytes() == before


def test_a_transcript_that_retention_removed_is_recognised_again(tmp_path: Path) -> None:
    office = Installation(tmp_path, [meta(1)])
    office.run()
    rows = office.rows()
    number = rows.reading.find(str(meta(1).key)) or 0
    with rows.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM transcript_segments")
    rows.close()
    [file] = (tmp_path / "recordings").rglob("transcript.json")
    file.unlink()
    office.summarizer.settings = "fake prompt-2"

    office.run(everywhere=False)

    assert len(office.transcriber.heard) == 2
    rows = office.rows()
    transcript = rows.recordings.transcript(number)
    rows.close()
    assert transcript is not None and transcript.segments
