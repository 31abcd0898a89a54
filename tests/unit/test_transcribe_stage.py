"""What the stage makes of a transcript, whoever made it."""

from array import array
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from meeting_pipeline.adapters.db.database import Database
from meeting_pipeline.domain import audio_warnings, levels
from meeting_pipeline.domain.model import Audio, RecordKey, Segment, Transcript
from meeting_pipeline.errors import RecordError, SkipRecord
from meeting_pipeline.ports.progress import no_progress
from meeting_pipeline.ports.stage_context import StageContext
from meeting_pipeline.stages.transcribe import Transcribe
from meeting_pipeline.storage.files import RecordFolder
from tests.support.fakes import FakeTranscriber, meta


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    rows = Database(f"sqlite:///{tmp_path}/rows/meeting.db")
    rows.make_ready()
    rows.recordings.upsert([meta(1)])
    yield rows
    rows.close()


AUDIO = Audio(Path("audio.flac"), 1, "0" * 64, 5.0)


class Talkative(FakeTranscriber):
    """A recogniser that never stops."""

    letters = 20 << 20

    def transcribe(self, audio: Audio, context: StageContext) -> Transcript:
        said = super().transcribe(audio, context)
        return replace(said, segments=(Segment(0.0, 5.0, "a" * self.letters, None),))


def test_security_07_a_transcript_above_20_mb_is_refused(
    tmp_path: Path, database: Database
) -> None:
    folder = RecordFolder(tmp_path, RecordKey("fake", "1"))
    context = StageContext(1, meta(1), folder, no_progress, lambda usage: None)
    endless, long = Talkative(), Talkative()
    long.letters = 19 << 20

    with pytest.raises(RecordError) as refused:
        Transcribe(endless, database.recordings).run(AUDIO, context)

    assert refused.value.code == "oversized"
    assert not folder.file("transcript.json").exists()
    assert Transcribe(long, database.recordings).run(AUDIO, context).size_bytes > 19 << 20


class Deaf(FakeTranscriber):
    """A recogniser that finds no speech."""

    def transcribe(self, audio: Audio, context: StageContext) -> Transcript:
        raise SkipRecord("no_speech", "The recording contains no speech.")


def test_a_recording_without_speech_is_skipped_with_how_loud_it_was(
    tmp_path: Path, database: Database
) -> None:
    context = StageContext(
        1, meta(1), RecordFolder(tmp_path, RecordKey("fake", "1")), no_progress, lambda usage: None
    )
    audio = replace(AUDIO, path=tmp_path / "audio.flac")
    with pytest.raises(SkipRecord) as unmeasured:
        Transcribe(Deaf(), database.recordings).run(audio, context)
    assert unmeasured.value.message == "The recording contains no speech."

    measured = array("f", [-76.0] * 100 + [-62.0] * 30 + [-48.0] * 2)
    (tmp_path / levels.FILE_NAME).write_bytes(levels.pack(measured, audio.sha256))
    with pytest.raises(SkipRecord) as skipped:
        Transcribe(Deaf(), database.recordings).run(audio, context)

    assert skipped.value.code == "no_speech"
    assert skipped.value.message == (
        "The recording contains no speech; its loudest second has -62 dBFS, its peak -48 dBFS"
    )


def test_text_that_leaves_out_much_of_the_speech_has_a_warning_with_how_much(
    tmp_path: Path, database: Database
) -> None:
    context = StageContext(
        1, meta(1), RecordFolder(tmp_path, RecordKey("fake", "1")), no_progress, lambda usage: None
    )
    audio = replace(AUDIO, path=tmp_path / "audio.flac", duration_s=60.0)
    spoken = array("f", ([-25.0] * 20 + [-80.0] * 4) * 50)
    (tmp_path / levels.FILE_NAME).write_bytes(levels.pack(spoken, audio.sha256))

    stage = Transcribe(FakeTranscriber(), database.recordings)
    said = stage.load(stage.run(audio, context), context)

    [warning] = said.warnings
    percent = audio_warnings.covered_percent(warning)
    assert percent is not None
    assert int(percent) == pytest.approx(100 * said.segments[-1].end_s / 60.0, abs=3)
