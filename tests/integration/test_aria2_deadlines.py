"""Between us, our aria2c and our tunnel, too, nothing waits without an end."""

import socket
import stat
import sys
from pathlib import Path

import pytest

from meeting_pipeline.adapters.downloads import tunnel
from meeting_pipeline.adapters.downloads.aria2_daemon import Daemon
from meeting_pipeline.adapters.downloads.aria2_status import DaemonLost
from meeting_pipeline.adapters.downloads.hosts import AllowedHosts
from meeting_pipeline.adapters.downloads.tunnel import Tunnel
from tests.support.trickling_servers import Trickle

pytestmark = pytest.mark.timeout(60)

ROOT = Path(__file__).parents[2]
TRICKLING_ARIA2C = f"""#!{sys.executable}
import re, socket, sys
sys.path.insert(0, {str(ROOT)!r})
from tests.support.trickling_servers import HEADS
settings = open(sys.argv[1].partition("=")[2]).read()
port = int(re.search("rpc-listen-port=([0-9]+)", settings)[1])
listener = socket.create_server(("127.0.0.1", port))
while True:
    connection, _ = listener.accept()
    try:
        HEADS["header"](connection)
    except OSError:
        connection.close()
"""


def test_an_aria2c_whose_answers_trickle_is_none(tmp_path: Path) -> None:
    program = tmp_path / "aria2c"
    program.write_text(TRICKLING_ARIA2C)
    program.chmod(stat.S_IRWXU)
    way_out = Tunnel(AllowedHosts((), allow_private=True))
    with pytest.raises(DaemonLost):
        Daemon(str(program), way_out, stall_s=1.0)
    way_out.close()


@pytest.mark.parametrize(
    "asks",
    [Trickle(b"CONNECT ", b"a"), Trickle(b"CONNECT a:443 HTTP/1.1\r\nX-Slow: ", b"a")],
    ids=["target", "header"],
)
def test_a_client_of_the_tunnel_that_trickles_is_sent_away(
    asks: Trickle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tunnel, "_REQUEST_S", 0.1)
    way_out = Tunnel(AllowedHosts((), allow_private=True))
    with (
        socket.create_connection(("127.0.0.1", way_out.port)) as client,
        pytest.raises(ConnectionError),
    ):
        asks(client)
    way_out.close()
