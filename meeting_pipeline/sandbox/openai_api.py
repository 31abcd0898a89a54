"""The OpenAI-compatible server: keys, models, limits, and the two paid endpoints.

Chat follows Moonshot's rules (kimi-k2.x parameters, MFJS schemas, tier limits and their messages),
transcription follows OpenAI's wire format.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath

import av

from . import chat, transcription
from .bench import Bench
from .chat_rules import CONTEXT, check_chat
from .completion import completion
from .faults import Kind, Strike, instead, spoil
from .limits import Limits, SlidingWindow, Slots
from .refusals import Refused, refuse_as_struck, slow_down
from .tencent_gate import credential_headers
from .transcription_rules import check_form
from .uploads import read_chat, read_form
from .wire import Json, Reply, Request, bytes_reply, json_reply


@dataclass(frozen=True)
class Keys:
    """The keys, which are not interchangeable, and the model name of the speech service."""

    chat: str = "sk-sandbox-chat-0000000000000000EXAMPLE"
    asr: str = "sk-sandbox-asr-00000000000000000EXAMPLE"
    asr_model: str = "whisper-1"


class OpenAiApi:
    """Answers requests to /v1/models, /v1/chat/completions and /v1/audio/transcriptions."""

    def __init__(
        self,
        keys: Keys,
        limits: Limits,
        bench: Bench,
        samples: Callable[[], list[transcription.Sample]],
    ) -> None:
        self._keys, self._limits, self._samples = keys, limits, samples
        self._bench, self._ledger, now = bench, bench.ledger, bench.now
        self._requests = {
            "chat": SlidingWindow(limits.chat_per_minute, limits.window_s, now),
            "transcriptions": SlidingWindow(limits.asr_per_minute, limits.window_s, now),
        }
        self._tokens = SlidingWindow(limits.chat_tokens_per_minute, limits.window_s, now)
        self.slots = {
            "chat": Slots(limits.chat_concurrency),
            "transcriptions": Slots(limits.asr_concurrency),
        }

    def answer(self, request: Request) -> Reply:
        """Check the request, record it in the ledger, and answer it."""
        name = {
            ("GET", "/v1/models"): "models",
            ("POST", "/v1/chat/completions"): "chat",
            ("POST", "/v1/audio/transcriptions"): "transcriptions",
        }.get((request.method, request.path), "unknown_ai")
        self._ledger.call(name)
        try:
            return self._judged(name, request)
        except Refused as refused:
            self._ledger.error(name, refused.kind)
            if refused.rule:
                self._ledger.violation(refused.rule, name, refused.message)
            error = {"type": refused.kind, "message": refused.message}
            return json_reply(refused.status, {"error": error})

    def _judged(self, name: str, request: Request) -> Reply:
        if name == "unknown_ai":
            raise Refused(404, "resource_not_found_error", "no such endpoint", "unknown_path")
        strangers = [one for one in credential_headers(request) if one.lower() != "authorization"]
        if strangers:
            raise Refused(400, "invalid_request_error", str(strangers), "tencent_headers_on_ai")
        self._authorize(name, request)
        if name == "models":
            return self._models(request)
        if not self.slots[name].take():
            self._ledger.rate_refusal(name)
            raise slow_down(f"max organization concurrency: {self.slots[name].limit}", 1)
        try:
            return self._paid(name, request)
        finally:
            self.slots[name].give_back()

    def _authorize(self, name: str, request: Request) -> None:
        given = request.loosely("Authorization") or ""
        if not given.startswith("Bearer "):
            raise Refused(401, "invalid_authentication_error", "Invalid Authentication", "no_key")
        known = (self._keys.chat, self._keys.asr)
        allowed = {"chat": known[:1], "transcriptions": known[1:]}.get(name, known)
        if given.removeprefix("Bearer ") not in allowed:
            raise Refused(401, "incorrect_api_key_error", "Incorrect API key provided")

    def _models(self, request: Request) -> Reply:
        own = (request.loosely("Authorization") or "").removeprefix("Bearer ") == self._keys.asr
        models = {self._keys.asr_model: 0} if own else CONTEXT
        rows = [
            {"id": name, "object": "model", "context_length": context}
            for name, context in models.items()
        ]
        return json_reply(200, {"object": "list", "data": rows})

    def _paid(self, name: str, request: Request) -> Reply:
        handle = self._chat if name == "chat" else self._transcribe
        body, text = read_chat(request) if name == "chat" else read_form(request)
        strike = self._bench.faults.strike(name, text)
        if reply := instead(strike):
            return reply
        if Kind.BARE_ERROR in strike:
            return json_reply(400, "模型服务错误")
        refuse_as_struck(strike)
        return spoil(handle(body, strike), strike, self._bench.pause)

    def _spend(self, name: str, tokens: int = 0) -> None:
        if wait := self._requests[name].spend():
            self._ledger.rate_refusal(name)
            raise slow_down("max RPM", wait)
        if tokens and (wait := self._tokens.spend(tokens)):
            self._ledger.rate_refusal(name)
            raise slow_down("max TPM", wait)

    def _chat(self, body: Json, strike: Strike) -> Reply:
        prompt = check_chat(body, strike)
        self._spend("chat", prompt + int(body["max_completion_tokens"]))
        content = chat.answer(body, strike)
        self._ledger.chatted(json.dumps([body["model"], body["messages"]]).encode())
        return json_reply(200, completion(body, content, prompt, strike))

    def _transcribe(self, form: Json, strike: Strike) -> Reply:
        check_form(form, self._keys.asr_model, self._limits.asr_upload_bytes, strike)
        self._spend("transcriptions")
        upload, suffix = form["file"], PurePath(form["filename"]).suffix
        seconds, heard = _listen(upload, suffix, self._samples())
        if seconds > self._limits.asr_audio_s:
            raise Refused(400, "invalid_request_error", f"audio of {seconds:.0f} s is too long")
        heard = transcription.bent(heard, strike)
        self._ledger.transcribed(upload, seconds, [one.burst for one in heard if one.burst])
        text, wanted = transcription.plain(heard), form.get("response_format", "json")
        if wanted == "text":
            return bytes_reply(200, f"{text}\n".encode(), "text/plain; charset=utf-8")
        if wanted == "json":
            return json_reply(200, {"text": text})
        language = form.get("language", "zh")
        return json_reply(200, transcription.verbose(heard, seconds, language, strike))


def _listen(
    upload: bytes, suffix: str, samples: list[transcription.Sample]
) -> tuple[float, list[transcription.Heard]]:
    try:
        return transcription.listen(upload, suffix, samples)
    except (av.FFmpegError, IndexError) as error:
        message = "Audio file might be corrupted or unsupported"
        raise Refused(400, "invalid_request_error", message, "not_audio") from error
