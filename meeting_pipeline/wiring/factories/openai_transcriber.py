"""ASR_BACKEND=openai: any server with OpenAI's `POST /audio/transcriptions`."""

from meeting_pipeline.adapters.asr.openai_compatible import EndpointTranscriber
from meeting_pipeline.domain.timing import Resource
from meeting_pipeline.ports.services import Transcriber
from meeting_pipeline.wiring.context import BackendContext


def make(context: BackendContext) -> Transcriber:
    """Make the transcriber; it raises ConfigError("no_asr_endpoint") without address or model."""
    speech = context.settings.speech
    transcriber = EndpointTranscriber(
        base_url=speech.base_url,
        api_key=speech.api_key,
        model=speech.model,
        rate=context.rate("asr", speech.per_minute),
        stop=context.stop,
        media=context.media,
        packets=context.packets,
        gate=context.gate(Resource.ASR),
        cpu=context.gate(Resource.CPU),
        language=speech.language,
        max_upload_mb=speech.max_upload_mb,
        max_chunk_s=speech.max_chunk_s,
    )
    context.services.callback(transcriber.close)
    return transcriber
