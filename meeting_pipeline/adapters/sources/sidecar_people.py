"""The people in a sidecar: a list, one text, an object by role, id or name, or lists by role."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from meeting_pipeline.adapters.sources import sidecar_fields as names
from meeting_pipeline.adapters.sources.base64_names import plain_name
from meeting_pipeline.adapters.sources.sidecar_fields import Fields, plain_key, shown
from meeting_pipeline.domain.model import Participant, Role

NAME_LENGTH = 255
"""The length in characters at most of a person's id or name."""

_A_WORD = 4  # characters; a shorter key may be anything
_SURELY = 0.75  # as near as this, a word is a misspelt field and not an id
_SEPARATOR = re.compile(r"[,，、;；|\n]+")
_BETWEEN_NAMES = re.compile(r"[,，、;；|\n]+|(?<=[一-鿿]{2})\s+(?=[一-鿿]{2})")
"""Between the names after a role: 学生：王同学 李同学."""

_ROLE_WORD = re.compile(r"(?:^|(?<=[\s,，、;；|]))([^\s,，、;；|:：]{1,20})\s*[:：]")
_A_NUMBER_OF_PEOPLE = re.compile(r"\s*\d{1,3}(?:\.0+)?\s*[个名位]?人?\s*")
_TEACHERS = frozenset(map(plain_key, (*names.TEACHER, *names.HOST))) | {
    *("creator", "mainteacher", "headteacher", "老师主讲", "会议创建者"),
}
_STUDENTS = frozenset(map(plain_key, (*names.STUDENTS, *names.PARTICIPANTS))) | {
    *(
        "guest",
        "cohost",
        "alternativehost",
        "panelist",
        "user",
        "观众",
        "访客",
        "嘉宾",
        "联席主持人",
    ),
}
_PERSON = frozenset(
    map(plain_key, (*names.ID, *names.NAME, *names.JOINED, *names.LEFT, *names.INTERVALS))
) - frozenset(map(plain_key, (*names.STUDENTS, *names.TEACHER, *names.PARTICIPANTS))) | {
    *("id", "name")
}
_IDS, _NAMES = frozenset(map(plain_key, names.ID)), frozenset(map(plain_key, names.NAME))
_LISTS = frozenset(("list", "items", "records", "列表", "名单"))
_CREATORS, _OTHERS = ("1", "3", "7"), ("0", "2", "4", "5", "6")
"""Values of `user_role` of Tencent Meeting: of the creator of the meeting, and of the others."""

_YES, _NO = ("true", "1", "yes", "y", "是"), ("false", "0", "no", "n", "否", "不是")


@dataclass(frozen=True)
class _Person:
    """One listed person.

    Attributes:
        stays: Their stays; at least one.
        words: What can name them: id, name and address.
    """

    stays: tuple[Participant, ...]
    words: frozenset[str]

    @property
    def is_teacher(self) -> bool:
        return self.stays[0].role is Role.TEACHER

    def as_teacher(self) -> "_Person":
        stays = tuple(replace(stay, role=Role.TEACHER) for stay in self.stays)
        return replace(self, stays=stays)


def people_of(fields: Fields, start: datetime) -> tuple[str | None, tuple[Participant, ...] | None]:
    """Return the teacher's id (or name) and the stays of all participants, or None if unknown.

    A teacher is a person whom the sidecar calls one: by the field of teachers (or that of hosts, if
    no teacher is named), by a role, or by the address of the host.

    Args:
        fields: The sidecar.
        start: The start of the recording.
    """
    leaders = _leaders(fields, start)
    people = _people(fields, names.PARTICIPANTS, None, start)
    students = _people(fields, names.STUDENTS, Role.STUDENT, start)
    everyone = None if people is None and students is None else [*(people or ()), *(students or ())]
    if people is None and students is not None:
        everyone = [*leaders, *(everyone or ())]
    called: frozenset[str] = frozenset().union(*(one.words for one in leaders))
    present = [one.as_teacher() if one.words & called else one for one in everyone or ()]
    teacher = _teacher_id(leaders, present)
    if everyone is None:
        return teacher, None
    return teacher, tuple(stay for one in present for stay in one.stays)


def _teacher_id(leaders: Sequence[_Person], present: Sequence[_Person]) -> str | None:
    """Return what the first teacher is counted under; an address gives way to a participant."""
    teachers = [one for one in present if one.is_teacher]
    for leader in leaders:
        named = leader.stays[0]
        is_address = "@" in named.person
        same = next((one for one in teachers if one.words & leader.words), None)
        if named.person_id is None and same and (is_address or same.stays[0].person_id):
            return same.stays[0].person
        return named.person
    return teachers[0].stays[0].person if teachers else None


def _leaders(fields: Fields, start: datetime) -> list[_Person]:
    """Return the teachers that the sidecar names in fields of their own.

    Several fields may be of one teacher: an id, a name and an address.
    """
    for kind in (names.TEACHER, names.HOST):
        if people := _people(fields, kind, Role.TEACHER, start):
            return people
    return []


def _people(
    fields: Fields, kind: tuple[str, ...], role: Role | None, start: datetime
) -> list[_Person] | None:
    """Return the people under each of these names; None if there is none of them."""
    found = [one for one in fields.all(kind) if not _is_number(fields, *one, role)]
    if not found:
        return None
    by_field: list[list[_Person]] = []
    for key, value in found:
        is_id = _names_an_id(key) and role is not None
        by_field.append(list(_listed(fields, key, value, role, start, is_id=is_id)))
    people = [one for of_field in by_field for one in of_field]
    if all(isinstance(value, str | dict) for _, value in found) and _is_one(by_field):
        return [_merged(people)]
    return people


def _names_an_id(key: str) -> bool:
    return plain_key(key).endswith(("id", "ids"))


def _is_number(fields: Fields, key: str, value: object, role: Role | None) -> bool:
    """Return, and report, whether a value says how many people there were and not who."""
    if role is Role.TEACHER or _names_an_id(key) or not isinstance(value, str):
        return False
    is_number = bool(_A_NUMBER_OF_PEOPLE.fullmatch(value))
    if is_number:
        fields.refuse(key, f"is a number of people, give their names: {shown(value)}")
    return is_number


def _is_one(by_field: Sequence[Sequence[_Person]]) -> bool:
    """Return whether several fields tell the id, the name and the address of one person."""
    stays = [one.stays[0] for of_field in by_field for one in of_field]
    ids = {stay.person_id for stay in stays if stay.person_id}
    plain = {stay.name for stay in stays if stay.name and "@" not in stay.name}
    one_each = len(by_field) > 1 and all(len(of_field) == 1 for of_field in by_field)
    return one_each and len(ids) <= 1 and len(plain) <= 1


def _merged(people: Sequence[_Person]) -> _Person:
    """Return one person with the id, the name and the stays of several."""
    stays = [one.stays[0] for one in people]
    person_id = next((stay.person_id for stay in stays if stay.person_id), None)
    called = sorted((stay.name for stay in stays if stay.name), key=lambda name: "@" in name)
    longest = max(people, key=lambda one: sum(bool(stay.joined_at) for stay in one.stays)).stays
    name = called[0] if called else ""
    words: frozenset[str] = frozenset().union(*(one.words for one in people))
    return _Person(tuple(replace(stay, person_id=person_id, name=name) for stay in longest), words)


def _listed(
    fields: Fields,
    key: str,
    value: object,
    role: Role | None,
    start: datetime,
    *,
    is_id: bool = False,
) -> Iterator[_Person]:
    """Yield the people in a value of any shape."""
    match value:
        case list():
            for index, one in enumerate(value):
                place = f"{key}[{index}]"
                if isinstance(one, dict) and one and _has_roles(one):
                    yield from _listed(fields, place, one, role, start)
                elif isinstance(one, str) and _roles_in(one):
                    yield from _listed(fields, place, one, role, start, is_id=is_id)
                else:
                    yield from _one(fields, place, one, role, start, is_id=is_id)
        case dict() if _is_person(value):
            yield from _one(fields, key, value, role, start)
        case dict():
            for name, one in value.items():
                yield from _under(fields.inside(key, value), name, one, role, start)
        case str() if roles := _roles_in(value):
            yield from _after_roles(fields, key, value, roles, role, start)
        case str():
            for one in filter(None, (part.strip() for part in _SEPARATOR.split(value))):
                yield from _one(fields, key, one, role, start, is_id=is_id)
        case _:
            fields.refuse(key, "is neither people nor a list of people")


def _roles_in(text: str) -> list[re.Match[str]]:
    """Return the words for roles in one text: 老师：赵老师 学生：王同学."""
    known = _TEACHERS | _STUDENTS
    return [found for found in _ROLE_WORD.finditer(text) if plain_key(found[1]) in known]


def _after_roles(
    fields: Fields,
    key: str,
    text: str,
    roles: Sequence[re.Match[str]],
    role: Role | None,
    start: datetime,
) -> Iterator[_Person]:
    """Yield the people before the first role in a text, and those after each of them."""
    begins = [0, *(found.end() for found in roles)]
    ends = [*(found.start() for found in roles), len(text)]
    given = [role, *(Role.TEACHER if plain_key(one[1]) in _TEACHERS else role for one in roles)]
    for begin, end, their_role in zip(begins, ends, given, strict=True):
        for name in filter(None, map(str.strip, _BETWEEN_NAMES.split(text[begin:end]))):
            yield from _one(fields, key, name, their_role, start)


def _is_person(value: Mapping[str, object]) -> bool:
    keys = set(map(plain_key, value))
    return bool(keys & _PERSON) or bool(keys & _IDS and keys & _NAMES)


def _has_roles(value: Mapping[str, object]) -> bool:
    return not _is_person(value) and set(map(plain_key, value)) <= _TEACHERS | _STUDENTS


def _under(
    fields: Fields, name: str, value: object, role: Role | None, start: datetime
) -> Iterator[_Person]:
    """Yield the people under a role, an id or a name of theirs."""
    plain = plain_key(name)
    if plain in _TEACHERS or plain in _STUDENTS or plain in _LISTS or isinstance(value, list):
        if plain not in _TEACHERS | _STUDENTS | _LISTS:
            fields.refuse(name, "is not a known role: use teacher or student")
        given = Role.TEACHER if plain in _TEACHERS else role
        if not _is_number(fields, name, value, given):
            yield from _listed(fields, name, value, given, start)
    elif isinstance(value, dict):
        has_name = bool(set(map(plain_key, value)) & _NAMES)
        yield from _one(fields, name, {"id" if has_name else "name": name, **value}, role, start)
    elif isinstance(value, str) and plain_key(value) in _TEACHERS | _STUDENTS:
        yield from _one(fields, name, {"name": name, "role": value}, role, start)
    elif len(plain) >= _A_WORD and (near := difflib.get_close_matches(plain, _PERSON, 1, _SURELY)):
        fields.refuse(name, f"is not a known field; did you mean {near[0]}?")
    else:
        yield from _one(fields, name, {"id": name, "name": value}, role, start)


def _one(
    fields: Fields,
    key: str,
    value: object,
    role: Role | None,
    start: datetime,
    *,
    is_id: bool = False,
) -> Iterator[_Person]:
    """Yield one listed person, with every stay."""
    content = value if isinstance(value, dict) else {"id" if is_id else "name": value}
    person = fields.inside(key, content)
    person_id, name = person.word(names.ID, NAME_LENGTH), person.word(names.NAME, NAME_LENGTH)
    email = person.word(names.EMAIL, NAME_LENGTH)
    if content is value:
        person.report_unknown()
    if not (person_id or name or email):
        fields.refuse(key, "has neither an id nor a name")
        return
    name = plain_name(name) if name else "" if person_id else email
    is_teacher = Role.TEACHER in (_role(person), role)
    stays = tuple(
        Participant(person_id, name or "", joined, left, Role.TEACHER if is_teacher else None)
        for joined, left in _times(person, start)
    )
    words = {word.casefold() for word in (person_id, name, email) if word}
    yield _Person(stays, frozenset(words))


def _role(person: Fields) -> Role | None:
    """Return whether a person is called a teacher, or None if nothing says so."""
    for key, value in person.all(names.IS_TEACHER):
        says = str(value).strip().casefold()
        if says in _YES:
            return Role.TEACHER
        if says not in _NO:
            person.refuse(key, f"is neither true nor false: {shown(value)}")
    for key, value in person.all(names.ROLE):
        plain = plain_key(value) if isinstance(value, str) else ""
        of_tencent = plain_key(key) == "userrole"
        if plain in _TEACHERS or (of_tencent and plain in _CREATORS):
            return Role.TEACHER
        if plain not in _STUDENTS and not (of_tencent and plain in _OTHERS):
            person.refuse(key, f"is not a known role: {shown(value)}; use teacher or student")
    return None


def _times(person: Fields, start: datetime) -> list[tuple[datetime | None, datetime | None]]:
    """Return when a person joined and left, for each readable interval, and at least one pair."""
    key, pairs = person.first(names.INTERVALS)
    times = []
    for index, pair in enumerate(pairs if isinstance(pairs, list) else []):
        match pair:
            case [joined, left]:
                stay = person.inside(f"{key}[{index}]", {"join": joined, "left": left})
            case dict():
                stay = person.inside(f"{key}[{index}]", pair)
                stay.report_unknown()
            case _:
                person.refuse(f"{key}[{index}]", "is not a pair of times")
                continue
        times.append((stay.time(names.JOINED, start), stay.time(names.LEFT, start)))
    if pairs is not None and not isinstance(pairs, list):
        person.refuse(key, "is not a list of pairs of times")
    return times or [(person.time(names.JOINED, start), person.time(names.LEFT, start))]
