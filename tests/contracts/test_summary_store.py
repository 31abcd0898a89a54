"""Versions of summaries: none is lost, none is stored twice, and the latest request is shown."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import Connection

from meeting_pipeline.adapters.db import versions
from meeting_pipeline.adapters.db.database import Database
from meeting_pipeline.adapters.db.engine import in_transaction
from meeting_pipeline.domain.enums import Phase
from meeting_pipeline.domain.model import Minutes
from meeting_pipeline.domain.views import RecordingFilter
from tests.support.rows import Clock, meta, minutes


@pytest.fixture
def number(database: Database) -> int:
    database.recordings.upsert([meta(1)])
    return database.reading.find(str(meta(1).key)) or 0


def titled(title: str, phase: Phase = Phase.RESUME) -> Minutes:
    one = minutes(phase)
    return replace(one, summary=replace(one.summary, title=title))


def shown(database: Database, number: int) -> tuple[str, Phase | None]:
    """What `show` and lists say."""
    detail = database.reading.show(number)
    assert detail is not None and detail.summary is not None
    [listed] = database.reading.recordings(RecordingFilter())
    return detail.summary.title, listed.phase


def test_every_summary_is_a_version_and_the_last_one_is_current(
    database: Database, number: int
) -> None:
    database.recordings.save(number, titled("一", Phase.RESUME))
    database.recordings.save(number, titled("二", Phase.OFFER))

    found = database.summaries.versions(number)

    assert [(one.version, one.summary.title, one.is_current) for one in found] == [
        (2, "二", True),
        (1, "一", False),
    ]
    assert shown(database, number) == ("二", Phase.OFFER)


def test_the_same_summary_is_stored_once(database: Database, number: int) -> None:
    for _ in range(3):
        database.recordings.save(number, titled("一"))
    assert [one.version for one in database.summaries.versions(number)] == [1]


def test_going_back_to_an_earlier_summary_stores_nothing_new(
    database: Database, number: int
) -> None:
    database.recordings.save(number, titled("一"))
    database.recordings.save(number, titled("二"))
    database.recordings.save(number, titled("一"))

    assert [one.version for one in database.summaries.versions(number)] == [2, 1]
    assert shown(database, number)[0] == "一"


def test_an_older_request_that_ends_later_does_not_take_the_page_back(
    database: Database, number: int
) -> None:
    now: datetime = Clock()()
    asked = {"早": now - timedelta(minutes=5), "晚": now - timedelta(minutes=1)}

    def store(title: str, connection: Connection) -> None:
        versions.store(connection, number, titled(title).summary, asked[title], now)

    for title in ("晚", "早"):
        in_transaction(database.engine, partial(store, title))

    assert shown(database, number)[0] == "晚"
    assert len(database.summaries.versions(number)) == 2


def test_a_chosen_version_is_shown_with_its_phase(database: Database, number: int) -> None:
    database.recordings.save(number, titled("一", Phase.RESUME))
    database.recordings.save(number, titled("二", Phase.OFFER))

    assert database.summaries.choose(number, 1)
    assert shown(database, number) == ("一", Phase.RESUME)
    assert not database.summaries.choose(number, 3)
    assert shown(database, number) == ("一", Phase.RESUME)


def test_a_phase_set_by_hand_survives_summaries_until_it_is_given_back(
    database: Database, number: int
) -> None:
    database.recordings.save(number, titled("一", Phase.RESUME))

    database.summaries.set_phase(number, Phase.INTERVIEW, "王老师")
    database.recordings.save(number, titled("二", Phase.OFFER))
    assert shown(database, number) == ("二", Phase.INTERVIEW)
    current = database.summaries.current(number)
    assert current is not None
    assert (current.phase_by_hand, current.phase_by) == (Phase.INTERVIEW, "王老师")

    database.summaries.set_phase(number, None, "王老师")
    assert shown(database, number) == ("二", Phase.OFFER)


def test_a_phase_by_hand_counts_in_the_statistics(database: Database, number: int) -> None:
    database.recordings.save(number, titled("一", Phase.RESUME))
    database.recordings.finish(number, "settings")
    database.stats.refresh()
    database.summaries.set_phase(number, Phase.OFFER, "王老师")
    database.stats.refresh()

    [student] = database.reading.stats()

    assert student.phases == {Phase.OFFER: 1}


def test_writers_at_the_same_time_never_take_the_same_number(
    database: Database, number: int
) -> None:
    with ThreadPoolExecutor(8) as pool:
        saved = [
            pool.submit(database.recordings.save, number, titled(f"第{n}个")) for n in range(8)
        ]
    for one in saved:
        one.result()

    found = database.summaries.versions(number)

    assert [one.version for one in found] == list(range(8, 0, -1))
    assert [one.is_current for one in found].count(True) == 1


def test_a_recording_without_a_summary_has_no_version(database: Database, number: int) -> None:
    assert database.summaries.versions(number) == []
    current = database.summaries.current(number)
    assert current is not None
    assert (current.version, current.phase) == (None, None)
    assert database.summaries.current(number + 1) is None
