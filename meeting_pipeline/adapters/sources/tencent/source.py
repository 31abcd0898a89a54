"""Cloud recordings of Tencent Meeting as a RecordingSource."""

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from meeting_pipeline.adapters.sources.tencent.addresses import MEDIA, TRANSCRIPT, Addresses
from meeting_pipeline.adapters.sources.tencent.answers import ListedRecord
from meeting_pipeline.adapters.sources.tencent.listing import RecordList, pieces
from meeting_pipeline.adapters.sources.tencent.mapping import (
    SOURCE,
    is_credible,
    is_final,
    media_link,
    metas_of,
    transcript_link,
)
from meeting_pipeline.adapters.sources.tencent.people import People
from meeting_pipeline.domain.model import Participant, RecordMeta
from meeting_pipeline.domain.window import Window
from meeting_pipeline.errors import FatalError, MeetingError, RetryableError, SkipRecord, RecordError
from meeting_pipeline.ports import MediaLink

_log = logging.getLogger(__name__)
