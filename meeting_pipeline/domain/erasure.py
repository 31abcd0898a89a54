"""The data of one student that an erasure removes, and how its return is prevented."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from meeting_pipeline.domain.model import RecordKey, RecordMeta

ERASED = "erased"
"""The skip_reason of a recording whose texts were removed with a student."""

REPLACEMENT = "[已删除]"
"""The text that replaces a name."""

_SHORTEST = 2  # a single letter identifies no one
_SHORTEST_RECORD_ID = 8
_BEFORE = r"(?:(?<![0-9A-Za-z_])|(?<=\\[nrtbf]))"  # a line break in JSON ends with a letter
_AFTER = r"(?![0-9A-Za-z_])"


@dataclass(frozen=True)
class Scope:
    """Everything that is stored about one student.

    Attributes:
        student: The id that they are counted under.
        names: Every display name that they were listed under.
        whole: Recordings in which they were the only student.
        shared: Recordings in which there were other students, too.
        namesakes: The ids of other people with one of these names.
        is_student: False for a person who was only ever a teacher.
    """

    student: str
    names: tuple[str, ...] = ()
    whole: tuple[RecordKey, ...] = ()
    shared: tuple[RecordKey, ...] = ()
    namesakes: tuple[str, ...] = ()
    is_student: bool = True

    @property
    def keys(self) -> tuple[RecordKey, ...]:
        """Return the recordings whose texts and files are removed."""
        return self.whole + self.shared

    @property
    def words(self) -> "Words":
        """Return what no row may hold afterwards: the id, and the names unless shared by others."""
        return Words((self.student, *(() if self.namesakes else self.names)))

    @property
    def traces(self) -> "Words":
        """Return what no log line may hold: id and names, and the ids of their recordings."""
        ids = (key.record_id for key in self.keys if len(key.record_id) >= _SHORTEST_RECORD_ID)
        return Words((self.student, *self.names, *ids))

    def hashes(self) -> list[str]:
        """Return the hashes that later listings are compared with."""
        return [person_hash(self.student), *(key_hash(key) for key in self.keys)]

    def joined_with(self, other: "Scope") -> "Scope":
        """Return the union of both, for example of a broken-off erasure and what was found since.

        Args:
            other: Another scope of the same student.
        """
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
    """Ids and names that are matched as whole words: "stu_1" does not match "stu_10"."""

    words: tuple[str, ...]

    @property
    def sought(self) -> tuple[str, ...]:
        """Return the words that are long enough to identify a person."""
        return tuple(word for word in dict.fromkeys(self.words) if len(word) >= _SHORTEST)

    def found_in(self, text: str) -> bool:
        """Return whether the text contains one of them, as it is or escaped as JSON."""
        return self._pattern.search(text) is not None

    def without(self, text: str) -> str:
        """Return the text with each of them replaced by `REPLACEMENT`."""
        return self._pattern.sub(REPLACEMENT, text)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        forms = {form for word in self.sought for form in _forms(word)}
        longest_first = sorted(forms, key=len, reverse=True)
        return re.compile("|".join(map(_bounded, longest_first)) or r"(?!)", re.IGNORECASE)


def key_hash(key: RecordKey) -> str:
    """Return the hash by which an erased recording is recognized without storing its id."""
    return _hash("recording", key.source, key.record_id)


def person_hash(person: str) -> str:
    """Return the hash by which an erased person is recognized without storing their id."""
    return _hash("person", person)


def hashes_of(meta: RecordMeta) -> set[str]:
    """Return the hashes of a listed recording and of its participants."""
    people = {stay.person for stay in meta.participants or () if stay.person}
    return {key_hash(meta.key), *map(person_hash, people)}


def is_erased(meta: RecordMeta, erased: Mapping[str, datetime]) -> bool:
    """Return whether a recording was erased, or shows a person from before their erasure.

    A recording of an erased person that starts after the erasure is a new consent, and is kept.

    Args:
        meta: The listed recording.
        erased: The time of erasure (aware UTC) by hash.
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


def _is_ascii_letter(character: str) -> bool:
    return character.isascii() and (character.isalnum() or character == "_")


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
