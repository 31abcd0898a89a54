"""LLM_BACKEND=extractive: summaries by rules on this machine, without a language model."""

from meeting_pipeline.adapters.llm.extractive import ExtractiveSummarizer
from meeting_pipeline.domain.timing import Resource
from meeting_pipeline.ports.services import Summarizer
from meeting_pipeline.wiring.context import BackendContext


def make(context: BackendContext) -> Summarizer:
    """Make the summarizer."""
    return ExtractiveSummarizer(context.gate(Resource.LLM))
