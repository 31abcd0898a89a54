"""The sandbox as a speech service, and tone recordings to send there."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from meeting_pipeline.adapters.asr.openai_compatible import EndpointTranscriber
from meeting_pipeline.adapters.asr.packets import packets_of
from meeting_pipeline.adapters.http.rate_limit import RateLimit
from meeting_pipeline.adapters.media.pyav import PyAVMedia
from meeting_pipeline.domain.model import Audio, RecordKey, Transcript, Usage
from meeting_pipeline.ports.progress import no_progress
from meeting_pipeline.ports.stage_context import StageContext
from meeting_pipeline.sandbox.server import Sandbox
from meeting_pipeline.storage.files import RecordFolder, sha256_of
from tests.support.fakes import meta
from tests.support.tone_recordings import tone_recording


def tones(
    path: Path, seconds: float, *, number: int = 0, burst_s: float = 4.0, period_s: float = 5.0
) -> Audio:
    """A tone recording as the extract stage leaves it: mp3, mono, 16 kHz."""
    tone_recording(path, seconds, number=number, burst_s=burst_s, period_s=period_s)
    return audio_in(path, seconds)


def audio_in(path: Path, seconds: float) -> Audio:
    return Audio(path, path.stat().st_size, sha256_of(path), seconds)


def repeated(audio: Audio, times: int, path: Path) -> Path:
    """An mp3 whose packets come again and again; quicker than making so many tones."""
    starts = packets_of(audio.path).starts
    path.write_bytes(audio.path.read_bytes()[starts[0] : starts[-1]] * times)
    return path


def extracted(media: Path, target: Path) -> Audio:
    """The sound of a media file as the pipeline takes it out; the suffix picks the format."""
    sound = PyAVMedia().extract(media, target, target.suffix[1:], no_progress)
    return audio_in(target, sound.duration_s)


def context(
    folder: Path, spent: Callable[[Usage], None] | None = None, name: str = "1"
) -> StageContext:
    record = RecordFolder(folder, RecordKey("test", name))
    return StageContext(1, meta(1), record, no_progress, spent or (lambda _: None))


def transcriber(sandbox: Sandbox, **changes: Any) -> EndpointTranscriber:
    """A client of the sandbox, with these arguments instead of the right ones."""
    stop = threading.Event()
    arguments = {
        "base_url": sandbox.ai_url,
        "api_key": sandbox.keys.asr,
        "model": sandbox.keys.asr_model,
        "rate": RateLimit(stop=stop),
        "stop": stop,
        "media": PyAVMedia(),
        "packets": packets_of,
    }
    return EndpointTranscriber(**{**arguments, **changes})


def places(transcript: Transcript) -> list[int]:
    """Which bursts the segments speak of, in their order."""
    return [int(one.text.split("第")[1].split("句")[0]) for one in transcript.segments]
