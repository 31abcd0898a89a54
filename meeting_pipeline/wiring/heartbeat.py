"""The dead-man's switch of an installation (HEARTBEAT_URL)."""

from meeting_pipeline.adapters.http.heartbeat import Heartbeat


def make_heartbeat(url: str) -> Heartbeat:
    """Make the switch.

    Args:
        url: HEARTBEAT_URL.
    """
    return Heartbeat(url)
