"""The sandbox: three servers with one company, one ledger and one set of faults."""

import json
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from .bench import Bench
from .company import Company
from .faults import Faults
from .ledger import Ledger
from .limits import Limits
from .media import MediaHost
from .openai_api import Keys, OpenAiApi
from .samples import ADMIN, sample_company, spoken_samples
from .tencent_api import TencentApi
from .tencent_endpoints import Site
from .tencent_gate import EXAMPLE, Gate
from .transcription import Sample
from .wire import Listener


class Sandbox:
    """A local Tencent Meeting, its download host and an OpenAI-compatible server.

    Use it as a context manager, or call start() and stop(). Everything is in this process:
    `company`, `faults`, `ledger` and `media` may be read and changed while it runs.

    Args:
        company: The data of the meeting API; None for the packaged samples.
        limits: Rates and lifetimes, by default the documented ones.
        now: The clock of all three servers, in Unix seconds.
    """

    def __init__(
        self,
        company: Company | None = None,
        *,
        limits: Limits | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.company = company or sample_company(now())
        self.limits = limits or Limits()
        self.credentials, self.keys = EXAMPLE, Keys()
        self.ledger, self.faults = Ledger(), Faults()
        self._stopping = threading.Event()
        self._known: list[Sample] | None = None
        self._knowing = threading.Lock()
        bench = Bench(self.ledger, self.faults, now, self._stopping.wait)
        self.media = MediaHost(self.limits.link_ttl_s, bench)
        gate = Gate(self.credentials, self.limits, now)
        self.api = TencentApi(Site(self.company, self.media, now), gate, bench)
        self.ai = OpenAiApi(self.keys, self.limits, bench, self._samples)
        answers = (self.api.answer, self.media.answer, self.ai.answer)
        self._listeners = [Listener(answer, now) for answer in answers]
        self.media.url = self.media_url

    @property
    def api_url(self) -> str:
        """Return the base address of the meeting API (`TQM_BASE_URL`)."""
        return self._listeners[0].url

    @property
    def media_url(self) -> str:
        """Return the base address of media links."""
        return self._listeners[1].url

    @property
    def ai_url(self) -> str:
        """Return the base address of the OpenAI-compatible server, with /v1."""
        return f"{self._listeners[2].url}/v1"

    def start(self) -> Self:
        for listener in self._listeners:
            listener.start()
        return self

    def stop(self) -> None:
        """Stop all three servers and wake every slow reply."""
        self._stopping.set()
        for listener in self._listeners:
            listener.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def environment(self, scope: str = "corp") -> dict[str, str]:
        """Return the settings that point `meeting` here.

        Args:
            scope: "corp", on behalf of an admin, or "user", on behalf of everybody else.
        """
        return {
            "MEETING_SOURCE": "tencent",
            "TQM_SECRET_ID": self.credentials.secret_id,
            "TQM_SECRET_KEY": self.credentials.secret_key,
            "ENTERPRISE_ID": self.credentials.enterprise_id,
            "APP_ID": self.credentials.app_id,
            "TQM_OPERATOR_ID": self._operators(scope),
            "TQM_OPERATOR_ID_TYPE": "1",
            "TQM_RECORD_SCOPE": scope,
            "TQM_BASE_URL": self.api_url,
            "TQM_PER_MINUTE": str(self.limits.per_minute),
            "TQM_CORP_PER_MINUTE": str(self.limits.corp_per_minute),
            "ALLOW_PRIVATE_HOSTS": "1",
            "ALLOWED_DOWNLOAD_HOSTS": "127.0.0.1",
            "ASR_BASE_URL": self.ai_url,
            "ASR_API_KEY": self.keys.asr,
            "ASR_MODEL": self.keys.asr_model,
            "ASR_RPM": str(self.limits.asr_per_minute),
            "KIMI_BASE_URL": self.ai_url,
            "KIMI_API_KEY": self.keys.chat,
            "KIMI_MODEL": "kimi-k2.6",
            "LLM_BACKEND": "kimi",
            "LLM_CONCURRENCY": str(self.limits.chat_concurrency),
            "LLM_RPM": str(self.limits.chat_per_minute),
            "LLM_TPM": str(self.limits.chat_tokens_per_minute),
        }

    def _operators(self, scope: str) -> str:
        people = self.company.people.values()
        admins = [person.userid for person in people if person.is_admin]
        others = [person.userid for person in people if not person.is_admin]
        return json.dumps(others) if scope == "user" else (admins or [ADMIN.userid])[0]

    def _samples(self) -> list[Sample]:
        with self._knowing:
            if self._known is None:
                self._known = spoken_samples()
            return self._known
