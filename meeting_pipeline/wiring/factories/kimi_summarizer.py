"""LLM_BACKEND=kimi: Kimi, or any server with OpenAI's `POST /chat/completions`."""

from meeting_pipeline.adapters.llm.openai_compatible import ChatSummarizer
from meeting_pipeline.domain.timing import Resource
from meeting_pipeline.ports.services import Summarizer
from meeting_pipeline.wiring.context import BackendContext


def make(context: BackendContext) -> Summarizer:
    """Make the summarizer; it raises ConfigError("no_api_key") without a key."""
    model = context.settings.language_model
    summarizer = ChatSummarizer(
        base_url=model.base_url,
        api_key=model.api_key,
        model=model.model,
        engine="kimi",
        rate=context.rate("llm", model.per_minute, model.tokens_per_minute),
        stop=context.stop,
        zone=context.settings.source.zone,
        largest_call_tokens=model.tokens_per_minute,
        gate=context.gate(Resource.LLM),
    )
    context.services.callback(summarizer.close)
    return summarizer
