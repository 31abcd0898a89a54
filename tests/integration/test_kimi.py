"""Summaries by a chat server: rows 59 to 66 of the faults, and nothing paid for twice."""

import logging
import math
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meeting_pipeline.domain.enums import Phase
from meeting_pipeline.domain.model import Evidence
from meeting_pipeline.errors import ConfigError, FatalError, RecordError, RetryableError
from meeting_pipeline.sandbox.company import Company
from meeting_pipeline.sandbox.faults import Fault, Kind
from meeting_pipeline.sandbox.limits import ROOMY, Limits
from meeting_pipeline.sandbox.server import Sandbox
from tests.support.kimi import LESSON, Desk, kimi
from tests.support.sandbox_client import Clock
from tests.support.transcripts import transcript
from tests.support.virtual_time import VirtualStop

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sandbox(clock: Clock) -> Iterator[Sandbox]:
    with Sandbox(Company([]), limits=ROOMY, now=clock) as box:
        yield box
        assert not box.ledger.violations
        assert not box.ledger.rate_refusals


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def strike(sandbox: Sandbox, kind: Kind, **knobs: Any) -> None:
    sandbox.faults.add(Fault(kind, "chat", **knobs))


def paid(sandbox: Sandbox) -> int:
    return sum(sandbox.ledger.chats.values())


def test_a_lesson_becomes_a_summary_in_one_call(sandbox: Sandbox, clock: Clock, desk: Desk) -> None:
    summarizer = kimi(sandbox, clock, prompt_price=12.0)
    summary = desk.summarize(summarizer)
    assert (summary.engine, summary.model, summary.phase) == ("kimi", "kimi-k2.6", Phase.RESUME)
    assert summary.evidence[0] == Evidence("我们先看简历的排版，再看自我评价。", 0.0)
    assert summary.dropped_evidence == 0
    assert summary.prompt.removeprefix("minutes ") in summarizer.settings
    assert re.fullmatch(r"kimi kimi-k2\.6 prompt \w{12} schema \w{12}", summarizer.settings)
    (usage,) = desk.spent
    assert usage.kind == "llm"
    assert usage.cost == pytest.approx(usage.prompt_tokens * 12 / 1_000_000)
    assert sandbox.ledger.calls == {"chat": 1}


@pytest.mark.parametrize("model", ["kimi-k2.5", "moonshot-v1-8k", "moonshot-v1-128k"])
def test_each_model_is_asked_with_what_it_takes(
    sandbox: Sandbox, clock: Clock, desk: Desk, model: str
) -> None:
    assert desk.summarize(kimi(sandbox, clock, model=model)).phase is Phase.RESUME
    assert sandbox.ledger.errors == {}


@pytest.mark.parametrize("kind", [Kind.FENCED, Kind.TRAILING_TEXT, Kind.DUPLICATE_KEY])
def test_row_59_talk_round_the_json_does_not_matter(
    sandbox: Sandbox, clock: Clock, desk: Desk, kind: Kind
) -> None:
    strike(sandbox, kind)
    assert desk.summarize(kimi(sandbox, clock)).phase is Phase.RESUME
    assert paid(sandbox) == 1


@pytest.mark.parametrize("kind", [Kind.NOT_JSON, Kind.NAN, Kind.WRONG_ENUM, Kind.MISSING_KEY])
def test_rows_59_and_60_a_bad_reply_is_repaired_once(
    sandbox: Sandbox, clock: Clock, desk: Desk, kind: Kind
) -> None:
    strike(sandbox, kind, calls=(1,))
    assert desk.summarize(kimi(sandbox, clock)).phase is Phase.RESUME
    assert paid(sandbox) == len(desk.spent) == 2


@pytest.mark.parametrize("kind", [Kind.NOT_JSON, Kind.NAN, Kind.WRONG_ENUM, Kind.MISSING_KEY])
def test_rows_59_and_60_what_stays_bad_is_a_failure_that_a_later_attempt_may_mend(
    sandbox: Sandbox, clock: Clock, desk: Desk, kind: Kind
) -> None:
    strike(sandbox, kind)
    with pytest.raises(RecordError) as failed:
        desk.summarize(kimi(sandbox, clock))
    assert failed.value.code == "bad_reply"
    assert paid(sandbox) == len(desk.spent) == 2
    assert not desk.kept
    sandbox.faults.clear()
    assert desk.summarize(kimi(sandbox, clock)).phase is Phase.RESUME
    assert paid(sandbox) == len({usage.call for usage in desk.spent}) == 3


def test_row_60_an_answer_of_10_mb_is_refused(sandbox: Sandbox, clock: Clock, desk: Desk) -> None:
    strike(sandbox, Kind.HUGE_ANSWER)
    with pytest.raises(RecordError) as failed:
        desk.summarize(kimi(sandbox, clock))
    assert failed.value.code == "reply_too_large"
    assert not desk.kept


def test_an_invented_quote_is_dropped_and_counted(
    sandbox: Sandbox, clock: Clock, desk: Desk
) -> None:
    strike(sandbox, Kind.INVENTED_QUOTE)
    summary = desk.summarize(kimi(sandbox, clock))
    assert summary.evidence == ()
    assert summary.dropped_evidence == 2


def test_a_server_without_schemas_is_asked_for_an_object_from_then_on(
    sandbox: Sandbox, clock: Clock, tmp_path: Path
) -> None:
    strike(sandbox, Kind.NO_JSON_SCHEMA)
    summarizer = kimi(sandbox, clock)
    for name in ("one", "two"):
        summary = Desk(tmp_path / name).summarize(summarizer)
        assert summary.action_items[0].what == "下周三之前把改好的简历发给我。"
    assert sandbox.ledger.calls == {"chat": 3}
    assert paid(sandbox) == 2


def test_a_server_that_takes_no_form_at_all_fails_the_record_in_three_calls(
    sandbox: Sandbox, clock: Clock, desk: Desk
) -> None:
    strike(sandbox, Kind.BARE_ERROR)
    with pytest.raises(RecordError, match="模型服务错误") as failed:
        desk.summarize(kimi(sandbox, clock))
    assert failed.value.code == "request_refused"
    assert sandbox.ledger.calls == {"chat": 3}


def test_row_62_a_cut_reply_is_asked_for_once_more_with_twice_the_room(
    sandbox: Sandbox, clock: Clock, desk: Desk
) -> None:
    strike(sandbox, Kind.FINISH_LENGTH, match='"max_completion_tokens": 8192')
    assert desk.summarize(kimi(sandbox, clock)).phase is Phase.RESUME
    assert paid(sandbox) == len(desk.spent) == 2


def test_row_62_a_reply_that_is_cut_again_is_never_used(
    sandbox: Sandbox, clock: Clock, desk: Desk
) -> None:
    strike(sandbox, Kind.FINISH_LENGTH)
    with pytest.raises(RecordError) as failed:
        desk.summarize(kimi(sandbox, clock))
    assert failed.value.code == "reply_cut"
    assert paid(sandbox) == 2


@pytest.mark.parametrize("kind", [Kind.CONTENT_FILTER, Kind.FINISH_FILTER])
def test_row_63_a_filtered_transcript_is_asked_about_once(
    sandbox: Sandbox, clock: Clock, desk: Desk, kind: Kind
) -> None:
    strike(sandbox, kind)
    with pytest.raises(RecordError) as failed:
        desk.summarize(kimi(sandbox, clock))
    assert failed.value.code == "filtered"
    assert sandbox.ledger.calls == {"chat": 1}


@pytest.mark.parametrize("kind", [Kind.EMPTY_CHOICES, Kind.EMPTY_CONTENT])
def test_row_63_an_empty_reply_is_asked_for_once_more(
    sandbox: Sandbox, clock: Clock, desk: Desk, kind: Kind
) -> None:
    strike(sandbox, kind, calls=(1,))
    assert desk.summarize(kimi(sandbox, clock)).phase is Phase.RESUME
    strike(sandbox, kind)
    other = Desk(desk.folder / "other")
    with pytest.raises(RecordError) as failed:
        other.summarize(kimi(sandbox, clock))
    assert failed.value.code == "empty_reply"
    assert (len(desk.spent), len(other.spent), paid(sandbox)) == (2, 2, 4)


def test_row_64_a_million_characters_are_read_in_the_planned_calls(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    phase, planned, most_mib = child(sandbox, tmp_path, 1_000_000).stdout.split()
    assert phase == Phase.RESUME
    assert paid(sandbox) == int(planned) == sandbox.ledger.calls["chat"]
    assert int(planned) <= math.ceil(1_250_000 / 220_000) + 1
    assert int(most_mib) <= 100


def test_row_64_parts_are_halved_where_the_server_takes_less(
    sandbox: Sandbox, clock: Clock, desk: Desk
) -> None:
    strike(sandbox, Kind.CONTEXT_LIMIT, amount=2_500)
    lines = [f"李老师: 第{number}点，简历上的项目经历要写清楚难点和结果。" for number in range(800)]
    assert desk.summarize(kimi(sandbox, clock), lines).phase is Phase.RESUME
    refused = sandbox.ledger.calls["chat"] - paid(sandbox)
    assert refused <= math.log2(262_144 / 2_500)
    assert paid(sandbox) <= math.ceil(800 * 32 / 1_250) + 1
    assert max(sandbox.ledger.chats.values()) == 1
    again = sandbox.ledger.chats.copy()
    assert desk.summarize(kimi(sandbox, clock), lines).phase is Phase.RESUME
    assert sandbox.ledger.chats == again


def test_row_64_a_server_that_takes_next_to_nothing_fails_the_record(
    sandbox: Sandbox, clock: Clock, desk: Desk
) -> None:
    strike(sandbox, Kind.CONTEXT_LIMIT, amount=10)
    with pytest.raises(RecordError) as failed:
        desk.summarize(kimi(sandbox, clock))
    assert failed.value.code == "too_long"
    assert sandbox.ledger.calls["chat"] < 15


def test_row_64_a_short_context_is_read_by_parts_without_a_refusal(
    sandbox: Sandbox, clock: Clock, desk: Desk
) -> None:
    lines = [f"李老师: 第{number}点，简历上的项目经历要写清楚难点和结果。" for number in range(400)]
    summarizer = kimi(sandbox, clock, model="moonshot-v1-8k")
    assert desk.summarize(summarizer, lines).phase is Phase.RESUME
    planned = summarizer.planned_calls(transcript(lines))
    assert paid(sandbox) == sandbox.ledger.calls["chat"] == planned > 3


def test_row_65_tier_0_is_never_asked_too_often(clock: Clock, tmp_path: Path) -> None:
    stop = VirtualStop(clock)
    with Sandbox(Company([]), limits=Limits(), now=clock) as sandbox:
        summarizer = kimi(sandbox, clock, stop=stop, per_minute=3, tokens_per_minute=500_000)
        for number in range(10):
            Desk(tmp_path / str(number)).summarize(summarizer)
        assert paid(sandbox) == 10
        assert sandbox.ledger.rate_refusals == {}
        assert sandbox.ai.slots["chat"].most == 1
        assert 180 <= stop.waited_s <= 200


def test_row_65_tokens_are_counted_before_they_are_asked_for(clock: Clock, tmp_path: Path) -> None:
    limits = Limits(chat_per_minute=100, chat_tokens_per_minute=20_000)
    with Sandbox(Company([]), limits=limits, now=clock) as sandbox:
        summarizer = kimi(sandbox, clock, tokens_per_minute=20_000)
        lines = [f"李老师: 第{number}点，简历要写清楚难点和结果。" for number in range(600)]
        assert Desk(tmp_path).summarize(summarizer, lines).phase is Phase.RESUME
        assert paid(sandbox) > 2
        assert sandbox.ledger.rate_refusals == {}


@pytest.mark.parametrize(
    ("kind", "knobs", "waited_s"),
    [
        (Kind.RATE_LIMIT, {"amount": 40}, 40),
        (Kind.HTTP_429, {"text": "50"}, 50),
        (Kind.OVERLOADED, {}, 5),
        (Kind.HTTP_500, {}, 0),
        (Kind.HTML_502, {}, 0),
        (Kind.RESET, {}, 0),
        (Kind.EMPTY_200, {}, 0),
        (Kind.HTML_200, {}, 0),
    ],
)
def test_row_65_what_passes_is_waited_for(
    sandbox: Sandbox, clock: Clock, desk: Desk, kind: Kind, knobs: dict[str, Any], waited_s: float
) -> None:
    stop = VirtualStop(clock)
    strike(sandbox, kind, calls=(1,), **knobs)
    assert desk.summarize(kimi(sandbox, clock, stop=stop)).phase is Phase.RESUME
    assert stop.waited_s >= waited_s
    assert len(desk.spent) == 1


def test_row_65_an_engine_that_stays_overloaded_is_left_to_a_later_run(
    sandbox: Sandbox, clock: Clock, desk: Desk
) -> None:
    strike(sandbox, Kind.OVERLOADED)
    with pytest.raises(RetryableError) as failed:
        desk.summarize(kimi(sandbox, clock))
    assert failed.value.code == "overloaded"
    assert not failed.value.within_run
    assert sandbox.ledger.calls["chat"] <= 5


@pytest.mark.parametrize(
    ("kind", "code"), [(Kind.QUOTA, "quota_spent"), (Kind.FORBIDDEN, "quota_spent")]
)
def test_row_66_a_spent_balance_stops_the_run_at_the_first_call(
    sandbox: Sandbox, clock: Clock, desk: Desk, kind: Kind, code: str
) -> None:
    strike(sandbox, kind)
    with pytest.raises(FatalError) as fatal:
        desk.summarize(kimi(sandbox, clock))
    assert fatal.value.code == code
    assert "top up" in fatal.value.hint
    assert sandbox.ledger.calls == {"chat": 1}
    sandbox.faults.clear()
    assert desk.summarize(kimi(sandbox, clock)).phase is Phase.RESUME


def test_an_unknown_model_ends_the_run_with_the_names_of_those_there_are(
    sandbox: Sandbox, clock: Clock, desk: Desk
) -> None:
    with pytest.raises(FatalError) as fatal:
        desk.summarize(kimi(sandbox, clock, model="kimi-latest"))
    assert fatal.value.code == "unknown_model"
    assert "kimi-k2.6" in fatal.value.hint


def test_an_address_that_is_no_chat_server_ends_the_run(
    sandbox: Sandbox, clock: Clock, desk: Desk
) -> None:
    address = sandbox.ai_url.removesuffix("/v1")
    with pytest.raises(FatalError) as fatal:
        desk.summarize(kimi(sandbox, clock, base_url=address))
    assert fatal.value.code == "wrong_address"
    sandbox.ledger.violations.clear()


@pytest.mark.parametrize(
    ("changes", "ok", "said"),
    [
        ({}, True, "the key is accepted"),
        ({"api_key": "sk-wrong-CANARY"}, False, "HTTP 401"),
        ({"model": "kimi-latest"}, False, "no model kimi-latest"),
        ({"base_url": "http://127.0.0.1:9/v1"}, False, "GET /models"),
    ],
)
def test_the_model_is_examined_without_paying(
    sandbox: Sandbox, clock: Clock, changes: dict[str, str], ok: bool, said: str
) -> None:
    (check,) = kimi(sandbox, clock, **changes).examine()  # type: ignore[arg-type]
    assert (check.code, check.ok) == ("language_model", ok)
    assert said in check.message
    assert bool(check.hint) or ok
    assert "CANARY" not in check.message + check.hint
    assert paid(sandbox) == 0


@pytest.mark.parametrize("key", ["", "sk-密钥", "sk-a\n"])
def test_without_a_key_nothing_starts(sandbox: Sandbox, clock: Clock, key: str) -> None:
    with pytest.raises(ConfigError):
        kimi(sandbox, clock, api_key=key)


def test_a_call_larger_than_the_limit_of_a_minute_is_never_planned(
    sandbox: Sandbox, clock: Clock
) -> None:
    with pytest.raises(ConfigError) as refused:
        kimi(sandbox, clock, tokens_per_minute=2_000)
    assert refused.value.code == "context_too_small"
    assert "LLM_TPM" in refused.value.hint


def test_a_transcript_without_words_is_not_asked_about(
    sandbox: Sandbox, clock: Clock, desk: Desk
) -> None:
    for lines in ([], [" "], ["\n", ""]):
        with pytest.raises(RecordError):
            desk.summarize(kimi(sandbox, clock), lines)
    assert sandbox.ledger.calls == {}


def test_a_kill_after_paying_does_not_pay_again(sandbox: Sandbox, tmp_path: Path) -> None:
    killed = child(sandbox, tmp_path, 300_000, "--die-when-paid")
    assert killed.returncode == -signal.SIGKILL
    assert paid(sandbox) == 1
    assert child(sandbox, tmp_path, 300_000).returncode == 0
    assert set(sandbox.ledger.chats.values()) == {1}
    assert paid(sandbox) == 3  # two parts, and both as one


def test_what_was_spent_is_told_again_under_the_same_name(
    sandbox: Sandbox, clock: Clock, desk: Desk
) -> None:
    desk.summarize(kimi(sandbox, clock))
    desk.summarize(kimi(sandbox, clock))
    assert desk.spent[0] == desk.spent[1]
    assert paid(sandbox) == 1


def test_a_damaged_answer_on_disk_is_asked_for_again(
    sandbox: Sandbox, clock: Clock, desk: Desk
) -> None:
    summary = desk.summarize(kimi(sandbox, clock))
    (kept,) = desk.kept
    kept.write_bytes(kept.read_bytes().replace(b"RESUME", b"OTHER!")[:-9])
    assert desk.summarize(kimi(sandbox, clock)) == summary
    assert paid(sandbox) == 2


def test_no_word_of_the_meeting_and_no_key_reaches_a_log_or_an_error(
    sandbox: Sandbox, clock: Clock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    said = [*LESSON, "李老师: 金丝雀在唱歌"]
    for number, kind in enumerate(set(Kind) - {Kind.THROTTLE}):
        sandbox.faults.clear()
        strike(sandbox, kind, amount=1)
        try:
            Desk(tmp_path / str(number)).summarize(kimi(sandbox, clock), said)
        except (RecordError, RetryableError, FatalError) as error:
            logging.getLogger("meeting_pipeline").warning("%s %s", error.message, error.hint)
    assert caplog.text
    for secret in ("金丝雀", "自我评价", sandbox.keys.chat):
        assert secret not in caplog.text


def child(
    sandbox: Sandbox, folder: Path, characters: int, *flags: str
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.support.kimi_child"]
    given = [sandbox.ai_url, sandbox.keys.chat, str(folder), str(characters), *flags]
    return subprocess.run(
        [*command, *given], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
