"""Typed answers of the Tencent Meeting API, as far as they are used.

Reading is lenient where Tencent's documentation is vague. Unknown fields are ignored, and missing
or null ones have a default unless the value is indispensable. Ids are text, also if a server sends
numbers. Times may be seconds or milliseconds, numbers or text. Any other deviation is a BadField.

These are plain dataclasses: with pydantic, every field would need a validator as well, and the
program would start a tenth of a second later.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, is_dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import Annotated, Any, TypeVar, get_args, get_type_hints

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


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("is not a list")
    return value


def _list_or_none(value: object) -> list[Any]:
    return [] if value is None else _list(value)


Text = Annotated[str, _text]
Id = Annotated[str, _id]
OptionalId = Annotated[str | None, _optional_id]
Count = Annotated[int | None, _count]
Moment = Annotated[datetime | None, _moment]
Flag = Annotated[bool | None, _flag]
Row = TypeVar("Row")
List = Annotated[list[Row], _list_or_none]
Rows = Annotated[list[Row], _list]
"""The rows of a page; a missing list is accepted only if a count says that it is empty."""


class BadField(ValueError):
    """The first field of an answer that cannot be used.

    Attributes:
        place: Its path, as in "record_files.0.record_file_id".
        what: What is wrong with it.
    """

    def __init__(self, place: str, what: str) -> None:
        super().__init__(f"{place or 'the answer'}: {what}")
        self.place, self.what = place, what

    def below(self, place: str) -> "BadField":
        """Return the same error with a path that begins further up."""
        return BadField(f"{place}.{self.place}" if self.place else place, self.what)


def read(kind: type[Row], answer: object) -> Row:
    """Return decoded JSON as one of the classes of this module.

    Args:
        kind: The class.
        answer: The decoded JSON.

    Raises:
        BadField: A field cannot be used.
    """
    if not isinstance(answer, dict):
        raise BadField("", "is not an object")
    known: dict[str, object] = {}
    for name, one in _fields(kind).items():  # type: ignore[arg-type]  # a class can be hashed
        value = answer.get(name)
        if value is None and one.reader is _list and _is_empty(known):
            value = []
        known[name] = _at(name, one.read, value)
    return kind(**known)


def _is_empty(page: Mapping[str, Any]) -> bool:
    return 0 in (page.get("total_count"), page.get("current_size"))


@dataclass(frozen=True)
class _Field:
    """How a field is read.

    Attributes:
        reader: The function in its annotation.
        row: The class of this module that its list holds, or None.
    """

    reader: Callable[[object], Any]
    row: type[Any] | None

    def read(self, value: object) -> Any:
        found = self.reader(value)
        if self.row is None:
            return found
        row = partial(read, self.row)
        return [_at(str(place), row, one) for place, one in enumerate(found)]


@cache
def _fields(kind: type[Any]) -> Mapping[str, _Field]:
    found = {}
    for name, hint in get_type_hints(kind, include_extras=True).items():
        of, reader = get_args(hint)
        rows = [one for one in get_args(of) if isinstance(one, type) and is_dataclass(one)]
        found[name] = _Field(reader, rows[0] if rows else None)
    return found


def _at(place: str, reader: Callable[[object], Any], value: object) -> Any:
    try:
        return reader(value)
    except BadField as bad:
        raise bad.below(place) from None
    except ValueError as wrong:
        raise BadField(place, str(wrong)) from None


@dataclass(frozen=True)
class _Page:
    total_count: Count
    current_size: Count
    total_page: Count


@dataclass(frozen=True)
class ListedFile:
    """One of `record_files` in a list (Tencent docs 51189, 53224); `record_size` is in bytes."""

    record_file_id: Id
    record_start_time: Moment
    record_end_time: Moment
    record_size: Count
    sharing_url: Text
    allow_download: Flag


@dataclass(frozen=True)
class ListedRecord:
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


@dataclass(frozen=True)
class RecordPage(_Page):
    """A page of either list; its rows are read one by one, so that a bad row affects no other."""

    record_meetings: Rows[Any]


@dataclass(frozen=True)
class Document:
    """One of `meeting_summary`: Tencent's own transcript."""

    download_address: Text
    file_type: Text


@dataclass(frozen=True)
class Address:
    """One of `record_files` in an answer of links (Tencent doc 51174)."""

    record_file_id: Id
    view_address: Text
    download_address: Text
    download_address_file_type: Text
    audio_address: Text
    audio_address_file_type: Text
    allow_download: Flag
    meeting_summary: List[Document]


@dataclass(frozen=True)
class AddressPage(_Page):
    """A page of the links of one record."""

    record_files: Rows[Address]


@dataclass(frozen=True)
class Visit:
    """One stay of one person (Tencent doc 42701); `user_name` is base64."""

    userid: Text
    user_name: Text
    join_time: Moment
    left_time: Moment


@dataclass(frozen=True)
class VisitPage(_Page):
    """A page of visits; `total_count` counts visits, not people."""

    has_remaining: Flag
    next_pos: Count
    participants: Rows[Visit]


@dataclass(frozen=True)
class PastMeeting:
    """One of `meeting_info_list` in a user's history of meetings."""

    meeting_id: OptionalId
    sub_meeting_id: OptionalId
    start_time: Moment
    end_time: Moment


@dataclass(frozen=True)
class PastMeetingPage(_Page):
    """A page of a user's history of meetings."""

    meeting_info_list: Rows[PastMeeting]
