"""The rules of the speech endpoint."""

from .faults import Kind, Strike
from .refusals import Refused
from .wire import Json

FORMATS = ("json", "text", "verbose_json")
FORMATS_REFUSED = {
    Kind.NO_VERBOSE_JSON: ("verbose_json",),
    Kind.ONLY_TEXT: ("json", "verbose_json"),
}


def check_form(form: Json, model: str, limit: int, strike: Strike) -> None:
    """Raise Refused for the first broken rule; `limit` is the most bytes of an upload."""
    if fault := strike.get(Kind.TOO_LARGE):
        limit = int(fault.amount)
    if len(form["file"]) > limit:
        raise Refused(413, "invalid_request_error", f"file is larger than {limit} bytes")
    if form.get("model") != model:
        raise Refused(404, "resource_not_found_error", f"Not found the model {form.get('model')}")
    if (fault := strike.get(Kind.NO_M4A)) and form["filename"].endswith(".m4a"):
        raise Refused(int(fault.amount), "invalid_request_error", "failed to read audio data")
    _check_format(form.get("response_format", "json"), strike)
    language = form.get("language", "zh")
    if len(language) != 2 or not language.islower():  # noqa: PLR2004 - ISO 639-1
        raise Refused(400, "invalid_request_error", "language must be ISO-639-1", "language")
    if "timestamp_granularities" in form:
        raise Refused(400, "invalid_request_error", "brackets missing", "granularities_name")


def _check_format(wanted: str, strike: Strike) -> None:
    refused = [name for kind in FORMATS_REFUSED.keys() & strike for name in FORMATS_REFUSED[kind]]
    if wanted not in FORMATS or wanted in refused:
        message = f"response_format {wanted!r} is not supported"
        raise Refused(400, "invalid_request_error", message)
