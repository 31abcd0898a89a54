"""How much of each resource is used at once, and with it how many recordings are in flight."""

import os
from collections.abc import Mapping

from meeting_pipeline.domain.timing import Resource
from meeting_pipeline.settings.backends import SUMMARIZERS, recognizers
from meeting_pipeline.settings.config import Settings

_TENCENT_CALLS = 4  # at once; how many a minute is another limit


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def slots(settings: Settings, jobs: int | None) -> Mapping[Resource, int]:
    """Return how much of each resource is used at once.

    Args:
        settings: The settings.
        jobs: How many recordings are in flight, or None for as many as there are slots.
    """
    speech, model = settings.speech, settings.language_model
    at_work_here = min(jobs or cores(), cores())
    asks_a_server = any(engine.is_service for engine in recognizers(settings)[:1])
    asks_a_model = SUMMARIZERS.chosen(settings).is_service
    return {
        Resource.TENCENT: _TENCENT_CALLS,
        Resource.DOWNLOAD: settings.download.concurrency,
        Resource.CPU: cores(),
        Resource.ASR: speech.concurrency if asks_a_server else at_work_here,
        Resource.LLM: model.concurrency if asks_a_model else cores(),
    }


def default_jobs(settings: Settings) -> int:
    """Return the jobs of JOBS=auto: one for each slot, so that none of them has to be empty."""
    return sum(slots(settings, None).values())
