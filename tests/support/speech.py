"""Sound for tests: the project's own spoken samples, silence and noise, as mono 16 kHz FLAC."""

from pathlib import Path

import av
import numpy as np
from faster_whisper import decode_audio
from numpy.typing import NDArray

import meeting_pipeline
from meeting_pipeline.domain.model import Audio
from meeting_pipeline.storage.files import sha256_of

SAMPLE_RATE = 16_000
SAMPLES = Path(meeting_pipeline.__file__).parent / "samples"

Sound = NDArray[np.float32]


def spoken(name: str, start_s: float, end_s: float) -> Sound:
    """A stretch of a spoken sample; name: the middle of its file name."""
    media = next(path for path in SAMPLES.glob(f"*{name}*") if path.suffix in {".m4a", ".mp4"})
    sound: Sound = decode_audio(str(media), sampling_rate=SAMPLE_RATE)
    return sound[int(start_s * SAMPLE_RATE) : int(end_s * SAMPLE_RATE)]


def silence(seconds: float) -> Sound:
    return np.zeros(int(seconds * SAMPLE_RATE), np.float32)


def white_noise(seconds: float, level_db: float) -> Sound:
    noise = np.random.default_rng(7).normal(0.0, 10 ** (level_db / 20), int(seconds * SAMPLE_RATE))
    return np.clip(noise, -1.0, 1.0).astype(np.float32)


def at_level(sound: Sound, level_db: float) -> Sound:
    """The sound with this root mean square in dBFS, rounded as 16-bit samples are."""
    present = np.sqrt(np.mean(np.square(sound, dtype=np.float64)))
    scaled = np.clip(sound * (10 ** (level_db / 20) / present), -1, 1)
    rounded: Sound = (np.round(scaled * 32_767) / 32_768).astype(np.float32)
    return rounded


def hum(seconds: float) -> Sound:
    at = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    wave = 0.3 * np.sin(2 * np.pi * 50 * at) + 0.1 * np.sin(2 * np.pi * 150 * at)
    return wave.astype(np.float32)


def audio_of(sound: Sound, path: Path) -> Audio:
    """The sound as the extract stage would leave it."""
    _write_flac(sound, path)
    return Audio(path, path.stat().st_size, sha256_of(path), len(sound) / SAMPLE_RATE)


def _write_flac(sound: Sound, path: Path) -> None:
    pcm = (sound * 32_767).astype(np.int16).reshape(1, -1)
    with av.open(str(path), "w", format="flac") as container:
        stream = container.add_stream("flac", rate=SAMPLE_RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
