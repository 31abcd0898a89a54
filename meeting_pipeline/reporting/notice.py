"""The notice at the end of a night, with its result or the reason why it ended."""

import logging
import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meeting_pipeline import exit_codes
from meeting_pipeline.domain.display import strip_control_characters
from meeting_pipeline.domain.stages import Outcome, RunReport
from meeting_pipeline.reporting.causes import cause
from meeting_pipeline.reporting.counts import STAGE_WORDS, count_lines
from meeting_pipeline.runtime import logs

if TYPE_CHECKING:
    import apprise

log = logging.getLogger(__name__)

_LONGEST_MESSAGE = 500
_MOST_NUMBERS = 5  # of recordings that failed for one reason
_ADDING = threading.Lock()  # apprise loads its plugins once, and not safely from two threads
_STATUS = re.compile(r"\berror=(\d{3})\b")
_NOTHING = "无需处理，下次运行会继续 nothing: the next run resumes"
_EXAMINE = "meeting doctor"
_ENDS = {
    exit_codes.OK: ("全部完成 all done", "无需处理 nothing"),
    exit_codes.BUG: ("程序错误 a bug", "上报 logs/ 中的错误信息 report the traceback in logs/"),
    exit_codes.USAGE: ("命令行有误 bad command line", "meeting cron --help"),
    exit_codes.CONFIG: ("没有开始 did not start", _EXAMINE),
    exit_codes.RECORDS_FAILED: (
        "没有完成 did not complete",
        "以后的夜间任务会自动重试 later nights retry by themselves; meeting status --failed",
    ),
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
    known = cause(failure.code)
    message = strip_control_characters(failure.message)[:_LONGEST_MESSAGE]
    steps = (known.action, strip_control_characters(failure.hint), next_step)
    lines = [
        f"原因 reason: {'：'.join(filter(None, (known.words, message)))}",
        f"处理 next: {'; '.join(filter(None, steps))}",
        f"主机 host: {strip_control_characters(place)}",
        f"退出码 exit code {failure.exit_code}",
    ]
    return Notice(f"meeting: {what}: {failure.code}", "\n".join(lines))


def of_test(place: str) -> Notice:
    """Return a notice that only shows that notices arrive.

    Args:
        place: The host and folder of the installation.
    """
    lines = [
        "收到这条消息即表示通知可用，无需处理 notices arrive; there is nothing to do",
        f"主机 host: {strip_control_characters(place)}",
    ]
    return Notice("meeting: 测试通知 test notice", "\n".join(lines))


def heartbeat_text(end: RunReport | Failure) -> str:
    """Return what the page of a dead-man's switch shows: numbers and codes, no names."""
    numbers = count_lines(end) if isinstance(end, RunReport) else [f"原因 reason: {end.code}"]
    return "\n".join([f"退出码 exit code {end.exit_code}", *numbers])


@dataclass(frozen=True)
class Delivery:
    """What became of a notice at one address.

    Attributes:
        number: The position of the address in NOTIFY_URLS, from 1.
        service: The name of the service; "" for a kind of address that is unknown.
        problem: Why it was not accepted; None if it was.
    """

    number: int
    service: str
    problem: str | None


def send(urls: Sequence[str], notice: Notice, within_s: float) -> None:
    """Send the notice to every address; a failure is logged and raises nothing.

    Args:
        urls: Apprise addresses; they hold tokens and are never logged.
        notice: What to send.
        within_s: Seconds after which unfinished deliveries are left to end with the process.
    """
    if problems := problem_lines(deliver(urls, notice, within_s)):
        log.error(
            "通知没有送达 the notice did not reach every address in NOTIFY_URLS: %s",
            "; ".join(problems),
        )


def deliver(urls: Sequence[str], notice: Notice, within_s: float) -> list[Delivery]:
    """Send the notice to every address, and return what became of it at each.

    Args:
        urls: Apprise addresses; they hold tokens and are never logged.
        notice: What to send.
        within_s: Seconds after which unfinished deliveries are left to end with the process.
    """
    with _reasons() as reasons:
        senders = [_Sender(url, notice, reasons) for url in urls]
        deadline = time.monotonic() + within_s
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join(max(0.0, deadline - time.monotonic()))
        return [
            Delivery(number, sender.service, sender.problem)
            for number, sender in enumerate(senders, 1)
        ]


def problem_lines(deliveries: Sequence[Delivery]) -> list[str]:
    """Return a line for each address that did not accept a notice, without the address."""
    return [
        f"第 {one.number} 个 number {one.number}: {one.problem}"
        for one in deliveries
        if one.problem
    ]


def service_of(url: str) -> str | None:
    """Return the name of the service that an address belongs to; None for an unknown kind."""
    with _reasons():
        found = parsed(url)
    return None if found is None else str(found.service_name or found.app_id)


class _Sender(threading.Thread):
    """A thread that sends the notice to one address, so that a host that hangs delays no other.

    It is a daemon: apprise limits each wait for bytes but not their number, and a process that has
    finished must not wait for a host that sends one byte per second.
    """

    def __init__(self, url: str, notice: Notice, reasons: "_Reasons") -> None:
        super().__init__(daemon=True)
        self.problem: str | None = "没有及时应答 no answer in time"
        self.service = ""
        self._url = url
        self._notice = notice
        self._reasons = reasons

    def run(self) -> None:
        try:
            self.problem = self._deliver()
        except Exception as error:  # noqa: BLE001 (told by its kind; its text may quote the address)
            self.problem = type(error).__name__

    def _deliver(self) -> str | None:
        import apprise

        found = parsed(self._url)
        if found is None:
            return "无法识别这种地址 the kind of address is unknown"
        self.service = str(found.service_name or found.app_id)
        notifier = apprise.Apprise(asset=found.asset)
        notifier.add(found)
        sent = notifier.notify(title=self._notice.title, body=self._notice.body)
        if sent:
            return None
        return self._reasons.of_this_thread() or "被拒绝或无法连接 refused or not reachable"


def parsed(url: str) -> "apprise.NotifyBase | None":
    """Return an address as apprise reads it; None for an unknown kind."""
    import apprise

    # No pool of apprise's own: the interpreter waits for its threads before it exits.
    asset = apprise.AppriseAsset(async_mode=False, service_timeout=0)
    with _ADDING:
        return apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)


class _Reasons(logging.Handler):
    """Keeps why apprise could not deliver, by thread; its lines may quote an address."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._found: dict[int | None, str] = {}

    def emit(self, record: logging.LogRecord) -> None:
        if refused := _STATUS.search(record.getMessage()):
            self._found[record.thread] = f"被拒绝 refused: HTTP {refused[1]}"
        elif "onnection" in record.getMessage():
            self._found[record.thread] = "无法连接 no connection: 检查网络和代理 check the network"

    def of_this_thread(self) -> str | None:
        """Return why the last delivery of this thread failed, or None if it is not known."""
        return self._found.get(threading.get_ident())


@contextmanager
def _reasons() -> Iterator[_Reasons]:
    """Keep what apprise logs while the block runs, and print none of it."""
    reasons, logger = _Reasons(), logging.getLogger("apprise")
    logs.silence_libraries_that_quote_links()
    logger.addHandler(reasons)
    logger.propagate = False
    logger.setLevel(logging.WARNING)
    try:
        yield reasons
    finally:
        logs.silence_libraries_that_quote_links()
        logger.removeHandler(reasons)


def _title(report: RunReport) -> str:
    """Return one line that says whether the night needs attention."""
    failed = report.count(Outcome.FAILED)
    if report.stopped_by:
        return f"meeting: 提前结束 stopped by {report.stopped_by}"
    return f"meeting: {failed} 条失败 failed" if failed else "meeting: 全部完成 all done"


def _body(report: RunReport, place: str) -> str:
    """Return the counts, what failed and is incomplete, and what to do, without titles or texts."""
    lines = [*count_lines(report), *_failures(report), *_incomplete(report)]
    if words := cause(report.stopped_by).words:
        lines.append(f"原因 reason: {words}")
    return "\n".join(
        [
            *lines,
            f"处理 next: {_next_step(report)}",
            f"主机 host: {strip_control_characters(place)}",
            f"用时 {report.seconds:.0f} s · 退出码 exit code {report.exit_code}",
        ]
    )


def _incomplete(report: RunReport) -> list[str]:
    return [
        f"不完整 #{record.id} {record.message} → meeting show {record.id}"
        for record in report.records
        if record.status is Outcome.DONE and record.message
    ]


def _next_step(report: RunReport) -> str:
    _, step = _ENDS.get(report.exit_code, _ENDS[exit_codes.BUG])
    return cause(report.stopped_by).action or step


def _failures(report: RunReport) -> list[str]:
    """Return a line for each reason why recordings failed, with their numbers."""
    numbers: dict[tuple[str, str], list[int]] = {}
    for record in report.records:
        if record.status is Outcome.FAILED:
            key = (record.stage or "", record.error_code or "")
            numbers.setdefault(key, []).append(record.id)
    return [_failure_line(*reason, failed) for reason, failed in numbers.items()]


def _failure_line(stage: str, code: str, numbers: Sequence[int]) -> str:
    known = cause(code)
    named = " ".join(f"#{number}" for number in numbers[:_MOST_NUMBERS])
    more = "" if len(numbers) <= _MOST_NUMBERS else f" … 共 {len(numbers)} 条 in all"
    what = " ".join(filter(None, (STAGE_WORDS.get(stage, ""), f"{code}:", known.words)))
    then = "; ".join(filter(None, (f"meeting why {numbers[0]}", known.action)))
    return f"失败 {named}{more} {what} → {then}"
