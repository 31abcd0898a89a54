"""A media host whose every connection is slow."""

from tests.support.fault_server import Exchange

_PIECE_BYTES = 1 << 18


def unhurried(exchange: Exchange) -> None:
    """About a second for a file over one connection, so that there is a middle to do things in."""
    body, send = exchange.body, exchange.socket.sendall

    def slowly(data: bytes) -> None:
        for start in range(0, len(data), _PIECE_BYTES):
            exchange.server.over.wait(0.05)
            send(data[start : start + _PIECE_BYTES])

    exchange.body = slowly  # type: ignore[method-assign]
    exchange.serve()
    exchange.body = body  # type: ignore[method-assign]
