"""Row 61: a model that obeys whatever is said in a meeting can spoil that meeting's row only."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from meeting_pipeline.adapters.http.rate_limit import RateLimit
from meeting_pipeline.adapters.llm.openai_compatible import ChatSummarizer
from meeting_pipeline.adapters.llm.prompting import system_prompt
from meeting_pipeline.domain.display import strip_control_characters_by_line
from meeting_pipeline.domain.enums import ExportFormat, Phase
from meeting_pipeline.domain.model import Audio, Segment, Summary, Transcript
from meeting_pipeline.domain.stages import RunReport
from meeting_pipeline.domain.views import ExportedRecording, RecordingFilter
from meeting_pipeline.ports.stage_context import StageContext
from meeting_pipeline.reporting.exports import Export
from meeting_pipeline.sandbox.wire import Listener, Reply, Request, json_reply
from tests.support.exported import SHANGHAI, acts, page, sheet
from tests.support.fakes import FakeSummarizer, FakeTranscriber, meta
from tests.support.injections import ATTACKS, VALID
from tests.support.nights import Installation
from tests.support.sandbox_client import Clock
from tests.support.sandbox_installation import FILES
from tests.support.virtual_time import VirtualStop

HONEST = VALID | {"title": "改简历", "phase": "简历优化", "evidence": []}
LESSON = "我们来改简历"
LINE = re.compile(r"\[\d{2,}:\d\d\] 学员: ")


def spoken(record_id: str) -> str:
    """What is said in the n-th recording."""
    return [*ATTACKS, LESSON][int(record_id[-4:])]


def plain(text: str) -> str:
    return " ".join(text.split())


@dataclass
class Obedient:
    """A chat server whose model answers with the very words that somebody spoke to it."""

    asked: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, request: Request) -> Reply:
        body = json.loads(request.body)
        self.asked.append(body)
        said = body["messages"][1]["content"]
        obeyed = [attack for attack in ATTACKS if f"学员: {plain(attack)}\n" in said]
        content = obeyed[0] if obeyed else json.dumps(HONEST, ensure_ascii=False)
        choice = {"message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
        return json_reply(200, {"choices": [choice]})


@dataclass
class Overheard(FakeTranscriber):
    """The n-th recording is the n-th attack; what comes after the last is an honest lesson."""

    def transcribe(self, audio: Audio, context: StageContext) -> Transcript:
        said = Segment(0.0, 5.0, spoken(context.meta.key.record_id), "学员")
        return Transcript("zh", "fake", "fake", (said,), audio.duration_s)


@dataclass
class AsksKimi(FakeSummarizer):
    kimi: ChatSummarizer | None = None

    def summarize(self, transcript: Transcript, context: StageContext) -> Summary:
        assert self.kimi
        return self.kimi.summarize(transcript, context)


@dataclass
class Night:
    """What came of a night with all the attacks, and what the model was asked in it."""

    installation: Installation
    report: RunReport
    asked: list[dict[str, Any]]

    @property
    def prompts(self) -> list[str]:
        return [body["messages"][1]["content"] for body in self.asked]

    def exported(self) -> list[ExportedRecording]:
        rows = self.installation.rows()
        try:
            return list(rows.exporting.recordings(RecordingFilter(), transcripts=True))
        finally:
            rows.close()

    def written(self, form: ExportFormat) -> str:
        made = Export(form, SHANGHAI, transcripts=True)
        return "".join(made.pieces(self.exported(), self.installation.now))


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    clock = Clock()
    stop = VirtualStop(clock)
    obedient = Obedient()
    listener = Listener(obedient.answer, clock)
    listener.start()
    kimi = ChatSummarizer(
        base_url=f"{listener.url}/v1",
        api_key="sk-test",
        model="kimi-k2.6",
        rate=RateLimit(stop=stop, clock=clock),
        stop=stop,
        zone=ZoneInfo("Asia/Shanghai"),
        clock=clock,
    )
    installation = Installation(
        tmp_path_factory.mktemp("attacked"),
        [meta(number) for number in range(len(ATTACKS) + 1)],
        transcriber=Overheard(),
        summarizer=AsksKimi(kimi=kimi),
    )
    yield Night(installation, installation.run(), obedient.asked)
    kimi.close()
    listener.stop()


def test_row_61_and_security_12_thirty_attacks_change_nothing_but_their_own_rows(
    night: Night,
) -> None:
    assert len(ATTACKS) == 30
    assert night.report.listed == 31
    rows = night.installation.rows()
    try:
        details = {record: rows.reading.show(record.id) for record in night.report.records}
    finally:
        rows.close()
    for record, detail in details.items():
        assert detail
        if detail.summary is None:
            assert record.error_code == "bad_reply"
            continue
        words = spoken(record.record_id)
        assert detail.summary.phase in Phase
        assert all(one.quote in words for one in detail.summary.evidence)
        assert (detail.summary.title == HONEST["title"]) == (words == LESSON)
    titles = [detail.summary.title for detail in details.values() if detail and detail.summary]
    assert titles.count(str(HONEST["title"])) == 1


def test_row_61_and_security_12_no_reply_names_a_file(night: Night) -> None:
    files = [Path(name) for name in night.installation.files()]
    assert {file.name for file in files if "calls" not in file.parts} <= set(FILES)
    assert len({file.parts[:2] for file in files}) == 31


def test_row_61_and_security_12_every_attack_stays_in_its_lines_between_the_fences(
    night: Night,
) -> None:
    assert len(set(night.prompts)) == 31
    for prompt in night.prompts:
        lines = prompt.splitlines()
        first, facts, *said, last = lines[2:]
        assert first == last
        assert prompt.count(first) == 2
        assert json.loads(facts)["日期"]
        assert said
        assert all(LINE.match(line) for line in said)


def test_row_61_and_security_12_nothing_but_words_is_ever_asked_for(night: Night) -> None:
    allowed = {"model", "messages", "max_completion_tokens", "thinking", "response_format"}
    assert all(set(body) == allowed for body in night.asked)
    systems = {body["messages"][0]["content"] for body in night.asked}
    assert systems == {system_prompt()}


def test_row_61_and_security_12_no_attack_acts_in_a_sheet(night: Night) -> None:
    rows = sheet(night.written(ExportFormat.CSV))
    assert len(rows) == 31
    assert not [shown for row in rows for shown in row.values() if acts(shown)]
    assert [row["summary"] for row in rows if row["summary"].startswith("'=cmd|")]


def test_row_61_and_security_12_no_attack_acts_on_a_page(night: Night) -> None:
    shown = page([night.written(ExportFormat.HTML)])
    told = [text for one in night.exported() for text in (one.summary, one.transcript)]
    texts = [text for text in shown.shown_in("p")[:-1] if text != "还没有摘要 no summary yet"]
    assert texts == [strip_control_characters_by_line(text) for text in told if text]
    assert [text for text in texts if "<script>" in text]
    names = {name for name, _ in shown.elements}
    assert names.isdisjoint({"script", "img", "a", "system", "instruction", "think"})
