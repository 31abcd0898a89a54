"""The notice that is sent when `meeting cron` ends: one a night, however it ended."""

import logging
import socket
from collections.abc import Callable

from meeting_pipeline import exit_codes
from meeting_pipeline.cli.ended import Ended
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
    "interrupted": "Ctrl-C ended the night before it had a report",
    "terminated": "SIGTERM or SIGHUP ended the night before it had a report",
    "usage": "the command line cannot be read",
}


def send_notice(ended: Ended) -> None:
    """Send the notice of a night that has ended."""
    if ended.exit_code == exit_codes.OK and ended.report is None:
        return  # `meeting cron --help`
    is_signalled = ended.exit_code in _SIGNALLED
    within_s = _WITHIN_S_OF_A_SIGNAL if is_signalled else _WITHIN_S
    _send_once(ended, lambda: _notice(ended), within_s)


class LastWords(RunObserver):
    """An observer that sends the notice of a run which did not end when it was asked to."""

    def __init__(self, ended: Ended) -> None:
        self._ended = ended

    def run_given_up(self, exit_code: int, reason: str) -> None:
        failure = Failure(exit_code, reason, "the run was asked to end and did not end in time")
        _send_once(self._ended, lambda: notify.of_failure(failure, _place()), LAST_WORDS_S)


def _send_once(ended: Ended, notice: Callable[[], Notice], within_s: float) -> None:
    """Send the notice to every readable address in NOTIFY_URLS, unless this night has sent one.

    Nothing that goes wrong here changes how the night ended. A signal ends the sending.
    """
    try:
        with ended.notice_lock:
            if not ended.has_notice:
                ended.has_notice = True
                _send(notice(), within_s)
    except (KeyboardInterrupt, SystemExit):
        log.warning("a signal ended the sending of the notice")
    except Exception as bug:  # noqa: BLE001 (its text may quote an address)
        log.error("the notice could not be sent: %s", type(bug).__name__)


def _send(notice: Notice, within_s: float) -> None:
    settings = alert_settings(locate().env_file)
    if settings.urls:
        redact = Redaction(settings.secrets).redact
        redacted = Notice(redact(notice.title), redact(notice.body))
        notify.send(settings.urls, redacted, within_s)


def _notice(ended: Ended) -> Notice:
    """Return the notice of the report, unless the process ends otherwise than the report says."""
    if ended.report and ended.report.exit_code == ended.exit_code:
        return notify.of_report(ended.report)
    return notify.of_failure(_failure(ended), _place())


def _place() -> str:
    return f"{socket.gethostname()}, {locate().home.absolute()}"


def _failure(ended: Ended) -> Failure:
    error = ended.error
    if isinstance(error, MeetingError):
        return Failure(ended.exit_code, error.code, error.message, error.hint)
    if error is not None:  # the text of a bug may hold anything
        return Failure(ended.exit_code, type(error).__name__, "an unexpected error in the program")
    code = _CODES.get(ended.exit_code, "ended")
    return Failure(ended.exit_code, code, _MESSAGES.get(code, "the night ended without a reason"))
