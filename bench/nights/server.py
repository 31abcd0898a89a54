"""Everything a night needs from outside, in one process that is never the slowest.

    python -m bench.nights.server FOLDER RECORDS CLIP_SECONDS CLIP_BYTES

The meeting API is the sandbox's own, with its gate; media and paid services are made for speed.
Clients that do not sign (shell scripts) get a plain list and plain links. Prints its address and
serves until its standard input ends. POST /control/reset begins a night, GET /control/report
returns its counters.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.nights.clips import make_clips, make_silent_film
from bench.nights.company import make_company
from bench.nights.media_host import Film, MediaHost
from bench.nights.paid import PaidServices
from bench.nights.plan import Night
from bench.nights.wire import Answer, Handler, json_answer, listen, text_answer
from meeting_pipeline.sandbox.bench import Bench
from meeting_pipeline.sandbox.faults import Faults
from meeting_pipeline.sandbox.ledger import Ledger
from meeting_pipeline.sandbox.limits import Limits
from meeting_pipeline.sandbox.tencent_api import TencentApi
from meeting_pipeline.sandbox.tencent_endpoints import Site
from meeting_pipeline.sandbox.tencent_gate import EXAMPLE, Gate
from meeting_pipeline.sandbox.wire import Request

_SILENT = 10**15


class NightServer:
    """Routes requests; one night at a time."""

    def __init__(self, clips: list[Path], silent: Path, clip_bytes: int) -> None:
        films = [Film(clip, clip_bytes, number) for number, clip in enumerate(clips)]
        self.media = MediaHost("", films, Film(silent, clip_bytes, _SILENT))
        self.paid = PaidServices()
        self._paid: Mapping[str, Handler] = {
            "/ai/v1/audio/transcriptions": self.paid.transcribe,
            "/ai/v1/chat/completions": self.paid.chat,
        }
        self._free: Mapping[str, Callable[[Request], Answer]] = {
            "/plain/records": self._plain,
            "/control/reset": self._reset,
            "/control/report": self._report,
        }
        self.reset(Night(records=len(clips), clip_bytes=clip_bytes))

    def reset(self, night: Night) -> None:
        """Forget the last night and begin this one."""
        self._night, self._ledger = night, Ledger()
        self._cpu_s, self._began = time.process_time(), time.monotonic()
        bench = Bench(self._ledger, Faults(), time.time, lambda _: None)
        limits = replace(Limits(), per_minute=night.tencent_rpm, corp_per_minute=night.tencent_rpm)
        company = make_company(night.records, night.clip_s, night.clip_bytes, time.time())
        media: Any = self.media  # replaces the sandbox's host and makes links
        site = Site(company, media, time.time)
        self._api = TencentApi(site, Gate(EXAMPLE, limits, time.time), bench)
        self.media.reset(night)
        self.paid.reset(night)

    async def answer(self, request: Request) -> Answer:
        if request.path.startswith("/media/"):
            return await self.media.answer(request)
        if paid := self._paid.get(request.path):
            return await paid(request)
        if free := self._free.get(request.path):
            return free(request)
        reply = self._api.answer(request)
        return Answer(reply.status, b"".join(reply.chunks), reply.headers)

    def _reset(self, request: Request) -> Answer:
        self.reset(Night.from_json(request.body))
        return json_answer(200, {})

    def _report(self, _: Request) -> Answer:
        return json_answer(200, self.report())

    def _plain(self, _: Request) -> Answer:
        places = range(self._night.records)
        return text_answer(200, "".join(f"{one} {self.media.plain_link(one)}\n" for one in places))

    def report(self) -> dict[str, Any]:
        """What happened since the night began; cpu_share: of a core, for ourselves."""
        asr, llm, ledger = self.paid.asr, self.paid.llm, self._ledger
        elapsed = time.monotonic() - self._began
        paid_twice = [many for many in self.paid.uploads.values() if many > 1]
        return {
            "tencent_calls": dict(ledger.calls),
            "refused": {
                "asr": asr.refused,
                "llm": llm.refused,
                "tencent": sum(ledger.rate_refusals.values()),
            },
            "answered": {"asr": asr.answered, "llm": llm.answered},
            "most_at_once": {"asr": asr.most, "llm": llm.most},
            "busy_s": {"asr": asr.busy_s, "llm": llm.busy_s},
            "failed_on_purpose": self.paid.failed_on_purpose,
            "struck": {str(fate): many for fate, many in self.media.struck.items()},
            "paid_twice": len(paid_twice),
            "media_bytes": sum(self.media.sent.values()),
            "violations": [*self.paid.violations, *map(str, ledger.violations)],
            "cpu_share": (time.process_time() - self._cpu_s) / max(elapsed, 1e-3),
        }


async def serve(folder: Path, records: int, clip_s: float, clip_bytes: int) -> None:
    """Make what is missing of the media, listen, say where, and wait for the end of the input."""
    clips = make_clips(folder, records, clip_s)
    server = NightServer(clips, make_silent_film(folder, clip_s), clip_bytes)
    listener, port = await listen(server.answer)
    server.media.url = f"http://127.0.0.1:{port}"
    sys.stdout.write(json.dumps({"url": server.media.url}) + "\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    listener.close()


if __name__ == "__main__":
    where, how_many, seconds, size = sys.argv[1:]
    asyncio.run(serve(Path(where), int(how_many), float(seconds), int(size)))
