"""ASR_BACKEND=whisper: Whisper on this machine."""

import os
from pathlib import Path

from meeting_pipeline.adapters.asr.whisper import WhisperTranscriber
from meeting_pipeline.domain.timing import Resource
from meeting_pipeline.ports.services import Transcriber
from meeting_pipeline.wiring.capacity import cores
from meeting_pipeline.wiring.context import BackendContext


def make(context: BackendContext) -> Transcriber:
    """Make the transcriber; its model is loaded when the first recording is there."""
    speech = context.settings.speech
    transcriber = WhisperTranscriber(
        model=speech.whisper_model,
        language=speech.language,
        beam=speech.whisper_beam,
        cache_dir=_model_cache(),
        processes=min(context.jobs, cores()),
        gate=context.gate(Resource.ASR),
    )
    context.services.callback(transcriber.close)
    return transcriber


def _model_cache() -> Path:
    """Return where packaged model weights are put together, for all installations of a user."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "meeting-pipeline"
