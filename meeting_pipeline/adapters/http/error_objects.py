"""Errors that a service sends under HTTP 200: found, and given the status that they mean.

SiliconFlow, MiniMax, one-api and others answer `{"code": 20012, "message": "Model does not exist"}`
or `{"error": {…}}` as if all were well. The rules for refusals then apply as if the status were
right:

    answer = with_true_status(answer)
    if answer.status != 200:
        refuse(answer, …)
"""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from http import HTTPStatus

from meeting_pipeline.adapters.http.answer import Answer

_LONGEST_MESSAGE = 160
_DEEPEST = 6
_LARGEST_CODE = 10**18
_KEY = re.compile(r"\b(?:sk|Bearer)[-_ ][^\s,;\"']+")
_QUERY = re.compile(r"(https?://[^\s?\"']+)\?\S*")

_HOLDERS = ("error", "Error", "errors", "Response", "base_resp", "detail", "header")
_ENVELOPES = ("base_resp", "header")  # of results, too
_MESSAGES = (
    *("message", "Message", "msg", "error_msg", "error_message", "err_msg", "errmsg"),
    *("errorMsg", "errorMessage", "errMsg", "status_msg", "status_message", "statusMessage"),
)
_REASONS = (*_MESSAGES, "type", "reason", "Reason", "error_description")
_CODES = (
    *("code", "Code", "status_code", "error_code", "err_code", "errcode", "statusCode"),
    *("errorCode", "errCode"),
    "status",
)
_STATES = re.compile(r"\d{1,9}|fail\w*|err\w*", re.IGNORECASE)
_SUCCEEDED = re.compile(r"\W*(?:success\w*|ok|succeeded|请求成功|成功)\W*", re.IGNORECASE)
_SUCCESS = frozenset(
    {"", "0", "200", "2000", "20000000", "none", "success", "succeeded", "ok", "true"}
)
_RESULTS = ("text", "segments", "words", "result", "output", "data")

_BY_WORDS = (
    (
        HTTPStatus.BAD_REQUEST,
        r"response.?format|json_schema|verbose_json|granularit|max_(?:completion_)?tokens"
        r"|content_?filter|high risk|data_inspection|内容安全|token (?:limit|length)"
        r"|too many tokens|context.?(?:length|window|size)|maximum context|max_model_len"
        r"|too (?:long|large|big)|过长|过大"
        r"|(?:size|duration|length).*exceed|exceed.*(?:size|length)",
    ),
    (
        HTTPStatus.TOO_MANY_REQUESTS,
        r"rate.?limit|too many requests|throttl|per (?:minute|second|day)|\b[rt]p[md]\b|\bqps\b"
        r"|concurren|overloaded|限流|频率|频繁|并发|请求(?:数|次数)?过多",
    ),
    (
        HTTPStatus.PAYMENT_REQUIRED,
        r"quota|insufficient.{0,20}(?:balance|credit|fund)|balance|billing|arrears|payment"
        r"|额度|余额|欠费|账[户号].{0,6}停",
    ),
    (
        HTTPStatus.UNAUTHORIZED,
        r"unauthori[sz]ed|authenticat|auth_?fail|credential|(?:invalid|incorrect|wrong|expired|missing|bad)"
        r".{0,20}(?:api.?key|token|secret)|(?:api.?key|token|secret).{0,20}"
        r"(?:invalid|incorrect|wrong|expired|missing|\bbad\b|not (?:found|exist|valid))"
        r"|(?:密钥|令牌|鉴权|认证|身份|api.?key).{0,8}(?:无效|错误|失败|过期|不存在)"
        r"|无效的?.{0,4}(?:令牌|密钥|api)|未授权",
    ),
    (
        HTTPStatus.NOT_FOUND,
        r"model\b.{0,60}(?:not (?:exist|found|available)|unknown|unavailable)|unknown model"
        r"|no such model|模型.{0,40}(?:不存在|未找到|不可用)|model_?not_?found",
    ),
    (
        HTTPStatus.FORBIDDEN,
        r"permission|forbidden|access denied|not (?:allowed|permitted)|没有权限|无权",
    ),
)
_RULES = tuple((status, re.compile(words, re.IGNORECASE)) for status, words in _BY_WORDS)


def with_true_status(answer: Answer) -> Answer:
    """Return the answer, with the status that its error object means if it has one.

    Args:
        answer: An answer of any status; only those of status 200 are looked into.

    Raises:
        RetryLater: "bad_answer", with the words of the service, for an error of its own and for one
            that no rule knows.
    """
    if answer.status != HTTPStatus.OK:
        return answer
    value = _object(answer.body)
    words = _safe(_error_words(value))
    if not words:
        return answer
    status = _status(value, words)
    if status is None:
        raise answer.bad(f"is an error: {words}")
    what = f"{answer.what}: an error under HTTP 200"
    body = json.dumps({"error": {"message": words}}).encode()
    return replace(answer, what=what, status=status, body=body)


def _object(body: bytes) -> dict[str, object]:
    """Return the JSON object in a body, or an empty one: its reader says what is wrong with it."""
    if b"{" not in body[:1_000]:
        return {}
    try:
        value = json.loads(body)
    except UnicodeDecodeError:
        return _object(body.decode("gb18030", "replace").encode())
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _error_words(value: dict[str, object]) -> str:
    """Return what an error object says, or "" for a result."""
    if _has_result(value):
        return ""
    choice = _first(value.get("choices"))
    holders = [value.get(name) for name in _HOLDERS if not _is_good_envelope(name, value)]
    inner = [one for one in (*holders, choice.get("error")) if one]
    codes = _failures(value)
    held = [word for one in inner for word in _texts(one)]
    is_refused = bool(codes or held or value.get("success") is False)
    names = _REASONS if is_refused else _MESSAGES  # a "type" or "reason" alone is no error
    plain = [one for name in names if isinstance(one := value.get(name), str)]
    if not held and any(map(_SUCCEEDED.fullmatch, plain)):
        return ""
    is_bare = not (_codes(value) or value.keys() & {"choices", "text"})
    said = dict.fromkeys([*codes, *held, *plain])
    return " ".join(said) if is_refused or is_bare else ""


def _is_good_envelope(name: str, value: dict[str, object]) -> bool:
    inner = value.get(name)
    if name not in _ENVELOPES or not isinstance(inner, dict):
        return False
    return bool(_codes(inner)) and not _failures(inner)


def _has_result(value: dict[str, object]) -> bool:
    if any(_is_said(value.get(name)) for name in _RESULTS):
        return True
    message = _first(value.get("choices")).get("message")
    return isinstance(message, dict) and bool(message.get("content") or message.get("refusal"))


def _is_said(value: object) -> bool:
    if isinstance(value, dict):
        return any(_is_said(value.get(name)) for name in _RESULTS)
    return bool(value.strip() if isinstance(value, str) else isinstance(value, list) and value)


def _first(values: object) -> dict[str, object]:
    first = next(iter(values), None) if isinstance(values, list) else None
    return first if isinstance(first, dict) else {}


def _codes(value: dict[str, object]) -> list[str]:
    found = [(name, value.get(name)) for name in _CODES]
    texts = [(name, str(one)[:100]) for name, one in found if _is_code(one)]
    return [text for name, text in texts if name != "status" or _STATES.fullmatch(text)]


def _failures(value: dict[str, object]) -> list[str]:
    return [code for code in _codes(value) if code.lower() not in _SUCCESS]


def _is_code(value: object) -> bool:
    """Return whether it is a text, or a number that has one; Python refuses those of huge ones."""
    return isinstance(value, str) or (isinstance(value, int) and abs(value) < _LARGEST_CODE)


def _texts(value: object, depth: int = 0) -> Iterator[str]:
    """Yield the codes and messages within an error, of those that a person can use."""
    if depth > _DEEPEST:
        return
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one, depth + 1)
    elif isinstance(value, dict):
        yield from _failures(value)
        for name in (*_HOLDERS, *_REASONS):
            yield from _texts(value.get(name), depth + 1)


def _status(value: dict[str, object], words: str) -> int | None:
    """Return the status that an error means, or None where the service itself has failed."""
    choice = _first(value.get("choices"))
    held = [value, *(value.get(name) for name in _HOLDERS), choice.get("error")]
    said = [code for one in held if isinstance(one, dict) for code in _failures(one)]
    codes = [int(code) for code in said if code.isascii() and code.isdecimal()]
    for code in codes:
        if HTTPStatus.BAD_REQUEST < code < HTTPStatus.INTERNAL_SERVER_ERROR:
            return code
    known = next((status for status, rule in _RULES if rule.search(words)), None)
    return known or (HTTPStatus.BAD_REQUEST if HTTPStatus.BAD_REQUEST in codes else None)


def _safe(words: str) -> str:
    """Return one short line without keys and without what follows the ? of a link."""
    line = " ".join(words.encode("utf-8", "replace").decode().split())
    return _QUERY.sub(r"\1?…", _KEY.sub("…", line))[:_LONGEST_MESSAGE]
