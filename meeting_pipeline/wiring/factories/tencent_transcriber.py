"""ASR_BACKEND=tencent: the transcripts that Tencent Meeting has made itself."""

import logging

from meeting_pipeline.adapters.asr.tencent import NativeTranscriber
from meeting_pipeline.adapters.sources.tencent.source import TencentSource
from meeting_pipeline.domain.media_checks import LARGEST_TRANSCRIPT_BYTES, OVERSIZED
from meeting_pipeline.domain.model import RecordMeta
from meeting_pipeline.errors import RecordError
from meeting_pipeline.ports.progress import no_progress
from meeting_pipeline.ports.sources import RecordingSource
from meeting_pipeline.wiring.context import BackendContext
from meeting_pipeline.wiring.factories import http_downloader

log = logging.getLogger(__name__)


def make(context: BackendContext, source: RecordingSource) -> NativeTranscriber | None:
    """Make what reads the transcripts of a source, or return None where it has none.

    Args:
        context: What it is made from.
        source: The source of the recordings.
    """
    if not isinstance(source, TencentSource):
        return None
    downloader = http_downloader.make(context, LARGEST_TRANSCRIPT_BYTES)
    scratch = context.settings.source.data_dir / "transcripts"

    def text_of(meta: RecordMeta) -> str | None:
        link = source.native_transcript(meta)
        if link is None:
            return None
        scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = scratch / f"{meta.key.record_id}.txt"
        try:
            downloader.fetch(link, part, no_progress)
            return part.read_text("utf-8", errors="replace")
        except RecordError as refusal:
            if refusal.code != OVERSIZED:
                raise
            log.warning("%s: Tencent's own transcript is not read: %s", meta.key, refusal)
            return None
        finally:
            part.unlink(missing_ok=True)

    return NativeTranscriber(text_of, context.media)
