"""Summaries by Kimi, or by any server that speaks OpenAI's chat completions."""

import logging
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import tzinfo
from typing import TYPE_CHECKING

from meeting_pipeline.adapters.http.client import Timeouts
from meeting_pipeline.adapters.http.rate_limit import RateLimit
from meeting_pipeline.adapters.llm import prompting
from meeting_pipeline.adapters.llm.chat import ChatModel, Completion, is_completion, system_tokens
from meeting_pipeline.adapters.llm.conversation import Conversation
from meeting_pipeline.adapters.llm.evidence import verified
from meeting_pipeline.adapters.llm.model_traits import REPLY_SHARE, ModelTraits, traits_of
from meeting_pipeline.adapters.llm.portions import lines_of
from meeting_pipeline.adapters.llm.prompting import Document
from meeting_pipeline.adapters.llm.reading import Plan, Reading
from meeting_pipeline.adapters.llm.refusals import refuse
from meeting_pipeline.adapters.llm.reply_schema import schema_version
from meeting_pipeline.adapters.openai_api.server import OpenAIServer
from meeting_pipeline.domain.checks import Check
from meeting_pipeline.domain.model import ActionItem, StudentNote, Summary, Transcript, Usage
from meeting_pipeline.errors import ConfigError, RecordError
from meeting_pipeline.ports.gate import OPEN, Gate
from meeting_pipeline.ports.stage_context import StageContext
from meeting_pipeline.storage.paid_calls import PaidCalls

if TYPE_CHECKING:
    from meeting_pipeline.adapters.llm.reply import Reply

_USED_SHARE = 0.92  # of a context: portions vary by a twentieth
_REPLIES = 2  # room for a reply of double length, or for one that is sent back
_SMALLEST_ROOM = 400
_TIMEOUTS = Timeouts(read_s=300.0, total_s=600.0)
_MILLION = 1_000_000

_log = logging.getLogger(__name__)


class ChatSummarizer:
    """A `Summarizer` that asks a language model; threads may share it.

    A meeting that fits into the context of the model takes one call. A longer one is read in parts,
    whose notes are summarized together.

    Args:
        base_url: The address of its API, with /v1.
        api_key: Sent as a bearer token.
        model: The name of the model.
        rate: Calls and tokens per minute, shared by all threads.
        stop: Ends every wait once it is set.
        zone: The time zone of dates in the prompt.
        engine: The name of this back end in summaries.
        context_tokens: The context of the model, if `model_traits` does not know it.
        largest_call_tokens: The most tokens that a call may use, such as a limit per minute.
        prompt_price: Of a million tokens of the prompt, in any currency.
        completion_price: Of a million tokens of the reply.
        gate: Limits how many calls are made at once.
        clock: Returns seconds that only increase.

    Raises:
        ConfigError: "no_api_key", or "context_too_small" for a transcript.
    """

    def __init__(
        self,
        *,
        base_url: str,
        api_key: str,
        model: str,
        rate: RateLimit,
        stop: threading.Event,
        zone: tzinfo,
        engine: str = "kimi",
        context_tokens: int | None = None,
        largest_call_tokens: int | None = None,
        prompt_price: float = 0.0,
        completion_price: float = 0.0,
        gate: Gate = OPEN,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not (api_key and api_key.isascii() and api_key.isprintable()):
            raise ConfigError(
                "no_api_key",
                "KIMI_API_KEY is not set, or has characters that no key has",
                hint="set it, or LLM_BACKEND=extractive",
            )
        traits = _within(traits_of(model), context_tokens, largest_call_tokens)
        self._server = OpenAIServer(
            base_url,
            api_key,
            refuse=refuse,
            rate=rate,
            stop=stop,
            timeouts=_TIMEOUTS,
            gate=gate,
            clock=clock,
        )
        self._model = ChatModel(self._server, model, traits)
        self._engine, self._zone = engine, zone
        self._prices = (prompt_price / _MILLION, completion_price / _MILLION)
        self._plan = _plan(traits)

    @property
    def settings(self) -> str:
        return (
            f"{self._engine} {self._model.name} prompt {prompting.prompt_version()} "
            f"schema {schema_version()}"
        )

    def planned_calls(self, transcript: Transcript) -> int:
        """Return how many calls a transcript takes if no reply has to be repaired or repeated."""
        return self._plan.calls(lines_of(transcript))

    def summarize(self, transcript: Transcript, context: StageContext) -> Summary:
        """Summarize a transcript.

        Args:
            transcript: What was completion.
            context: Where answers are kept, and progress and cost are reported.

        Raises:
            RecordError: "empty_transcript": it has no words. Others: see `Conversation.reply_to`.
            FatalError: No other recording would have a better answer.
            RetryableError: See `Http.call`.
        """
        lines = lines_of(transcript)
        if not any(line.text for line in lines):
            raise RecordError("empty_transcript", "the transcript has no words to summarize")
        calls = self._plan.calls(lines)
        _log.info("%s: asking %s, calls: %d", context.meta.key, self._model.name, calls)

        def progress(read: int, parts: int) -> None:
            context.progress(read / (parts + 1) if parts > 1 else 1.0)

        kept = PaidCalls(context.folder, is_completion)
        conversation = Conversation(self._model, kept, self._reporter(context))
        document = Document(context.meta, lines, self._zone, transcript.warnings)
        reply = Reading(conversation, document, self._plan, progress).reply(lines)
        context.progress(1.0)
        return self._summary(reply, transcript)

    def examine(self) -> list[Check]:
        """Check that the server answers, takes the key and has the model.

        It costs nothing, or one token where the server has no list of models.
        """
        return self._server.examine(
            "language_model", self._model.name, "KIMI_MODEL", self._model.try_once
        )

    def close(self) -> None:
        """Break off all calls, which raise Stopped, as later ones do."""
        self._server.close()

    def _reporter(self, context: StageContext) -> Callable[[Completion], None]:
        prompt_price, completion_price = self._prices

        def report(completion: Completion) -> None:
            cost = (
                completion.prompt_tokens * prompt_price
                + completion.completion_tokens * completion_price
            )
            context.spent(
                Usage(
                    call=completion.receipt,
                    kind="llm",
                    model=self._model.name,
                    prompt_tokens=completion.prompt_tokens,
                    completion_tokens=completion.completion_tokens,
                    cost=cost,
                )
            )

        return report

    def _summary(self, reply: "Reply", transcript: Transcript) -> Summary:
        evidence, dropped = verified(reply.evidence, transcript)
        return Summary(
            engine=self._engine,
            model=self._model.name,
            title=" ".join(reply.title.split()),
            abstract=reply.abstract,
            phase=reply.phase,
            phase_method="model",
            confidence=reply.confidence,
            prompt=f"minutes {prompting.prompt_version()}",
            key_points=tuple(reply.key_points),
            decisions=tuple(reply.decisions),
            action_items=tuple(
                ActionItem(task.what, task.who, task.by_when) for task in reply.action_items
            ),
            student_notes=tuple(StudentNote(one.student, one.note) for one in reply.student_notes),
            evidence=evidence,
            dropped_evidence=dropped,
        )


def _within(traits: ModelTraits, known: int | None, largest_call: int | None) -> ModelTraits:
    """Return the traits of a model, limited to a known context and to what a call may use."""
    context = min(known or traits.context, largest_call or sys.maxsize)
    return replace(traits, context=context, reply=min(traits.reply, context // REPLY_SHARE))


def _plan(traits: ModelTraits) -> Plan:
    """Return how much of a transcript, or of notes on it, one call takes."""
    room = int(traits.context * _USED_SHARE) - system_tokens() - _REPLIES * traits.reply
    if room < _SMALLEST_ROOM:
        raise ConfigError(
            "context_too_small",
            f"{traits.context} tokens per call leave no room for a transcript",
            hint="raise LLM_TPM, or choose a KIMI_MODEL with a longer context",
        )
    return Plan(room, max(2, room // (2 * traits.reply)))
