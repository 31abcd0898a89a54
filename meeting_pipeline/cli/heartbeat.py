"""HEARTBEAT_URL, told how a night begins and ends; no trouble with it changes the night."""

import logging
import time
from threading import Thread
from typing import TYPE_CHECKING

from meeting_pipeline.domain.enums import Beat
from meeting_pipeline.errors import MeetingError, Stopped
from meeting_pipeline.settings.config import Settings

if TYPE_CHECKING:
    from meeting_pipeline.ports.services import Switch

log = logging.getLogger(__name__)

_START_WITHIN_S = 5.0
_LATE = "没有及时应答 no answer in time"


def night_begins(settings: Settings) -> None:
    """Tell the switch that a night begins; one that does not answer costs seconds."""
    deadline = time.monotonic() + _START_WITHIN_S
    if telling := begin(settings.run.heartbeat_url, Beat.START):
        telling.wait_until(deadline)


def begin(url: str, beat: Beat, text: str = "") -> "Telling | None":
    """Begin to tell the switch what has happened.

    Args:
        url: HEARTBEAT_URL; nothing is told if it is empty.
        beat: What has happened.
        text: Lines for its page, without names and secrets.
    """
    if not url:
        return None
    telling = Telling(url, beat, text)
    telling.start()
    return telling


class Telling(Thread):
    """A thread that tells the switch one thing, so that its host delays nothing else.

    It is a daemon: the process does not wait for a host that does not answer.
    """

    def __init__(self, url: str, beat: Beat, text: str) -> None:
        super().__init__(daemon=True)
        self._url, self._beat, self._text = url, beat, text
        self._problem: str | None = _LATE
        self._switch: Switch | None = None

    def run(self) -> None:
        try:
            self._tell()
            self._problem = None
        except Stopped:
            return  # `wait_until` has given it up
        except MeetingError as error:
            self._problem = " → ".join(filter(None, (error.message, error.hint)))
        except Exception as bug:  # noqa: BLE001 (logged by `wait_until`; it may quote the address)
            self._problem = type(bug).__name__

    def wait_until(self, deadline: float) -> None:
        """Wait until it is told, or give it up at the deadline; log what went wrong.

        Args:
            deadline: A time of `time.monotonic`.
        """
        self.join(max(0.0, deadline - time.monotonic()))
        if self.is_alive() and self._switch:
            self._switch.close()
        if self._problem:
            log.warning(
                "心跳没有送达，运行不受影响 HEARTBEAT_URL was not told the %s of the run, which is "
                "not affected: %s",
                self._beat or "end",
                self._problem,
            )

    def _tell(self) -> None:
        from meeting_pipeline.wiring.heartbeat import make_heartbeat  # loads an HTTP client

        self._switch = make_heartbeat(self._url)
        self._switch.tell(self._beat, self._text)
