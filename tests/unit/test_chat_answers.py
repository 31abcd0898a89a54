"""Answers of chat servers, whatever shape they have: read, or refused with a reason."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meeting_pipeline.domain.enums import Phase
from meeting_pipeline.errors import FatalError, MeetingError, RecordError, RetryableError
from meeting_pipeline.storage.files import RecordFolder
from meeting_pipeline.storage.paid_calls import PaidCalls
from tests.support.chat_replies import REPLY, chat_server, completion, strict_server, summarizer_of
from tests.support.kimi import Desk
from tests.support.scripted_server import json_reply, reply


def test_a_lone_surrogate_is_not_kept_and_the_next_answer_counts(tmp_path: Path) -> None:
    broken = completion(REPLY.replace("JZ", "\ud83d"))
    with chat_server(broken, completion(REPLY)) as server:
        desk = Desk(tmp_path)
        assert desk.summarize(summarizer_of(server)).phase is Phase.RESUME
    assert len(server.heads) == 2
    assert len(desk.kept) == 1


@pytest.mark.parametrize("tokens", ["1" + "0" * 400, "1e400", "-5", "true", "null", '"7"', "NaN"])
def test_a_nonsensical_number_of_tokens_costs_nothing_and_is_no_bug(
    tmp_path: Path, tokens: str
) -> None:
    with chat_server(completion(REPLY, tokens)) as server:
        desk = Desk(tmp_path)
        assert desk.summarize(summarizer_of(server)).phase is Phase.RESUME
        (usage,) = desk.spent
    assert (usage.prompt_tokens, usage.completion_tokens, usage.cost) == (0, 0, 0)


def test_an_answer_that_an_older_version_kept_is_checked_and_asked_for_once(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    with chat_server(completion(REPLY)) as server:
        asks = summarizer_of(server)
        desk.summarize(asks)
        (kept,) = desk.kept
        calls = PaidCalls(RecordFolder(tmp_path, desk.context().meta.key))
        calls.forget(kept.stem)
        old = {"text": REPLY, "finish_reason": "stop", "receipt": "1"}
        tokens = {"prompt_tokens": 10**400, "completion_tokens": 10**400}
        calls.remember(kept.stem, lambda keep: keep(json.dumps(old | tokens).encode()))
        assert desk.summarize(asks).phase is Phase.RESUME
        assert desk.summarize(asks).phase is Phase.RESUME
    assert len(server.heads) == 2


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"code": 30001, "message": "余额不足", "data": None}, "quota_spent"),
        ({"error": {"code": "invalid_api_key", "message": "Incorrect API key"}}, "key_refused"),
    ],
)
def test_an_error_under_200_ends_the_run_as_any_other(
    tmp_path: Path, said: object, code: str
) -> None:
    with chat_server(json_reply(said)) as server:
        desk = Desk(tmp_path)
        with pytest.raises(FatalError) as refused:
            desk.summarize(summarizer_of(server))
    assert (refused.value.code, len(server.heads), desk.kept) == (code, 1, [])


def test_an_error_that_no_rule_knows_is_told_in_the_words_of_the_service(tmp_path: Path) -> None:
    words = "the GPU has gone"
    with (
        chat_server(json_reply({"detail": words})) as server,
        pytest.raises(RetryableError, match=words),
    ):
        Desk(tmp_path).summarize(summarizer_of(server))


WHOLE = completion(REPLY).split(b"\r\n\r\n", 1)[1]
FIELD = "max_completion_tokens"
REFUSALS = {
    "openai's": (400, {"error": {"message": f"Unrecognized request argument supplied: {FIELD}"}}),
    "pydantic's": (
        422,
        {"detail": [{"type": "extra_forbidden", "loc": ["body", FIELD], "msg": "Extra inputs"}]},
    ),
    "a keyword": (500, {"message": f"create() got an unexpected keyword argument '{FIELD}'"}),
    "unnamed": (400, {"error": {"message": "Unknown field in the request"}}),
    "under 200": (200, {"error": {"code": 400, "message": f"{FIELD} is not supported"}}),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_server_that_knows_max_tokens_only_is_sent_that_from_then_on(
    tmp_path: Path, name: str
) -> None:
    status, said = REFUSALS[name]

    def answer(body: dict[str, Any]) -> tuple[int, bytes]:
        return (status, json.dumps(said).encode()) if FIELD in body else (200, WHOLE)

    with strict_server(answer) as server:
        asks = summarizer_of(server)
        for folder in ("one", "two", "one"):
            assert Desk(tmp_path / folder).summarize(asks).phase is Phase.RESUME
        kept = summarizer_of(server)
        assert Desk(tmp_path / "one").summarize(kept).phase is Phase.RESUME
    assert [FIELD in body for body in server.seen] == [True, False, False]
    assert server.seen[1] == {
        **{key: value for key, value in server.seen[0].items() if key != FIELD},
        "max_tokens": server.seen[0][FIELD],
    }


def test_a_server_that_knows_the_oldest_fields_only_is_sent_those(tmp_path: Path) -> None:
    known = {"model", "messages", "max_tokens", "response_format"}

    def answer(body: dict[str, Any]) -> tuple[int, bytes]:
        extra = sorted(body.keys() - known)
        said = {"error": {"message": f"unknown field {extra[0]}"}} if extra else {}
        return (400, json.dumps(said).encode()) if extra else (200, WHOLE)

    with strict_server(answer) as server:
        asks = summarizer_of(server, model="kimi-k2.6")
        assert Desk(tmp_path).summarize(asks).phase is Phase.RESUME
    assert len(server.seen) == 3
    assert server.seen[-1].keys() == known


def test_a_length_that_is_too_great_is_not_taken_for_an_unknown_field(tmp_path: Path) -> None:
    said = f"{FIELD} is too large: 8192, at most 4096"

    def answer(body: dict[str, Any]) -> tuple[int, bytes]:
        return 400, json.dumps({"error": {"message": said}}).encode()

    with strict_server(answer) as server, pytest.raises(RecordError) as refused:
        Desk(tmp_path).summarize(summarizer_of(server))
    assert refused.value.code == "request_refused"
    assert all(FIELD in body for body in server.seen)


NUMBERS = st.sampled_from(["1e400", "NaN", "-Infinity", "1" + "0" * 400, "-3", "true", "null"])
STRINGS = st.sampled_from(
    ['"\\ud800"', '"\\u0000"', '"stop"', '"length"', '""', json.dumps(REPLY), '"<think>"']
)
NAMES = st.sampled_from(
    ["choices", "message", "content", "finish_reason", "usage", "prompt_tokens", "refusal", "error"]
) | st.sampled_from(["completion_tokens", "code", "text", "detail", "type", "data"])


def _objects(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.lists(st.tuples(NAMES, values), max_size=4)
    objects = pairs.map(lambda found: "{" + ", ".join(f'"{k}": {v}' for k, v in found) + "}")
    return objects | st.lists(values, max_size=3).map(lambda found: f"[{', '.join(found)}]")


ANY = st.recursive(NUMBERS | STRINGS, _objects, max_leaves=8)


@st.composite
def answers(draw: st.DrawFn) -> str:
    """Draw an answer in which any part may be anything."""
    content = draw(ANY | st.just(json.dumps(REPLY)))
    message = draw(ANY | st.just(f'{{"content": {content}}}'))
    choice = draw(ANY | st.just(f'{{"message": {message}, "finish_reason": {draw(ANY)}}}'))
    usage = draw(ANY | st.just(f'{{"prompt_tokens": {draw(ANY)}, "completion_tokens": 3}}'))
    return draw(ANY | st.just(f'{{"choices": [{choice}], "usage": {usage}}}'))


@pytest.mark.slow
@settings(
    deadline=None,
    derandomize=True,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(answers() | st.integers(1, 3_000).map(lambda depth: '{"choices":' * depth))
def test_no_answer_is_a_bug(tmp_path: Path, body: str) -> None:
    with chat_server(reply(200, body.encode("utf-8", "surrogatepass"))) as server:
        desk = Desk(tmp_path / str(hash(body)))
        try:
            desk.summarize(summarizer_of(server))
        except MeetingError:
            assert not [one for one in desk.kept if b"ud800" in one.read_bytes()]
