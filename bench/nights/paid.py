"""The two paid services, with a duration, a concurrency and a rate limit; beyond them 429."""

import asyncio
import hashlib
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from itertools import chain, count, repeat

from bench.nights.plan import Night
from bench.nights.wire import Answer, json_answer
from meeting_pipeline.sandbox.chat_rules import check_chat
from meeting_pipeline.sandbox.completion import completion
from meeting_pipeline.sandbox.limits import SlidingWindow
from meeting_pipeline.sandbox.openai_api import Keys
from meeting_pipeline.sandbox.refusals import Refused
from meeting_pipeline.sandbox.transcription_rules import check_form
from meeting_pipeline.sandbox.uploads import read_form
from meeting_pipeline.sandbox.wire import Request

KEYS = Keys()
CHAT_MODEL = "kimi-k2.6"
_UPLOAD_BYTES = 25 << 20
_SENTENCES = (
    "我们继续看这份简历，项目描述要写清楚结果和数字，排版再简单一点。",
    "这个项目的架构分成三层，请说明数据库为什么这样设计，指标怎么样。",
    "现在做一次模拟面试，请先做自我介绍，再回答你最大的优点和缺点。",
    "关于录用通知，我们比较一下薪资、岗位和入职时间，再决定怎么回复。",
    "回去以后把今天的内容整理成文档，下周三之前发给老师检查一遍。",
)
_SEGMENT_S = 7.5
_END_BYTES = 1 << 15


class Service:
    """Slots and a rate; refused, answered: counted. most: calls at once."""

    def __init__(self, slots: int, rpm: int, times: list[float]) -> None:
        self._slots, self._used, self.most = slots, 0, 0
        self._rate = SlidingWindow(rpm, 60.0, time.monotonic)
        self._times = chain(times, repeat(sum(times) / max(1, len(times))))
        self.refused, self.answered, self.busy_s = 0, 0, 0.0

    async def call(self, answer: Callable[[], Answer]) -> Answer:
        """Answer after the time of the next call, or refuse at once."""
        if self._used >= self._slots or self._rate.spend():
            self.refused += 1
            error = {"type": "rate_limit_reached_error", "message": "try again after 1 seconds"}
            return json_answer(429, {"error": error}, ("Retry-After", "1"))
        self._used += 1
        self.most = max(self.most, self._used)
        seconds = next(self._times)
        try:
            await asyncio.sleep(seconds)
        finally:
            self._used -= 1
        self.answered += 1
        self.busy_s += seconds
        return answer()


class PaidServices:
    """Answers POST …/audio/transcriptions and …/chat/completions of one night.

    uploads: answered transcriptions by fingerprint of the sound. violations: of their rules.
    """

    def __init__(self) -> None:
        self.reset(Night())

    def reset(self, night: Night) -> None:
        """Forget everything, and serve this night."""
        self._night = night
        self.asr = Service(night.asr_slots, night.asr_rpm, night.asr_times(night.good))
        self.llm = Service(night.llm_slots, night.llm_rpm, night.llm_times(night.good))
        self.uploads: Counter[str] = Counter()
        self.violations: list[str] = []
        self.failed_on_purpose = 0
        self._numbers: dict[str, int] = {}
        self._numbering = count()

    async def transcribe(self, request: Request) -> Answer:
        return await self._judged(request, self._transcribe)

    async def chat(self, request: Request) -> Answer:
        return await self._judged(request, self._chat)

    async def _judged(
        self, request: Request, handle: Callable[[Request], Awaitable[Answer]]
    ) -> Answer:
        try:
            return await handle(request)
        except Refused as refused:
            self.violations.append(f"{refused.rule or refused.kind}: {refused.message}")
            error = {"type": refused.kind, "message": refused.message}
            return json_answer(refused.status, {"error": error})

    async def _transcribe(self, request: Request) -> Answer:
        form, _ = read_form(request)
        check_form(form, KEYS.asr_model, _UPLOAD_BYTES, {})
        heard = _fingerprint(form["file"])
        if heard not in self._numbers:
            self._numbers[heard] = next(self._numbering)
        if self._numbers[heard] in self._night.asr_poison:
            self.failed_on_purpose += 1
            return json_answer(500, {"error": {"type": "server_error", "message": "worker died"}})

        def answer() -> Answer:
            self.uploads[heard] += 1
            return json_answer(200, _heard(self._night.clip_s, self._numbers[heard]))

        return await self.asr.call(answer)

    async def _chat(self, request: Request) -> Answer:
        body = json.loads(request.body)
        prompt = check_chat(body, {})

        def answer() -> Answer:
            return json_answer(200, completion(body, _MINUTES, prompt, {}))

        return await self.llm.call(answer)


def _fingerprint(sound: bytes) -> str:
    """By its two ends, that no two clips have in common: all of it takes a millisecond."""
    return hashlib.sha256(sound[:_END_BYTES] + sound[-_END_BYTES:]).hexdigest()


def _heard(clip_s: float, number: int) -> dict[str, object]:
    """Return text for that duration, with times."""
    places = range(max(1, round(clip_s / _SEGMENT_S)))
    length = clip_s / len(places)
    segments = [
        {
            "id": place,
            "start": round(place * length, 2),
            "end": round((place + 1) * length, 2),
            "text": _SENTENCES[(place + number) % len(_SENTENCES)],
        }
        for place in places
    ]
    text = "".join(str(one["text"]) for one in segments)
    return {"task": "transcribe", "language": "chinese", "duration": clip_s, "text": text} | {
        "segments": segments
    }


_MINUTES = json.dumps(
    {
        "title": "简历优化：项目描述",
        "abstract": "老师和学生一起看简历，讨论项目描述、架构和录用通知。",
        "key_points": ["项目描述写清楚结果和数字", "排版再简单一点"],
        "decisions": [],
        "action_items": [{"what": "把今天的内容整理成文档", "who": "学生", "by_when": "下周三"}],
        "student_notes": [],
        "phase": "简历优化",
        "confidence": 0.9,
        "evidence": [{"quote": "项目描述要写清楚结果和数字", "time": "00:00"}],
    },
    ensure_ascii=False,
)
