"""What Tencent answers, as far as we use it: typed, and lenient where the documents are.

Unknown fields are ignored, missing and null ones have a default unless nothing works without them.
Ids are text, also where a server sends numbers; times may be seconds or milliseconds, numbers or
text. Whatever else is wrong is a ValidationError that names the field.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_SECOND = datetime(9999, 12, 31, tzinfo=UTC).timestamp()
_MILLISECONDS_FROM = 10**11
_NUMBER = re.compile(r"-?\d{1,18}", re.ASCII)
_LONGEST_ID = 64
_TOO_LARGE = 10**18


def _text(value: object) -> str:
    """Text that any database takes; numbers are written out."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise ValueError("is no text")


def _id(value: object) -> str:
    text = _text(value).strip()
    if not text or len(text) > _LONGEST_ID:
        raise ValueError("is no id")
    return text


def _optional_id(value: object) -> str | None:
    return _id(value) if value not in (None, "") else None


def _number(value: object) -> int | None:
    if value is None or value == "":
        return None
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return int(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _TOO_LARGE:
        return int(value)
    raise ValueError("is no number")


def _count(value: object) -> int | None:
    number = _number(value)
    if number is not None and number < 0:
        raise ValueError("is less than nothing")
    return number


def _moment(value: object) -> datetime | None:
    """An instant, moved to 1970 or 9999 where it lies outside; others judge if it is credible."""
    number = _number(value)
    if number is None:
        return None
    milliseconds = number if number >= _MILLISECONDS_FROM else number * 1000
    seconds = min(max(milliseconds / 1000, 0.0), _LAST_SECOND)
    return _EPOCH + timedelta(seconds=seconds)


def _flag(value: object) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    if value in (0, 1, "0", "1", "true", "false"):
        return value in (1, "1", "true")
    raise ValueError("is neither true nor false")


def _or_none(value: object) -> object:
    return [] if value is None else value


def _rows(value: object, info: ValidationInfo) -> object:
    """The rows of a page; none at all is believed only where a count says so."""
    if value is None and 0 in (info.data.get("total_count"), info.data.get("current_size")):
        return []
    return value


Text = Annotated[str, BeforeValidator(_text)]
Id = Annotated[str, BeforeValidator(_id)]
OptionalId = Annotated[str | None, BeforeValidator(_optional_id)]
Count = Annotated[int | None, BeforeValidator(_count)]
Moment = Annotated[datetime | None, BeforeValidator(_moment)]
Flag = Annotated[bool | None, BeforeValidator(_flag)]
Row = TypeVar("Row")
List = Annotated[list[Row], BeforeValidator(_or_none)]
Rows = Annotated[list[Row], BeforeValidator(_rows)]
_REQUIRED: Any = Field(default=None, validate_default=True)


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Page(_Answer):
    total_count: Count = None
    current_size: Count = None
    total_page: Count = None


class ListedFile(_Answer):
    """One of `record_files` in a list (51189, 53224). record_size: bytes."""

    record_file_id: Id
    record_start_time: Moment = None
    record_end_time: Moment = None
    record_size: Count = None
    sharing_url: Text = ""
    allow_download: Flag = None


class ListedRecord(_Answer):
    """One of `record_meetings`; the owner is `host_user_id` in one list, `userid` in the other."""

    meeting_record_id: Id
    meeting_id: OptionalId = None
    meeting_code: OptionalId = None
    host_user_id: OptionalId = None
    userid: OptionalId = None
    subject: Text = ""
    media_start_time: Moment = None
    record_type: Count = None
    state: Count = None
    record_files: List[ListedFile] = []


class RecordPage(_Page):
    """A page of either list; its rows are read one by one, so that a bad one costs no other."""

    record_meetings: Rows[Any] = _REQUIRED


class Document(_Answer):
    """One of `meeting_summary`: Tencent's own transcript."""

    download_address: Text = ""
    file_type: Text = ""


class Address(_Answer):
    """One of `record_files` of the addresses answer (51174)."""

    record_file_id: Id
    view_address: Text = ""
    download_address: Text = ""
    download_address_file_type: Text = ""
    audio_address: Text = ""
    audio_address_file_type: Text = ""
    allow_download: Flag = None
    meeting_summary: List[Document] = []


class AddressPage(_Page):
    """A page of the links of one record."""

    record_files: Rows[Address] = _REQUIRED


class Visit(_Answer):
    """One stay of one person (42701). user_name: base64."""

    userid: Text = ""
    user_name: Text = ""
    join_time: Moment = None
    left_time: Moment = None


class VisitPage(_Page):
    """A page of visits; total_count counts visits, not people."""

    has_remaining: Flag = None
    next_pos: Count = None
    participants: Rows[Visit] = _REQUIRED


class PastMeeting(_Answer):
    """One of `meeting_info_list` of the history."""

    meeting_id: OptionalId = None
    sub_meeting_id: OptionalId = None
    start_time: Moment = None
    end_time: Moment = None


class PastMeetingPage(_Page):
    """A page of the meetings somebody was in."""

    meeting_info_list: Rows[PastMeeting] = _REQUIRED
