"""The store of runs and watermarks."""

from collections.abc import Callable
from dataclasses import fields
from datetime import datetime

from sqlalchemy import Connection, Engine, func, select

from meeting_pipeline.adapters.db.engine import in_transaction, read
from meeting_pipeline.adapters.db.schema import runs, sync_state, usage
from meeting_pipeline.adapters.db.writing import Row, insert_missing
from meeting_pipeline.domain.stages import Outcome, RunReport, UsageTotals
from meeting_pipeline.domain.watermark import PastListing
from meeting_pipeline.domain.window import Window

_SUMMED = tuple(usage.c[total.name] for total in fields(UsageTotals))


class SqlRunStore:
    """Implementation of `ports.rows.RunStore`.

    Args:
        engine: The database.
        now: Returns the current time, aware UTC.
    """

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._now = now

    def start(self, command: str, window: Window | None) -> int:
        row = {
            "command": command,
            "window_start": None if window is None else window.start,
            "window_end": None if window is None else window.end,
            "started_at": self._now(),
        }

        return in_transaction(
            self._engine,
            lambda connection: int(connection.execute(runs.insert().values(row)).lastrowid),
        )

    def finish(self, report: RunReport) -> None:
        values = {**_row(report), "finished_at": self._now()}
        update = runs.update().where(runs.c.id == report.run_id).values(values)
        in_transaction(self._engine, lambda connection: connection.execute(update))

    def usage(self, run_id: int) -> UsageTotals:
        totals = [func.coalesce(func.sum(column), 0).label(column.name) for column in _SUMMED]
        query = select(*totals).where(usage.c.run_id == run_id)

        def work(connection: Connection) -> UsageTotals:
            row = connection.execute(query).one()
            return UsageTotals(
                audio_seconds=float(row.audio_seconds),
                prompt_tokens=int(row.prompt_tokens),
                completion_tokens=int(row.completion_tokens),
                cost=float(row.cost),
            )

        return read(self._engine, work)

    def watermark(self, source: str) -> datetime | None:
        query = select(sync_state.c.watermark).where(sync_state.c.source == source)
        return read(self._engine, lambda connection: connection.execute(query).scalar())

    def move_watermark(self, source: str, until: datetime, *, was: datetime | None) -> bool:
        row = {"source": source, "watermark": until, "updated_at": self._now()}
        # `until` is there already if the transaction is repeated after it was committed
        ours = [until] if was is None else [was, until]
        update = (
            sync_state.update()
            .where(sync_state.c.source == source, sync_state.c.watermark.in_(ours))
            .values(watermark=until, updated_at=row["updated_at"])
        )

        def work(connection: Connection) -> bool:
            if was is None:
                insert_missing(connection, sync_state, [row])
            return connection.execute(update).rowcount == 1

        return in_transaction(self._engine, work)

    def listings(self, command: str) -> list[PastListing]:
        query = (
            select(runs.c.window_start, runs.c.window_end, runs.c.finished_at, runs.c.stopped_by)
            .where(runs.c.command == command, runs.c.window_start.is_not(None))
            .order_by(runs.c.id)
        )

        def work(connection: Connection) -> list[PastListing]:
            return [
                PastListing(
                    Window(row.window_start, row.window_end),
                    is_complete=row.finished_at is not None and row.stopped_by is None,
                )
                for row in connection.execute(query)
            ]

        return read(self._engine, work)


def _row(report: RunReport) -> Row:
    return {
        "window_start": None if report.window is None else report.window.start,
        "window_end": None if report.window is None else report.window.end,
        "listed": report.listed,
        "new": report.new,
        "known": report.known,
        "waiting": report.waiting,
        "due": report.due,
        **{outcome.value: report.count(outcome) for outcome in Outcome},
        "stopped_by": report.stopped_by,
        "exit_code": report.exit_code,
        "seconds": report.seconds,
        **vars(report.usage),
    }
