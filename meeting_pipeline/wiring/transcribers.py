"""The transcriber in use: one engine, or Tencent's own transcripts and then engines."""

from meeting_pipeline.adapters.asr.choice import AutoTranscriber, NamedSpeakers
from meeting_pipeline.adapters.asr.tencent import NativeTranscriber
from meeting_pipeline.errors import ConfigError
from meeting_pipeline.ports.services import Transcriber
from meeting_pipeline.ports.sources import RecordingSource
from meeting_pipeline.settings.backends import TRANSCRIBERS, recognizers
from meeting_pipeline.wiring import backends
from meeting_pipeline.wiring.context import BackendContext


def make_transcriber(context: BackendContext, source: RecordingSource) -> Transcriber:
    """Make the transcriber in use (ASR_BACKEND).

    Where the source has transcripts of its own, speakers get the names that these know.

    Args:
        context: What it is made from.
        source: The source of the recordings.

    Raises:
        ConfigError: "no_native_transcripts": the source has none.
    """
    settings = context.settings
    native = _native(context, source)
    rows = recognizers(settings)
    if not rows:
        if native is None:
            raise ConfigError(
                "no_native_transcripts",
                f"ASR_BACKEND=tencent, but the source is {source.name}",
                hint="set ASR_BACKEND to auto, openai or whisper",
            )
        return native
    if TRANSCRIBERS.is_open(settings) and settings.source_name == "tencent":
        return AutoTranscriber(native, [backends.make(row, context) for row in rows])
    engine: Transcriber = backends.make(rows[0], context)
    return NamedSpeakers(engine, native) if native else engine


def _native(context: BackendContext, source: RecordingSource) -> NativeTranscriber | None:
    if context.settings.source_name != "tencent":
        return None  # and nothing of HTTP is loaded
    native: NativeTranscriber | None = backends.make(TRANSCRIBERS["tencent"], context, source)
    return native
