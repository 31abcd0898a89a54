"""What is taken out of texts, and what is not."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.steady_text import Steady, minutes_later

WEEK = timedelta(days=7)
STEADY = Steady({":40123": ":model"}, began=datetime(2031, 3, 1, tzinfo=UTC))


def test_times_of_the_run_are_replaced_and_dates_of_recordings_stay() -> None:
    now = datetime.now(UTC)
    text = (
        f"of 2026-01-05T19:30:00+08:00, since {now - WEEK:%Y-%m-%d %H:%M}, done {now.isoformat()}"
    )
    assert Steady({}).text(text) == (
        "of 2026-01-05T19:30:00+08:00, since YYYY-MM-DD hh:mm, done YYYY-MM-DDThh:mm:ss+00:00"
    )


def test_a_moment_of_the_future_is_told_from_one_of_the_run() -> None:
    steady = Steady({})
    assert steady.text("again at 9998-01-01T00:00:00+08:00") == "again at LATE-MM-DDThh:mm:ss+08:00"
    assert minutes_later("2031-03-01 02:15:00.9", "2031-03-01 02:00:00") == "15 min later"


def test_durations_of_work_are_replaced_and_lengths_of_recordings_stay() -> None:
    assert STEADY.text("#2 done in 12.3 s, waited 0.1 s") == "#2 done in #.# s"
    message = "93.3 s were promised, 45.4 s are there"
    assert STEADY.text(message) == message


def test_a_table_keeps_its_columns() -> None:
    row = "download  2031-03-01 02:00:01  12.3    recording.m4a"
    assert STEADY.text(row) == "download  YYYY-MM-DD hh:mm:ss  #.#     recording.m4a"


def test_a_document_keeps_all_but_the_time_it_took() -> None:
    document = {"seconds": 0.5, "attendance": [{"seconds": 57.5}], "url": "http://127.0.0.1:40123"}
    steadied = json.loads(STEADY.output(json.dumps(document, indent=2) + "\n"))
    assert steadied["seconds"] == "#"
    assert steadied["attendance"] == [{"seconds": 57.5}]
    assert steadied["url"] == "http://127.0.0.1:model"


@pytest.mark.parametrize(
    "lines",
    [
        ["INFO    #1 done", "INFO    listed 2 recordings, 1 of them new"],
        ["WARNING aria2c cannot be started", "WARNING ALLOW_PRIVATE_HOSTS is on: for trials"],
    ],
)
def test_lines_that_are_said_beside_the_work_come_first(lines: list[str]) -> None:
    log = "\n".join(f"2031-03-01 02:00:0{second},500 {line}" for second, line in enumerate(lines))
    assert STEADY.log(log) == "\n".join(f"<time> {line}" for line in reversed(lines))
