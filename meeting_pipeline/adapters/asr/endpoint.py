"""A server that speaks OpenAI's `POST /audio/transcriptions`."""

import logging
from itertools import count
from typing import Any

import requests

from meeting_pipeline.adapters.asr.answers import read_answer
from meeting_pipeline.adapters.asr.endpoint_refusals import FormRefused, NotTaken, refuse
from meeting_pipeline.adapters.asr.multipart import Form
from meeting_pipeline.adapters.asr.pieces import Piece
from meeting_pipeline.adapters.http.answer import Answer
from meeting_pipeline.adapters.http.client import Http
from meeting_pipeline.storage.paid_calls import Keep, call_key

ENDPOINT = "POST /audio/transcriptions"

_MODELS = "GET /models"
_FORMS = ("verbose_json", "json", "text")
_MIMES = {"mp3": "audio/mpeg", "flac": "audio/flac", "wav": "audio/wav", "m4a": "audio/mp4"}

_log = logging.getLogger(__name__)


class TextOnly(Exception):
    """The server turned out to give no times; sent in shorter pieces, the pieces give them."""


class SpeechServer:
    """One model of one server; threads may share it.

    language: ISO 639-1, or "" to let the server find out. gives_times: as far as is known.
    takes_m4a: None until it is known.
    """

    def __init__(self, http: Http, base_url: str, api_key: str, model: str, language: str) -> None:
        self.model = model
        self.gives_times = True
        self.takes_m4a: bool | None = None
        self._http = http
        self._base_url = base_url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {api_key}", "Accept": "application/json, text/*"}
        self._language = language
        self._form = 0

    def key(self, piece: Piece, ask: int) -> str:
        """The fingerprint of what would be paid for; ask: 1 to ask the same again.

        Whatever form the answer has, the same sound is never paid for twice.
        """
        body = f"{piece.sha256} {self._language}".encode()
        return call_key(ENDPOINT, self._base_url, self.model, body, ask)

    def transcribe(self, piece: Piece, keep: Keep) -> bytes:
        """The body of an answer that `read_answer` understands, in the best form there is; kept.

        Raises TextOnly (nothing was paid), TooLarge, NotTaken when it refuses every form of
        answer, FatalError for what no other recording would do better with, and what `Http.call`
        raises.
        """
        for form in range(self._form, len(_FORMS)):
            try:
                body = self._post(piece, _FORMS[form], keep)
            except NotTaken as refusal:
                said = str(refusal)
                is_about_form = isinstance(refusal, FormRefused)
                if is_about_form and self.gives_times:
                    self._lower_to(form + 1)
                    raise TextOnly from None
                if piece.audio_format == "m4a" and not is_about_form:
                    raise  # some servers take less than others; there is no need to ask thrice
            else:
                self._lower_to(form)
                return body
        raise NotTaken(said)

    def models(self) -> list[str]:
        """The models this key may use; empty where the server lists none.

        Raises FatalError("key_refused") …, NotTaken and what `Http.call` raises.
        """
        return self._http.with_short_timeouts().call(_MODELS, self._prepare_list, _names)

    def _lower_to(self, form: int) -> None:
        """Ask for this form from now on, if it is plainer than what was asked for until now."""
        if form > self._form:
            self._form = form
            self.gives_times = False
            _log.info("%s gives no times: asking for %s from now on", self.model, _FORMS[form])

    def _post(self, piece: Piece, form: str, keep: Keep) -> bytes:
        refused = count()
        name = f"audio.{piece.audio_format}"

        def prepare() -> requests.PreparedRequest:
            mime = _MIMES.get(piece.audio_format, "application/octet-stream")
            body = Form(self._fields(form), piece, name, mime)
            headers = self._headers | {"Content-Type": body.content_type}
            url = f"{self._base_url}/audio/transcriptions"
            return requests.Request("POST", url, headers=headers, data=body).prepare()

        def parse_response(answer: Answer) -> bytes:
            if answer.status != requests.codes.ok:
                refuse(answer, next(refused))
            is_text = form == "text" or "text/plain" in answer.headers.get("Content-Type", "")
            if read_answer(answer.body, is_text) is None:
                raise answer.bad("is not a transcription")
            return keep(answer.body)

        return self._http.call(ENDPOINT, prepare, parse_response)

    def _fields(self, form: str) -> list[tuple[str, str]]:
        fields = [("model", self.model), ("response_format", form)]
        if self._language:
            fields.append(("language", self._language))
        if form == "verbose_json":
            fields.append(("timestamp_granularities[]", "segment"))
        return fields

    def _prepare_list(self) -> requests.PreparedRequest:
        return requests.Request("GET", f"{self._base_url}/models", headers=self._headers).prepare()


def _names(answer: Answer) -> list[str]:
    if answer.status in (requests.codes.not_found, requests.codes.not_allowed):
        return []
    if answer.status != requests.codes.ok:
        refuse(answer, attempt=1)
    said: Any = answer.json()
    rows = said.get("data") if isinstance(said, dict) else said
    if not isinstance(rows, list):
        return []
    return [row["id"] for row in rows if isinstance(row, dict) and isinstance(row.get("id"), str)]
