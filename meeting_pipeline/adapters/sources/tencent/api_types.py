"""Typed answers of the Tencent Meeting API, as far as they are used.

Reading is lenient where Tencent's documentation is vague. Unknown fields are ignored, and missing
or null ones have a default unless the value is indispensable. Ids are text, also if a server sends
numbers. Times may be seconds or milliseconds, numbers or text. Any other deviation is a BadField.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationError,
    ValidationInfo,
    model_validator,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_SECOND = datetime(9999, 12, 31, tzinfo=UTC).timestamp()
_MILLISECONDS_FROM = 10**11
_NUMBER = re.compile(r"-?\d{1,18}", re.ASCII)
_LONGEST_ID = 64
_TOO_LARGE = 10**18


def _text(value: object) -> str:
    """Return text that any database can store; numbers are converted."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise ValueError("is not text")


def _id(value: object) -> str:
    text = _text(value).strip()
    if not text or len(text) > _LONGEST_ID:
        raise ValueError("is not an id")
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
    raise ValueError("is not a number")


def _count(value: object) -> int | None:
    number = _number(value)
    if number is not None and number < 0:
        raise ValueError("is negative")
    return number


def _moment(value: object) -> datetime | None:
    """Return an instant, limited to 1970 .. 9999; `mapping.is_credible` decides about its use."""
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


def _list(value: object) -> object:
    return [] if value is None else _rows_of(value)


def _rows(value: object, info: ValidationInfo) -> object:
    """Return the rows of a page; a missing list is accepted only if a count says it is empty."""
    is_empty = 0 in (info.data.get("total_count"), info.data.get("current_size"))
    return _list(value) if is_empty else _rows_of(value)


def _rows_of(value: object) -> object:
    if not isinstance(value, list):
        raise ValueError("is not a list")
    return value


class ApiType(BaseModel):
    """What each class of this module is; a missing field is read like null."""

    model_config = ConfigDict(frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _with_every_field(cls, said: object) -> object:
        if not isinstance(said, dict):
            raise ValueError("is not an object")
        return {name: said.get(name) for name in cls.model_fields}


Text = Annotated[str, BeforeValidator(_text)]
Id = Annotated[str, BeforeValidator(_id)]
OptionalId = Annotated[str | None, BeforeValidator(_optional_id)]
Count = Annotated[int | None, BeforeValidator(_count)]
Moment = Annotated[datetime | None, BeforeValidator(_moment)]
Flag = Annotated[bool | None, BeforeValidator(_flag)]
Row = TypeVar("Row")
List = Annotated[list[Row], BeforeValidator(_list)]
Rows = Annotated[list[Row], BeforeValidator(_rows)]
Kind = TypeVar("Kind", bound=ApiType)


class BadField(ValueError):
    """The first field of an answer that cannot be used.

    Attributes:
        place: Its path, as in "record_files.0.record_file_id".
        what: What is wrong with it.
    """

    def __init__(self, place: str, what: str) -> None:
        super().__init__(f"{place or 'the answer'}: {what}")
        self.place, self.what = place, what


def read(kind: type[Kind], answer: object) -> Kind:
    """Return decoded JSON as one of the classes of this module.

    Args:
        kind: The class.
        answer: The decoded JSON.

    Raises:
        BadField: A field cannot be used.
    """
    try:
        return kind.model_validate(answer)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place, what = ".".join(map(str, first["loc"])), first["msg"]
        raise BadField(place, what.removeprefix("Value error, ")) from None


class _Page(ApiType):
    total_count: Count
    current_size: Count
    total_page: Count


class ListedFile(ApiType):
    """One of `record_files` in a list (Tencent docs 51189, 53224); `record_size` is in bytes."""

    record_file_id: Id
    record_start_time: Moment
    record_end_time: Moment
    record_size: Count
    sharing_url: Text
    allow_download: Flag


class ListedRecord(ApiType):
    """One of `record_meetings`.

    The owner is `host_user_id` in the enterprise list, and `userid` in the list of a user.
    """

    meeting_record_id: Id
    meeting_id: OptionalId
    meeting_code: OptionalId
    host_user_id: OptionalId
    userid: OptionalId
    subject: Text
    media_start_time: Moment
    record_type: Count
    state: Count
    record_files: List[ListedFile]


class RecordPage(_Page):
    """A page of either list; its rows are read one by one, so that a bad row affects no other."""

    record_meetings: Rows[Any]


class Document(ApiType):
    """One of `meeting_summary`: Tencent's own transcript."""

    download_address: Text
    file_type: Text


class Address(ApiType):
    """One of `record_files` in an answer of links (Tencent doc 51174)."""

    record_file_id: Id
    view_address: Text
    download_address: Text
    download_address_file_type: Text
    audio_address: Text
    audio_address_file_type: Text
    allow_download: Flag
    meeting_summary: List[Document]


class AddressPage(_Page):
    """A page of the links of one record."""

    record_files: Rows[Address]


class Visit(ApiType):
    """One stay of one person (Tencent doc 42701); `user_name` is base64."""

    userid: Text
    user_name: Text
    join_time: Moment
    left_time: Moment


class VisitPage(_Page):
    """A page of visits; `total_count` counts visits, not people."""

    has_remaining: Flag
    next_pos: Count
    participants: Rows[Visit]


class PastMeeting(ApiType):
    """One of `meeting_info_list` in a user's history of meetings."""

    meeting_id: OptionalId
    sub_meeting_id: OptionalId
    start_time: Moment
    end_time: Moment


class PastMeetingPage(_Page):
    """A page of a user's history of meetings."""

    meeting_info_list: Rows[PastMeeting]
