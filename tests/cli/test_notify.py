"""`meeting notify --test`: what every address in NOTIFY_URLS made of one notice."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from meeting_pipeline import exit_codes
from tests.faults.test_alerts import closed_port, refuses
from tests.support.command import meeting
from tests.support.webhook import TOKEN, Webhook, webhook


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with webhook() as one:
        yield one


@pytest.fixture
def office(tmp_path: Path, hook: Webhook) -> dict[str, str]:
    return {"DATA_DIR": str(tmp_path / "data"), "NOTIFY_URLS": hook.url}


def test_an_address_that_accepts_is_named_with_its_service(
    office: dict[str, str], hook: Webhook
) -> None:
    ended = meeting("notify", "--test", env=office)

    assert ended.code == exit_codes.OK
    assert "第 1 个 number 1 (JSON): ✓ 已接受 accepted" in ended.out
    assert "测试通知 test notice" in hook.only()
    assert "无需处理" in hook.only()
    assert TOKEN not in ended.out + ended.err


def test_every_address_that_does_not_accept_is_named_with_the_reason(
    office: dict[str, str], hook: Webhook
) -> None:
    with webhook(refuses) as closed:
        away = f"json://127.0.0.1:{closed_port()}/{TOKEN}"
        urls = f"{hook.url},nosuch://{TOKEN},{closed.url},{away}"
        ended = meeting("notify", "--test", env={**office, "NOTIFY_URLS": urls})

    assert ended.code == exit_codes.CONFIG
    lines = ended.out.splitlines()
    assert lines[0].endswith("✓ 已接受 accepted")
    assert "无法识别这种地址" in lines[1]
    assert "被拒绝 refused: HTTP 403" in lines[2]
    assert "无法连接 no connection" in lines[3]
    assert "4 个地址中有 3 个没有接受" in lines[4]
    assert "检查 .env 中的 NOTIFY_URLS" in lines[4]
    assert TOKEN not in ended.out + ended.err


def test_the_result_is_one_document_with_json(office: dict[str, str], hook: Webhook) -> None:
    ended = meeting("notify", "--test", "--json", env=office)
    accepted = {"number": 1, "service": "JSON", "problem": None}
    assert ended.document == {"deliveries": [accepted]}


def test_without_an_address_it_says_which_setting_is_missing(office: dict[str, str]) -> None:
    ended = meeting("notify", "--test", env={**office, "NOTIFY_URLS": ""})
    assert ended.code == exit_codes.CONFIG
    assert "没有设置 NOTIFY_URLS" in ended.err


def test_without_the_option_nothing_is_sent(office: dict[str, str], hook: Webhook) -> None:
    assert meeting("notify", env=office).code == exit_codes.USAGE
    assert hook.notices == []


def test_it_makes_no_data_folder(office: dict[str, str]) -> None:
    assert meeting("notify", "--test", env=office).code == exit_codes.OK
    assert not Path(office["DATA_DIR"]).exists()
