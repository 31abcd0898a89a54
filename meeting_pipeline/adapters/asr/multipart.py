"""A multipart form with one file, which is sent from the disk without being held in memory."""

import secrets
from collections.abc import Iterator, Sequence

from meeting_pipeline.adapters.asr.pieces import Piece


class Form:
    """A multipart/form-data body that `requests` streams, with Content-Length; it is sent once.

    Args:
        fields: Names and values, in order.
        piece: The content of the file.
        file_name: The name that the server is told.
        mime: The media type that the server is told.
    """

    def __init__(
        self, fields: Sequence[tuple[str, str]], piece: Piece, file_name: str, mime: str
    ) -> None:
        boundary = secrets.token_hex(16)
        self.content_type = f"multipart/form-data; boundary={boundary}"
        named = [f'name="{name}"\r\n\r\n{value}' for name, value in fields]
        named.append(f'name="file"; filename="{file_name}"\r\nContent-Type: {mime}\r\n\r\n')
        opening = f"--{boundary}\r\nContent-Disposition: form-data; "
        self._head = "\r\n".join(opening + part for part in named).encode()
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self._piece = piece

    def __len__(self) -> int:
        return len(self._head) + self._piece.size_bytes + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        yield from self._piece.blocks()
        yield self._tail
