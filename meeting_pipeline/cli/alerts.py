"""What is told when a night ends, however it ended: one notice, and the dead-man's switch."""

import logging
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from meeting_pipeline import exit_codes
from meeting_pipeline.cli import heartbeat
from meeting_pipeline.cli.ended import Ended
from meeting_pipeline.domain.enums import Beat
from meeting_pipeline.errors import MeetingError
from meeting_pipeline.ports.observer import RunObserver
from meeting_pipeline.reporting import notice as notify
from meeting_pipeline.reporting.notice import Failure, Notice
from meeting_pipeline.runtime.interrupts import LAST_WORDS_S
from meeting_pipeline.runtime.logs import Redaction
from meeting_pipeline.settings.alerts import alert_settings
from meeting_pipeline.settings.location import locate

log = logging.getLogger(__name__)

_WITHIN_S = 20.0
_WITHIN_S_OF_A_SIGNAL = 5.0  # service managers kill what still runs soon after a signal
_SIGNALLED = {exit_codes.INTERRUPTED: "interrupted", exit_codes.TERMINATED: "terminated"}
_CODES = {**_SIGNALLED, exit_codes.USAGE: "usage"}
_MESSAGES = {
    "interrupted": "没有报告就被 Ctrl-C 中断 Ctrl-C ended the night before it had a report",
    "terminated": "没有报告就被信号终止 SIGTERM or SIGHUP ended the night before it had a report",
    "usage": "命令行无法识别 the command line cannot be read",
}
_BUG = "程序内部错误 an unexpected error in the program"
_GIVEN_UP = "收到停止信号后没有及时结束 the run was asked to end and did not end in time"


@dataclass(frozen=True)
class _End:
    """The end of a night, as it is told.

    Attributes:
        notice: What NOTIFY_URLS are sent; None for a run by hand.
        beat: What HEARTBEAT_URL is told.
        text: The numbers on the page of that switch, without names.
    """

    notice: Notice | None
    beat: Beat
    text: str


def tell_end(ended: Ended, *, is_night: bool) -> None:
    """Tell how a night or a run has ended.

    Args:
        ended: How it ended.
        is_night: Whether NOTIFY_URLS get a notice, too.
    """
    if ended.exit_code == exit_codes.OK and ended.report is None:
        return  # `meeting cron --help`
    is_signalled = ended.exit_code in _SIGNALLED
    within_s = _WITHIN_S_OF_A_SIGNAL if is_signalled else _WITHIN_S
    _tell_once(ended, lambda: _end(ended, is_night=is_night), within_s)


class LastWords(RunObserver):
    """An observer that tells the end of a run which did not end when it was asked to.

    Args:
        ended: How it ended.
        is_night: Whether NOTIFY_URLS get a notice, too.
    """

    def __init__(self, ended: Ended, *, is_night: bool) -> None:
        self._ended, self._is_night = ended, is_night

    def run_given_up(self, exit_code: int, reason: str) -> None:
        failure = Failure(exit_code, reason, _GIVEN_UP)
        notice = notify.of_failure(failure, place())
        end = _End(notice if self._is_night else None, Beat.FAIL, notify.heartbeat_text(failure))
        _tell_once(self._ended, lambda: end, LAST_WORDS_S)


def _tell_once(ended: Ended, end: Callable[[], _End], within_s: float) -> None:
    """Tell every readable address in the settings, unless this night has told its end before.

    Nothing that goes wrong here changes how the night ended. A signal ends the telling.
    """
    try:
        with ended.notice_lock:
            if not ended.has_notice:
                ended.has_notice = True
                _tell(end(), within_s)
    except (KeyboardInterrupt, SystemExit):
        log.warning("a signal ended the sending of the notice")
    except Exception as bug:  # noqa: BLE001 (its text may quote an address)
        log.error("the notice could not be sent: %s", type(bug).__name__)


def _tell(end: _End, within_s: float) -> None:
    deadline = time.monotonic() + within_s
    settings = alert_settings(locate().env_file)
    redact = Redaction(settings.secrets).redact
    telling = heartbeat.begin(settings.heartbeat_url, end.beat, redact(end.text))
    if end.notice and settings.urls:
        redacted = Notice(redact(end.notice.title), redact(end.notice.body))
        notify.send(settings.urls, redacted, within_s)
    if telling:
        telling.wait_until(deadline)


def _end(ended: Ended, *, is_night: bool) -> _End:
    """Return the end as the report says it, unless the process ends otherwise."""
    beat = Beat.FAIL if ended.exit_code else Beat.END
    report = ended.report
    if report and report.exit_code == ended.exit_code:
        notice, text = notify.of_report(report, place()), notify.heartbeat_text(report)
    else:
        failure = _failure(ended)
        notice, text = notify.of_failure(failure, place()), notify.heartbeat_text(failure)
    return _End(notice if is_night else None, beat, text)


def place() -> str:
    """Return the host and the folder of this installation."""
    return f"{socket.gethostname()}, {locate().home.absolute()}"


def _failure(ended: Ended) -> Failure:
    error = ended.error
    if isinstance(error, MeetingError):
        return Failure(ended.exit_code, error.code, error.message, error.hint)
    if error is not None:  # the text of a bug may hold anything
        return Failure(ended.exit_code, type(error).__name__, _BUG)
    code = _CODES.get(ended.exit_code, "ended")
    return Failure(ended.exit_code, code, _MESSAGES.get(code, "原因不明 no reason is known"))
