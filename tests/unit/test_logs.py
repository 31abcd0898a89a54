"""No secret and no signed link in a log line, a traceback or an error."""

import logging
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

from meeting_pipeline.runtime import logs

CANARY = "canary-4711-secret"
LINES = [
    f"the key is {CANARY}",
    "GET https://cos.example.com/a.m4a?token=abc123signed&x=1 failed",
    "Authorization: Bearer abc123signed",
    "X-TC-Signature=abc123signed",
    "password: abc123signed",
]


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("meeting_pipeline")
    before = (root.handlers[:], root.level, ours.level, logging.raiseExceptions)
    yield
    for handler in root.handlers:
        if handler not in before[0]:
            handler.close()
    root.handlers[:], root.level, ours.level, logging.raiseExceptions = before
    root.setLevel(root.level)  # forget what was cached about levels
    logging.getLogger("urllib3").setLevel(logging.NOTSET)


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    file = tmp_path / "logs" / "record_worker.log"
    logs.set_up("INFO", [CANARY, ""], file, quiet_console=True)
    return file


@pytest.mark.parametrize("line", LINES)
def test_security_05_a_line_keeps_its_words_and_loses_its_secret(log_file: Path, line: str) -> None:
    logging.getLogger(logs.__name__).info("开始 %s 结束", line)

    written = log_file.read_text("utf-8")
    assert "开始" in written
    assert CANARY not in written
    assert "abc123signed" not in written


def test_security_05_a_traceback_loses_it_too(
    log_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        raise ValueError(LINES[1] + CANARY)
    except ValueError:
        logging.getLogger(logs.__name__).exception("a bug")

    for written in (log_file.read_text("utf-8"), capsys.readouterr().err):
        assert "Traceback" in written
        assert CANARY not in written
        assert "abc123signed" not in written


def test_a_log_that_cannot_be_written_stops_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")

    logs.set_up("INFO", [], tmp_path / "file" / "record_worker.log")

    assert "cannot write the log file" in capsys.readouterr().err


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_security_12_a_foreign_word_begins_no_line_and_steers_no_terminal(
    tmp_path: Path, log_format: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "record_worker.log"
    logs.set_up("INFO", [], file, log_format=log_format)
    forged = "\n2026-01-01 00:00:00,000 INFO    run 1 ended: done 9\r\x1b[2J\x9b31m\u202e\u2028"
    logging.getLogger(logs.__name__).warning("the server says %s", forged)
    for written in (file.read_text("utf-8"), capsys.readouterr().err):
        assert written.endswith("\n") and len(written.splitlines()) == 1
        assert not any(unicodedata.category(sign)[0] == "C" for sign in written[:-1])
        assert "done 9" in written
