"""Speech services and a language model that others wrote, without a key: see `Apache` for that.

faster-whisper-server    recognises speech, with the weights that the `offline` extra brings
pytest-httpserver        answers every upload with the same words, at once
fakellm                  answers every chat with the same minutes

Their settings are YAML, and JSON is YAML.
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pytest_httpserver import HTTPServer

from meeting_pipeline.adapters.asr.packaged_model import packaged_base
from meeting_pipeline.domain.enums import Phase
from tests.support.foreign_programs import listening

MODEL = "whisper-1"
SAID = "We looked at the first page together and agreed on what comes next."
LONGEST_CLIP_S = 7.5
_MINUTES = {
    "title": "A lesson",
    "abstract": "Teacher and student looked at the first page.",
    "key_points": ["The first page"],
    "decisions": [],
    "action_items": [{"what": "Rewrite the first page", "who": "", "by_when": ""}],
    "student_notes": [],
    "phase": Phase.RESUME.value,
    "confidence": 0.9,
    "evidence": [{"quote": "the first page together", "time": "00:00"}],
}


@contextmanager
def whisper_server(folder: Path) -> Iterator[int]:
    """The port of a server that hears what is said. folder: short-lived, gets 145 MB."""
    settings = folder / "whisper.yaml"
    model = {
        "name": MODEL,
        "path": str(packaged_base(folder)),
        "model_options": {"device": "cpu", "compute_type": "int8"},
        "transcribe_options": {"beam_size": 1, "temperature": 0},  # the same words every time
    }
    settings.write_text(json.dumps({"models": [model]}), "utf-8")
    command = (sys.executable, "-P", "-m", "faster_whisper_server", "--config", str(settings))
    with listening(
        lambda port: [*command, "--host", "127.0.0.1", "--port", str(port)],
        folder / "whisper.log",
    ) as port:
        yield port


@contextmanager
def same_words_server() -> Iterator[int]:
    """The port of a server that says SAID about every upload."""
    segment = {"id": 0, "start": 0.0, "end": LONGEST_CLIP_S, "text": SAID}
    answer = {"task": "transcribe", "language": "english", "text": SAID, "segments": [segment]}
    with HTTPServer(host="127.0.0.1", port=0, threaded=True) as server:
        server.expect_request("/v1/audio/transcriptions", method="POST").respond_with_json(answer)
        yield server.port


@contextmanager
def chat_server(folder: Path) -> Iterator[int]:
    """The port of a language model that always says the same minutes."""
    settings = folder / "fakellm.yaml"
    rule = {
        "name": "minutes",
        "when": {"model_matches": "*"},
        "respond": {"content": json.dumps(_MINUTES, ensure_ascii=False)},
    }
    settings.write_text(json.dumps({"version": 1, "rules": [rule]}), "utf-8")
    command = (sys.executable, "-P", "-m", "uvicorn", "fakellm.server:app", "--host", "127.0.0.1")
    with listening(
        lambda port: [*command, "--port", str(port)],
        folder / "fakellm.log",
        {**os.environ, "FAKELLM_CONFIG": str(settings)},
    ) as port:
        yield port
