"""What belongs to one student, and what must not come back once it is gone."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from meeting_pipeline.domain.model import RecordKey, RecordMeta

ERASED = "erased"
"""The skip_reason of a recording whose texts went with a student."""

REPLACEMENT = "[已删除]"
"""What stands where a name stood."""

_SHORTEST = 2  # one letter alone says nobody's name
_SHORTEST_RECORD_ID = 8
_BEFORE = r"(?:(?<![0-9A-Za-z_])|(?<=\\[nrtbf]))"  # a line break in JSON ends with a letter
_AFTER = r"(?![0-9A-Za-z_])"


@dataclass(frozen=True)
class Scope:
    """Everything that names a student.

    names: every name they were listed under. whole: recordings in which nobody else learned.
    shared: recordings in which others learned too. namesakes: other people of the same name.
    is_student: False for somebody who only ever taught.
    """

    student: str
    names: tuple[str, ...] = ()
    whole: tuple[RecordKey, ...] = ()
    shared: tuple[RecordKey, ...] = ()
    namesakes: tuple[str, ...] = ()
    is_student: bool = True

    @property
    def keys(self) -> tuple[RecordKey, ...]:
        """The recordings whose texts and files go."""
        return self.whole + self.shared

    @property
    def words(self) -> "Words":
        """What must not be found any more: their id, and their names where nobody shares them."""
        return Words((self.student, *(() if self.namesakes else self.names)))

    @property
    def traces(self) -> "Words":
        """What no log line shall hold: id and names, and the ids of their recordings."""
        ids = (key.record_id for key in self.keys if len(key.record_id) >= _SHORTEST_RECORD_ID)
        return Words((self.student, *self.names, *ids))

    def hashes(self) -> list[str]:
        """What the next listing is compared with."""
        return [person_hash(self.student), *(key_hash(key) for key in self.keys)]

    def joined_with(self, other: "Scope") -> "Scope":
        """Both together, as a broken-off erasure and what has been found since."""
        whole = dict.fromkeys(self.whole + other.whole)
        return Scope(
            self.student,
            tuple(dict.fromkeys(self.names + other.names)),
            tuple(whole),
            tuple(key for key in dict.fromkeys(self.shared + other.shared) if key not in whole),
            tuple(dict.fromkeys(self.namesakes + other.namesakes)),
            self.is_student or other.is_student,
        )


@dataclass(frozen=True)
class Words:
    """Words that are looked for as words: the id "stu_1" is not found in "stu_10"."""

    words: tuple[str, ...]

    @property
    def sought(self) -> tuple[str, ...]:
        """Those long enough to mean somebody."""
        return tuple(word for word in dict.fromkeys(self.words) if len(word) >= _SHORTEST)

    def found_in(self, text: str) -> bool:
        """Whether one of them is there, in plain or as JSON escapes it."""
        return self._pattern.search(text) is not None

    def without(self, text: str) -> str:
        """The text with each of them replaced."""
        return self._pattern.sub(REPLACEMENT, text)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        forms = {form for word in self.sought for form in _forms(word)}
        longest_first = sorted(forms, key=len, reverse=True)
        return re.compile("|".join(map(_bounded, longest_first)) or r"(?!)", re.IGNORECASE)


def key_hash(key: RecordKey) -> str:
    """Says that this recording was erased, and not which one it was."""
    return _hash("recording", key.source, key.record_id)


def person_hash(person: str) -> str:
    """Says that this person was erased, and not who it was."""
    return _hash("person", person)


def hashes_of(meta: RecordMeta) -> set[str]:
    """What a listed recording is recognized by."""
    people = {stay.person for stay in meta.participants or () if stay.person}
    return {key_hash(meta.key), *map(person_hash, people)}


def is_erased(meta: RecordMeta, erased: Mapping[str, datetime]) -> bool:
    """Whether it was erased, or shows somebody from before they were.

    erased: hash → when. Who comes back later is recorded again: that is a new consent.
    """
    if key_hash(meta.key) in erased:
        return True
    return any(meta.start_ts <= erased[one] for one in hashes_of(meta) if one in erased)


def _forms(word: str) -> set[str]:
    once = json.dumps(word)[1:-1]
    return {word, once, json.dumps(once)[1:-1]}


def _bounded(word: str) -> str:
    before = _BEFORE if _is_ascii_letter(word[0]) else ""
    after = _AFTER if _is_ascii_letter(word[-1]) and "\\u" not in word else ""
    return before + re.escape(word) + after


def _is_ascii_letter(sign: str) -> bool:
    return sign.isascii() and (sign.isalnum() or sign == "_")


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
