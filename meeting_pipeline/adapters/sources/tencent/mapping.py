"""The conversion of Tencent's answers into values of the domain."""

import re
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from meeting_pipeline.adapters.sources.base64_names import decoded_name
from meeting_pipeline.adapters.sources.tencent.api_types import (
    Address,
    ListedFile,
    ListedRecord,
    Visit,
)
from meeting_pipeline.domain.model import Participant, RecordKey, RecordMeta
from meeting_pipeline.errors import SkipRecord
from meeting_pipeline.ports.sources import MediaLink

SOURCE = "tencent"
BEFORE_TENCENT_MEETING = datetime(2019, 1, 1, tzinfo=UTC)
"""No recording is older: the service started in December 2019."""

BAD_TIME, TEXT_ONLY, NO_DOWNLOAD = "bad_time", "text_only", "no_download"

_FINAL = 3
_TRANSCRIPTION = 3
_TWIN = "转写_"
_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)
_CLOCKS_DIFFER = timedelta(days=1)
_PUBLIC_PARAMETERS = ("id", "from")
_SUFFIX = re.compile(r"[a-z0-9]{2,4}")


def is_final(record: ListedRecord) -> bool:
    """Return whether a record is transcoded; one without a state is if it has files."""
    return record.state == _FINAL or (record.state is None and bool(record.record_files))


def is_credible(moment: datetime | None, now: datetime) -> bool:
    """Return whether a recording can have begun at a moment.

    Args:
        moment: The moment (aware), or None.
        now: Tencent's time, aware.
    """
    return moment is not None and BEFORE_TENCENT_MEETING <= moment < now + _CLOCKS_DIFFER


def begin_of(record: ListedRecord, now: datetime) -> datetime | None:
    """Return the earliest credible start of a record or of its files, or None."""
    moments = [record.media_start_time, *(file.record_start_time for file in record.record_files)]
    return min((one for one in moments if one and is_credible(one, now)), default=None)


def metas_of(
    records: Collection[ListedRecord], owner: str | None, now: datetime
) -> Iterator[RecordMeta]:
    """Yield every file of the final records.

    These get a reason to skip them: a record of text alone, which Tencent lists beside the real one
    ("text_only"), a record without a credible start ("bad_time"), and a file that may not be
    downloaded ("no_download").

    Args:
        records: The listed records.
        owner: The user id of the owner of records that name none, or None.
        now: Tencent's time, aware.
    """
    begun = {
        (record.meeting_id, record.media_start_time)
        for record in records
        if not record.subject.startswith(_TWIN)
    }
    for record in records:
        is_twin = record.record_type == _TRANSCRIPTION or (
            record.subject.startswith(_TWIN)
            and (record.meeting_id, record.media_start_time) in begun
        )
        for file in record.record_files if is_final(record) else ():
            yield _meta(record, file, owner, is_twin, now)


def _meta(
    record: ListedRecord, file: ListedFile, owner: str | None, is_twin: bool, now: datetime
) -> RecordMeta:
    starts = [file.record_start_time, record.media_start_time]
    start = next((one for one in starts if is_credible(one, now)), None)
    end = file.record_end_time
    if start is None or end is None or not start < end < now + _CLOCKS_DIFFER:
        end = None
    skip_reason = TEXT_ONLY if is_twin else BAD_TIME if start is None else None
    if skip_reason is None and file.allow_download is False:
        skip_reason = NO_DOWNLOAD
    return RecordMeta(
        key=RecordKey(SOURCE, file.record_file_id),
        start_ts=start or starts[0] or starts[1] or _NO_TIME,
        subject=record.subject,
        end_ts=end,
        duration_s=(end - start).total_seconds() if start and end else None,
        meeting_record_id=record.meeting_record_id,
        meeting_id=record.meeting_id,
        meeting_code=record.meeting_code,
        teacher_id=record.host_user_id or record.userid or owner,
        size_bytes=file.record_size or None,
        play_url=public_url(file.sharing_url),
        skip_reason=skip_reason,
    )


def media_link(address: Address) -> MediaLink:
    """Return the link to the audio file if there is one, else to the video.

    Args:
        address: The links of the file.

    Raises:
        SkipRecord: There is no link, or downloads are not allowed ("no_download").
    """
    choices = (
        (address.audio_address, address.audio_address_file_type, "m4a"),
        (address.download_address, address.download_address_file_type, "mp4"),
    )
    for url, file_type, usual in choices:
        if url and address.allow_download is not False:
            kind = file_type.lower()
            return MediaLink(
                url,
                kind if _SUFFIX.fullmatch(kind) else usual,
                play_url=public_url(address.view_address),
                download_url=_without_query(url),
            )
    raise SkipRecord(
        NO_DOWNLOAD,
        f"recording {address.record_file_id} has no download address",
        hint="allow downloads in the recording's sharing settings",
    )


def transcript_link(address: Address) -> MediaLink | None:
    """Return the link to Tencent's own transcript as a text file, or None if there is none."""
    for document in address.meeting_summary:
        if document.file_type.lower() == "txt" and document.download_address:
            return MediaLink(document.download_address, "txt")
    return None


def participant_of(visit: Visit) -> Participant:
    """Return one stay; a person without a user id is known by the name shown in the meeting."""
    return Participant(
        person_id=visit.userid or None,
        name=decoded_name(visit.user_name),
        joined_at=visit.join_time,
        left_at=visit.left_time,
    )


def touches(stay: Participant, meta: RecordMeta) -> bool:
    """Return whether a stay overlaps the recording, as far as the times are known."""
    joined_after = meta.end_ts and stay.joined_at and stay.joined_at >= meta.end_ts
    left_before = stay.left_at and stay.left_at <= meta.start_ts
    return not joined_after and not left_before


def public_url(url: str) -> str | None:
    """Return the address of a page for people without any credential in it, or None."""
    try:
        scheme, host, path, query, _ = urlsplit(url)
    except ValueError:
        return None
    if scheme not in ("https", "http") or not host or "@" in host:
        return None
    kept = [(name, value) for name, value in parse_qsl(query) if name in _PUBLIC_PARAMETERS]
    return urlunsplit((scheme, host, path, urlencode(kept), ""))


def _without_query(url: str) -> str:
    return re.split(r"[?#]", url, maxsplit=1)[0]
