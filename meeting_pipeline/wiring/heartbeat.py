"""The dead-man's switch of an installation (HEARTBEAT_URL)."""

from meeting_pipeline.adapters.http.heartbeat import Heartbeat
from meeting_pipeline.ports.services import Switch


def make_heartbeat(url: str) -> Switch:
    """Make the switch.

    Args:
        url: HEARTBEAT_URL.
    """
    return Heartbeat(url)
