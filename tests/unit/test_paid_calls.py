"""What was paid for is on disk before it is used, and asked for again only when it is damaged."""

import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meeting_pipeline.domain.model import RecordKey
from meeting_pipeline.storage.files import RecordFolder
from meeting_pipeline.storage.paid_calls import Keep, PaidCalls, call_key

KEY = call_key("chat", "https://api.moonshot.cn/v1", "kimi-k2.6", b"{}")


@pytest.fixture
def folder(tmp_path: Path) -> RecordFolder:
    return RecordFolder(tmp_path, RecordKey("tencent", "20250106100005445999"))


def never(keep: Keep) -> bytes:
    raise AssertionError("asked again")


def test_an_answer_is_asked_for_once(folder: RecordFolder) -> None:
    assert PaidCalls(folder).remember(KEY, lambda keep: keep("纪要".encode())).decode() == "纪要"
    assert PaidCalls(folder).remember(KEY, never).decode() == "纪要"


def test_it_is_on_disk_for_its_owner_only(folder: RecordFolder) -> None:
    PaidCalls(folder).remember(KEY, lambda keep: keep(b"{}"))
    file = folder.file("calls") / f"{KEY}.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert [one.name for one in file.parent.iterdir()] == [file.name]


def test_a_failed_call_leaves_nothing(folder: RecordFolder) -> None:
    with pytest.raises(AssertionError):
        PaidCalls(folder).remember(KEY, never)
    assert PaidCalls(folder).remember(KEY, lambda keep: keep(b"later")) == b"later"


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole[: len(whole) // 2],
        lambda whole: b"",
        lambda whole: b"\0" * len(whole),
        lambda whole: whole.replace(b"kept", b"bent"),
        lambda whole: b"[]",
        lambda whole: b'{"answer": 3, "sha256": ""}',
        lambda whole: b"null",
    ],
)
def test_a_damaged_answer_is_asked_for_again(
    folder: RecordFolder, damage: Callable[[bytes], bytes]
) -> None:
    calls = PaidCalls(folder)
    calls.remember(KEY, lambda keep: keep(b"kept"))
    file = folder.file("calls") / f"{KEY}.json"
    file.write_bytes(damage(file.read_bytes()))
    assert calls.remember(KEY, lambda keep: keep(b"again")) == b"again"
    assert calls.remember(KEY, never) == b"again"


def is_text(answer: bytes) -> bool:
    return answer.isascii()


def test_an_answer_that_cannot_be_read_is_not_kept(folder: RecordFolder) -> None:
    calls = PaidCalls(folder, is_text)
    assert calls.remember(KEY, lambda keep: keep(b"\xff")) == b"\xff"
    assert not calls.has(KEY)
    assert calls.remember(KEY, lambda keep: keep(b"again")) == b"again"
    assert calls.remember(KEY, never) == b"again"


def test_an_answer_that_an_older_version_kept_unread_is_dropped_and_asked_for_once(
    folder: RecordFolder,
) -> None:
    PaidCalls(folder).remember(KEY, lambda keep: keep(b"\xff"))
    calls = PaidCalls(folder, is_text)
    assert not calls.has(KEY)
    assert not list(folder.file("calls").iterdir())
    assert calls.remember(KEY, lambda keep: keep(b"again")) == b"again"
    assert calls.remember(KEY, never) == b"again"


def test_what_is_of_no_use_can_be_forgotten(folder: RecordFolder) -> None:
    calls = PaidCalls(folder)
    calls.remember(KEY, lambda keep: keep(b"nonsense"))
    calls.forget(KEY)
    calls.forget(KEY)
    assert calls.remember(KEY, lambda keep: keep(b"sense")) == b"sense"


def test_only_answers_that_a_kill_left_half_written_are_tidied_away(folder: RecordFolder) -> None:
    calls = PaidCalls(folder)
    calls.tidy()
    calls.remember(KEY, lambda keep: keep(b"whole"))
    names = (f"{KEY}.json.part", "notes.json.part", f"{'f' * 64}.json.part")
    for name in names:
        (folder.file("calls") / name).write_bytes(b"half")

    calls.tidy()

    left = sorted(path.name for path in folder.file("calls").iterdir())
    assert left == [f"{KEY}.json", "notes.json.part"]
    assert calls.remember(KEY, never) == b"whole"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_any_bytes_come_back_as_they_were(folder: RecordFolder, answer: bytes) -> None:
    key = call_key("chat", "https://a/v1", "m", answer)
    PaidCalls(folder).remember(key, lambda keep: keep(answer))
    assert PaidCalls(folder).remember(key, never) == answer


def test_only_the_same_call_has_the_same_key() -> None:
    assert call_key("chat", "https://api.moonshot.cn/v1/", "kimi-k2.6", b"{}") == KEY
    others = {
        call_key("audio", "https://api.moonshot.cn/v1", "kimi-k2.6", b"{}"),
        call_key("chat", "https://api.moonshot.ai/v1", "kimi-k2.6", b"{}"),
        call_key("chat", "https://api.moonshot.cn/v1", "kimi-k2.5", b"{}"),
        call_key("chat", "https://api.moonshot.cn/v1", "kimi-k2.6", b"{ }"),
        call_key("chat", "https://api.moonshot.cn/v1", "kimi-k2.6", b"{}", ask=1),
    }
    assert len(others | {KEY}) == 6


def test_a_password_in_an_address_is_not_part_of_a_key() -> None:
    assert call_key("chat", "https://me:secret@api.moonshot.cn/v1", "kimi-k2.6", b"{}") == KEY
