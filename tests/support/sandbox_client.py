"""Plain requests to the sandbox, correctly signed unless a test breaks them on purpose."""

import base64
import hashlib
import hmac
import itertools
from collections.abc import Callable
from typing import Any

import requests

from meeting_pipeline.sandbox.server import Sandbox

_nonces = itertools.count(1)


class Clock:
    """A clock that only moves when told to."""

    def __init__(self, at: float = 1_767_600_000.0) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at

    def forward(self, seconds: float) -> None:
        self.at += seconds


class SandboxClient:
    """Calls the three servers of a sandbox."""

    def __init__(self, sandbox: Sandbox, now: Callable[[], float]) -> None:
        self._settings, self._now = sandbox.environment(), now
        self._session = requests.Session()

    def signed_headers(
        self, target: str, *, stamp: float | None = None, nonce: str | None = None
    ) -> dict[str, str]:
        """Return right headers for a GET of this target, path and query as on the wire."""
        key, secret = self._settings["TQM_SECRET_ID"], self._settings["TQM_SECRET_KEY"]
        nonce = nonce or str(next(_nonces))
        at = str(int(self._now() if stamp is None else stamp))
        text = f"GET\nX-TC-Key={key}&X-TC-Nonce={nonce}&X-TC-Timestamp={at}\n{target}\n"
        digest = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        return {
            "Content-Type": "application/json",
            "X-TC-Key": key,
            "X-TC-Timestamp": at,
            "X-TC-Nonce": nonce,
            "X-TC-Signature": base64.b64encode(digest.encode()).decode(),
            "AppId": self._settings["ENTERPRISE_ID"],
            "SdkId": self._settings["APP_ID"],
            "X-TC-Registered": "1",
        }

    def get(self, target: str, headers: dict[str, str] | None = None) -> requests.Response:
        """GET from the meeting API, with these headers instead of the right ones if given."""
        url = self._settings["TQM_BASE_URL"] + target
        return self._session.get(url, headers=headers or self.signed_headers(target), timeout=20)

    def code(self, target: str, headers: dict[str, str] | None = None) -> int:
        """The error code of a refused GET."""
        return int(self.get(target, headers).json()["error_info"]["error_code"])

    def records(self, **query: Any) -> str:
        """A target of the user's list, over the last 30 days, with changes; None drops a value."""
        return self.target("/v1/records", {"operator_id": "teacher_0", **self._window()} | query)

    def corp_records(self, **query: Any) -> str:
        """A target of the company's list, over the last 30 days, with changes."""
        return self.target("/v1/corp/records", {"operator_id": "admin", **self._window()} | query)

    def addresses(self, meeting_record_id: str, **query: Any) -> str:
        """A target of the links of one record."""
        own = {"operator_id": "admin", "meeting_record_id": meeting_record_id}
        return self.target("/v1/addresses", own | query)

    def target(self, path: str, query: dict[str, Any]) -> str:
        given = {"operator_id_type": 1} | query
        return f"{path}?" + "&".join(f"{k}={v}" for k, v in given.items() if v is not None)

    def _window(self) -> dict[str, int]:
        now = int(self._now())
        return {"start_time": now - 30 * 86_400, "end_time": now, "page_size": 20}

    def media_link(self, meeting_record_id: str) -> str:
        """A fresh link of the first file of a record."""
        files = self.get(self.addresses(meeting_record_id)).json()["record_files"]
        return str(files[0]["audio_address"] or files[0]["download_address"])

    def fetch(self, link: str, **headers: str) -> requests.Response:
        """GET a media link with nothing but these headers."""
        return self._session.get(link, headers=headers, timeout=20, allow_redirects=False)

    def chat(self, key: str = "", **changes: Any) -> requests.Response:
        """Ask the language model, rightly unless changed; None drops a value."""
        body = {
            "model": "kimi-k2.6",
            "thinking": {"type": "disabled"},
            "max_completion_tokens": 4_000,
            "messages": [{"role": "user", "content": "用 json 总结\n[00:05] 老师: 先改你的简历"}],
            "response_format": {"type": "json_object"},
        } | changes
        return self._session.post(
            f"{self._settings['KIMI_BASE_URL']}/chat/completions",
            json={name: value for name, value in body.items() if value is not None},
            headers={"Authorization": f"Bearer {key or self._settings['KIMI_API_KEY']}"},
            timeout=20,
        )

    def transcribe(self, upload: bytes, name: str = "a.m4a", **form: str) -> requests.Response:
        """Have an upload transcribed; verbose_json unless changed."""
        fields = {"model": "whisper-1", "language": "zh", "response_format": "verbose_json"} | form
        return self._session.post(
            f"{self._settings['ASR_BASE_URL']}/audio/transcriptions",
            data=fields,
            files={"file": (name, upload)},
            headers={"Authorization": f"Bearer {self._settings['ASR_API_KEY']}"},
            timeout=60,
        )
