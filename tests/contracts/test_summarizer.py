"""What every summarizer keeps to, whether it is a model or a set of rules."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from meeting_pipeline.adapters.llm.extractive import ExtractiveSummarizer
from meeting_pipeline.domain.enums import Phase
from meeting_pipeline.errors import RecordError
from meeting_pipeline.ports.services import Summarizer
from meeting_pipeline.sandbox.company import Company
from meeting_pipeline.sandbox.limits import ROOMY
from meeting_pipeline.sandbox.server import Sandbox
from tests.support.kimi import LESSON, Desk, kimi
from tests.support.sandbox_client import Clock
from tests.support.transcripts import transcript


@pytest.fixture(params=["extractive", "kimi"])
def summarizer(request: pytest.FixtureRequest) -> Iterator[Summarizer]:
    if request.param == "extractive":
        yield ExtractiveSummarizer()
        return
    clock = Clock()
    with Sandbox(Company([]), limits=ROOMY, now=clock) as sandbox:
        yield kimi(sandbox, clock)


def test_a_lesson_has_a_title_an_abstract_and_a_phase(
    summarizer: Summarizer, tmp_path: Path
) -> None:
    summary = Desk(tmp_path).summarize(summarizer)
    assert summary.title
    assert summary.abstract
    assert summary.phase is Phase.RESUME
    assert 0 <= summary.confidence <= 1


def test_evidence_is_what_was_said_and_when(summarizer: Summarizer, tmp_path: Path) -> None:
    said = transcript(LESSON)
    summary = summarizer.summarize(said, Desk(tmp_path).context())
    assert summary.evidence
    for one in summary.evidence:
        assert any(
            one.quote in segment.text and one.start_s == segment.start_s
            for segment in said.segments
        )


def test_the_same_lesson_has_the_same_summary(summarizer: Summarizer, tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    assert desk.summarize(summarizer) == desk.summarize(summarizer)


@pytest.mark.parametrize("lines", [[], ["", " "]])
def test_of_nothing_no_summary_is_made(
    summarizer: Summarizer, tmp_path: Path, lines: list[str]
) -> None:
    with pytest.raises(RecordError) as failed:
        Desk(tmp_path).summarize(summarizer, lines)
    assert failed.value.code == "empty_transcript"


def test_progress_never_goes_back_and_ends_at_the_whole(
    summarizer: Summarizer, tmp_path: Path
) -> None:
    told: list[float] = []
    context = replace(Desk(tmp_path).context(), progress=told.append)
    summarizer.summarize(transcript(LESSON * 30), context)
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_the_settings_are_one_short_line(summarizer: Summarizer) -> None:
    assert 0 < len(summarizer.settings) < 100
    assert summarizer.settings.isprintable()
    assert "sk-" not in summarizer.settings
