"""The stages and nothing else, one record after the other: the plain sum, really run.

    python -m bench.nights.bare SERVER FOLDER

Nothing is checked, nothing is tried again, nothing would outlive a power cut, no link is signed
for. The standard library brings and sends over kept connections; one ffmpeg copies the sound and
decodes it, because a copy alone does not notice holes; SQLite is told of every stage; the media go.
Prints how many records are done.
"""

import json
import shutil
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from urllib.parse import urlsplit

from bench.nights.paid import CHAT_MODEL, KEYS

_BLOCK_BYTES = 1 << 18
_FFMPEG = ("ffmpeg", "-nostdin", "-y", "-loglevel", "error")
_FORM = {"model": "whisper-1", "language": "zh", "response_format": "verbose_json"}


class Bare:
    """server: the address of the night's server. folder: for one record's files at a time."""

    def __init__(self, server: str, folder: Path) -> None:
        self._connection = HTTPConnection(urlsplit(server).netloc)
        self._media, self._sound = folder / "media.mp4", folder / "sound.m4a"
        self._rows = sqlite3.connect(folder / "rows.db")
        self._rows.execute("PRAGMA journal_mode=WAL")
        self._rows.execute("PRAGMA synchronous=NORMAL")
        self._rows.execute("CREATE TABLE records (place PRIMARY KEY, stage, transcript, summary)")

    def links(self) -> list[tuple[str, str]]:
        """Every record's place and where its media are."""
        lines = self._asked("GET", "/plain/records").read().decode().splitlines()
        return [(place, link) for place, _, link in (line.partition(" ") for line in lines)]

    def take(self, place: str, link: str) -> None:
        """One record from its link to its row."""
        self._download(link)
        self._note(place, "download")
        self._extract()
        self._note(place, "extract")
        self._media.unlink()
        text = self._transcribed()
        self._note(place, "transcribe", text)
        self._note(place, "summarize", text, self._summarized(text))
        self._sound.unlink()

    def _note(self, place: str, stage: str, text: str = "", summary: str = "") -> None:
        with self._rows:
            row = (place, stage, text, summary)
            self._rows.execute("REPLACE INTO records VALUES (?, ?, ?, ?)", row)

    def _download(self, link: str) -> None:
        parts = urlsplit(link)
        with self._media.open("wb") as stream:
            shutil.copyfileobj(
                self._asked("GET", f"{parts.path}?{parts.query}"), stream, _BLOCK_BYTES
            )

    def _extract(self) -> None:
        copied, decoded = ("-vn", "-c:a", "copy", str(self._sound)), ("-vn", "-f", "null", "-")
        subprocess.run([*_FFMPEG, "-i", str(self._media), *copied, *decoded], check=True)

    def _transcribed(self) -> str:
        boundary = uuid.uuid4().hex
        head = "".join(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{said}\r\n'
            for name, said in _FORM.items()
        )
        head += (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="sound.m4a"'
            "\r\nContent-Type: audio/mp4\r\n\r\n"
        )
        body = head.encode() + self._sound.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
        kind = f"multipart/form-data; boundary={boundary}"
        answer = self._posted("audio/transcriptions", KEYS.asr, body, kind)
        return str(json.loads(answer)["text"])

    def _summarized(self, text: str) -> str:
        request = {
            "model": CHAT_MODEL,
            "max_completion_tokens": 2_000,
            "thinking": {"type": "disabled"},
            "messages": [{"role": "user", "content": f"用 JSON 总结：{text}"}],
        }
        body = json.dumps(request).encode()
        answer = self._posted("chat/completions", KEYS.chat, body, "application/json")
        return str(json.loads(answer)["choices"][0]["message"]["content"])

    def _posted(self, what: str, key: str, body: bytes, kind: str) -> bytes:
        headers = {"Authorization": f"Bearer {key}", "Content-Type": kind}
        return self._asked("POST", f"/ai/v1/{what}", body, headers).read()

    def _asked(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> HTTPResponse:
        self._connection.request(method, path, body, headers or {})
        answer = self._connection.getresponse()
        if answer.status != HTTPStatus.OK:
            raise SystemExit(f"{method} {path.partition('?')[0]}: {answer.status}")
        return answer


def main() -> None:
    bare, done = Bare(sys.argv[1], Path(sys.argv[2])), 0
    for place, link in bare.links():
        bare.take(place, link)
        done += 1
    print(done)


if __name__ == "__main__":
    main()
