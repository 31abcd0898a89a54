"""Connections that another thread breaks off."""

import socket

import pytest
import requests

from meeting_pipeline.adapters.http.connections import BreakableAdapter


def test_a_connection_that_is_made_after_all_were_broken_off_waits_for_no_answer() -> None:
    """So it is with a call that was about to connect, and had no socket to be shut."""
    adapter = BreakableAdapter(pool_connections=1, pool_maxsize=1)
    with socket.create_server(("127.0.0.1", 0)) as silent, requests.Session() as session:
        session.trust_env = False
        session.mount("http://", adapter)
        adapter.break_off()
        with adapter.attempt(), pytest.raises(requests.ConnectionError):
            session.get(f"http://127.0.0.1:{silent.getsockname()[1]}/", timeout=5)
