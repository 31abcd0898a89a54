"""A summarizer pointed at the sandbox, and jobs that remember what they were told."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from zoneinfo import ZoneInfo

from meeting_pipeline.adapters.http.rate_limit import RateLimit
from meeting_pipeline.adapters.llm.openai_compatible import ChatSummarizer
from meeting_pipeline.domain.model import Participant, Summary, Usage
from meeting_pipeline.ports.gate import OPEN, Gate
from meeting_pipeline.ports.services import Summarizer
from meeting_pipeline.ports.stage_context import StageContext
from meeting_pipeline.sandbox.server import Sandbox
from meeting_pipeline.storage.files import RecordFolder
from tests.support.sandbox_client import Clock
from tests.support.transcripts import summary_job, transcript
from tests.support.virtual_time import VirtualStop

LESSON = (
    "李老师: 我们先看简历的排版，再看自我评价。",
    "王小明: 好的，我把项目经历放在最前面了。",
    "李老师: 下周三之前把改好的简历发给我。",
)


def kimi(
    sandbox: Sandbox,
    clock: Clock,
    *,
    model: str = "kimi-k2.6",
    base_url: str | None = None,
    api_key: str | None = None,
    stop: VirtualStop | None = None,
    per_minute: int | None = None,
    tokens_per_minute: int | None = None,
    context_tokens: int | None = None,
    prompt_price: float = 0.0,
    gate: Gate = OPEN,
) -> ChatSummarizer:
    """The summarizer as the program makes it, on a clock that only waiting moves."""
    stop = stop or VirtualStop(clock)
    rate = RateLimit(per_minute, tokens_per_minute=tokens_per_minute, stop=stop, clock=clock)
    return ChatSummarizer(
        base_url=base_url or sandbox.ai_url,
        api_key=sandbox.keys.chat if api_key is None else api_key,
        model=model,
        rate=rate,
        stop=stop,
        zone=ZoneInfo("Asia/Shanghai"),
        context_tokens=context_tokens,
        largest_call_tokens=tokens_per_minute,
        prompt_price=prompt_price,
        gate=gate,
        clock=clock,
    )


@dataclass
class Desk:
    """One recording's folder, and what its jobs spent."""

    folder: Path
    spent: list[Usage] = field(default_factory=list)

    def context(self) -> StageContext:
        people = (Participant("teacher_li", "李老师"), Participant(None, "王小明"))
        context = summary_job(self.folder, "简历辅导")
        meta = replace(context.meta, participants=people, teacher_id="teacher_li")
        return replace(context, meta=meta, spent=self.spent.append)

    def summarize(self, summarizer: Summarizer, lines: Sequence[str] = LESSON) -> Summary:
        return summarizer.summarize(transcript(lines), self.context())

    @property
    def kept(self) -> list[Path]:
        """The answers on disk."""
        return sorted(
            RecordFolder(self.folder, self.context().meta.key).file("calls").glob("*.json")
        )
