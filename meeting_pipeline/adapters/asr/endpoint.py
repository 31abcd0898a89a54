"""The endpoint `POST /audio/transcriptions` of a server that speaks OpenAI's API."""

import logging

from meeting_pipeline.adapters.asr.answers import checked_body
from meeting_pipeline.adapters.asr.endpoint_refusals import FormRefused
from meeting_pipeline.adapters.asr.multipart import Form
from meeting_pipeline.adapters.asr.pieces import Piece
from meeting_pipeline.adapters.http.answer import Answer
from meeting_pipeline.adapters.openai_api.refusals import RequestRefused
from meeting_pipeline.adapters.openai_api.server import OpenAIServer, RequestBody
from meeting_pipeline.storage.paid_calls import Keep

_PATH = "/audio/transcriptions"
_FORMS = ("verbose_json", "json", "text")
_MIMES = {"mp3": "audio/mpeg", "flac": "audio/flac", "wav": "audio/wav", "m4a": "audio/mp4"}

_log = logging.getLogger(__name__)


class TextOnly(Exception):
    """The server turned out to give no times; sent in shorter pieces, the pieces give them."""


class SpeechServer:
    """One model of one server; threads may share it.

    Args:
        server: The server.
        model: The name of the model.
        language: ISO 639-1, or "" to let the server detect it.

    Attributes:
        gives_times: Whether its answers have times, as far as is known.
        takes_m4a: Whether it reads m4a; None until it is known.
    """

    def __init__(self, server: OpenAIServer, model: str, language: str) -> None:
        self.model = model
        self.gives_times = True
        self.takes_m4a: bool | None = None
        self._server = server
        self._language = language
        self._form = 0

    def key(self, piece: Piece, ask: int) -> str:
        """Return the fingerprint of a paid call.

        It does not depend on the form of the answer: the same sound is never paid for twice.

        Args:
            piece: What is sent.
            ask: 0, or 1 to ask the same once more.
        """
        content = f"{piece.sha256} {self._language}".encode()
        return self._server.call_key(_PATH, self.model, content, ask)

    def transcribe(self, piece: Piece, keep: Keep) -> bytes:
        """Return the body of an answer that `read_answer` understands, in the best form there is.

        Args:
            piece: What is sent.
            keep: Stores the answer before the next call is made.

        Raises:
            TextOnly: It gives no times. Nothing was paid for.
            TooLarge: Less has to be sent at once.
            RequestRefused: It refuses every form of answer.
            FatalError: No other recording would have a better answer.
            RetryableError: See `Http.call`.
        """
        for form in range(self._form, len(_FORMS)):
            try:
                body = self._post(piece, _FORMS[form], keep)
            except RequestRefused as refusal:
                message = str(refusal)
                is_about_form = isinstance(refusal, FormRefused)
                if is_about_form and self.gives_times:
                    self._lower_to(form + 1)
                    raise TextOnly from None
                if piece.audio_format == "m4a" and not is_about_form:
                    raise  # a server that does not read m4a refuses it in every form
            else:
                self._lower_to(form)
                return body
        raise RequestRefused(message)

    def _lower_to(self, form: int) -> None:
        """Ask for this form from now on, if it is plainer than the one asked for until now."""
        if form > self._form:
            self._form = form
            self.gives_times = False
            _log.info("%s gives no times: asking for %s from now on", self.model, _FORMS[form])

    def _post(self, piece: Piece, form: str, keep: Keep) -> bytes:
        def encode() -> RequestBody:
            mime = _MIMES.get(piece.audio_format, "application/octet-stream")
            body = Form(self._fields(form), piece, f"audio.{piece.audio_format}", mime)
            return RequestBody(body.content_type, body)

        def read(answer: Answer) -> bytes:
            is_text = form == "text" or "text/plain" in answer.headers.get("Content-Type", "")
            return keep(checked_body(answer, is_text))

        return self._server.post(_PATH, encode, read)

    def _fields(self, form: str) -> list[tuple[str, str]]:
        fields = [("model", self.model), ("response_format", form)]
        if self._language:
            fields.append(("language", self._language))
        if form == "verbose_json":
            fields.append(("timestamp_granularities[]", "segment"))
        return fields
