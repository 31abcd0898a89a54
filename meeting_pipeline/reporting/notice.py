"""The notice at the end of a night, with its result or the reason why it ended."""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from meeting_pipeline import exit_codes
from meeting_pipeline.domain.display import strip_control_characters
from meeting_pipeline.domain.stages import Outcome, RunReport
from meeting_pipeline.reporting.counts import count_lines
from meeting_pipeline.runtime import logs

log = logging.getLogger(__name__)

_LONGEST_MESSAGE = 500
_ADDING = threading.Lock()  # apprise loads its plugins once, and not safely from two threads
_NOTHING = "无需处理，下次运行会继续 nothing: the next run resumes"
_EXAMINE = "meeting doctor"
_ENDS = {
    exit_codes.BUG: ("程序错误 a bug", "上报 logs/ 中的错误信息 report the traceback in logs/"),
    exit_codes.USAGE: ("命令行有误 bad command line", "meeting cron --help"),
    exit_codes.CONFIG: ("没有开始 did not start", _EXAMINE),
    exit_codes.RECORDS_FAILED: ("没有完成 did not complete", "meeting status --failed"),
    exit_codes.STOPPED_EARLY: ("提前结束 stopped early", _EXAMINE),
    exit_codes.BUSY: ("暂缓 not now", _NOTHING),
    exit_codes.INTERRUPTED: ("被中断 interrupted", _NOTHING),
    exit_codes.TERMINATED: ("被终止 terminated", _NOTHING),
}
"""What happened to the night and what to do next, by exit code."""


@dataclass(frozen=True)
class Notice:
    """The text of a notice."""

    title: str
    body: str


@dataclass(frozen=True)
class Failure:
    """The reason why a night has no report; code, message and hint as in a MeetingError."""

    exit_code: int
    code: str
    message: str
    hint: str = ""


def of_report(report: RunReport, place: str) -> Notice:
    """Return the notice of a night that has its report.

    Args:
        report: The report.
        place: The host and folder of the installation, for readers who have several.
    """
    return Notice(_title(report), _body(report, place))


def of_failure(failure: Failure, place: str) -> Notice:
    """Return the notice of a night that ended without a report.

    Args:
        failure: Why it ended.
        place: The host and folder of the installation, for readers who have several.
    """
    what, next_step = _ENDS.get(failure.exit_code, _ENDS[exit_codes.BUG])
    message = strip_control_characters(failure.message)[:_LONGEST_MESSAGE]
    hint = strip_control_characters(failure.hint)
    lines = [
        f"原因 reason: {message}",
        f"处理 next: {'; '.join(filter(None, (hint, next_step)))}",
        f"主机 host: {strip_control_characters(place)}",
        f"退出码 exit code {failure.exit_code}",
    ]
    return Notice(f"meeting: {what}: {failure.code}", "\n".join(lines))


def heartbeat_text(end: RunReport | Failure) -> str:
    """Return what the page of a dead-man's switch shows: numbers and codes, no names."""
    numbers = count_lines(end) if isinstance(end, RunReport) else [f"原因 reason: {end.code}"]
    return "\n".join([f"退出码 exit code {end.exit_code}", *numbers])


def send(urls: Sequence[str], notice: Notice, within_s: float) -> None:
    """Send the notice to every address; a failure is logged and raises nothing.

    Args:
        urls: Apprise addresses; they hold tokens and are never logged.
        notice: What to send.
        within_s: Seconds after which unfinished deliveries are left to end with the process.
    """
    logs.silence_libraries_that_quote_links()
    deliveries = [_Delivery(url, notice) for url in urls]
    deadline = time.monotonic() + within_s
    for delivery in deliveries:
        delivery.start()
    for delivery in deliveries:
        delivery.join(max(0.0, deadline - time.monotonic()))
    problems = [
        f"number {number}: {delivery.problem}"
        for number, delivery in enumerate(deliveries, 1)
        if delivery.problem
    ]
    if problems:
        log.error("the notice did not reach every address in NOTIFY_URLS: %s", "; ".join(problems))


class _Delivery(threading.Thread):
    """A thread that sends the notice to one address, so that a host that hangs delays no other.

    It is a daemon: apprise limits each wait for bytes but not their number, and a process that has
    finished must not wait for a host that sends one byte per second.
    """

    def __init__(self, url: str, notice: Notice) -> None:
        super().__init__(daemon=True)
        self.problem: str | None = "no answer in time"
        self._url = url
        self._notice = notice

    def run(self) -> None:
        try:
            self.problem = self._deliver()
        except Exception as error:  # noqa: BLE001 (logged by `send`; its text may quote the address)
            self.problem = type(error).__name__

    def _deliver(self) -> str | None:
        import apprise

        # No pool of apprise's own: the interpreter waits for its threads before it exits.
        asset = apprise.AppriseAsset(async_mode=False, service_timeout=0)
        notifier = apprise.Apprise(asset=asset)
        with _ADDING:
            is_known = notifier.add(self._url)
        if not is_known:
            return "the kind of address is unknown"
        sent = notifier.notify(title=self._notice.title, body=self._notice.body)
        return None if sent else "refused or not reachable"


def _title(report: RunReport) -> str:
    """Return one line that says whether the night needs attention."""
    failed = report.count(Outcome.FAILED)
    if report.stopped_by:
        return f"meeting: 提前结束 stopped by {report.stopped_by}"
    return f"meeting: {failed} 条失败 failed" if failed else "meeting: 全部完成 all done"


def _body(report: RunReport, place: str) -> str:
    """Return the counts and every failure by number and reason, without titles or texts."""
    failures = [
        f"#{record.id} {record.stage or ''}: {record.error_code} (meeting why {record.id})"
        for record in report.records
        if record.status is Outcome.FAILED
    ]
    end = f"用时 {report.seconds:.0f} s · 退出码 exit code {report.exit_code}"
    host = f"主机 host: {strip_control_characters(place)}"
    return "\n".join([*count_lines(report), *failures, host, end])
