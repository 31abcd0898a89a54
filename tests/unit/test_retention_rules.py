"""How long files are kept, and what is looked for when somebody is erased."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meeting_pipeline.domain.erasure import Scope, Words, is_erased, key_hash, person_hash
from meeting_pipeline.domain.model import RecordKey
from meeting_pipeline.domain.retention import RetainedKind, RetentionRules
from tests.support.rows import MONDAY, meta, stay

NOW = datetime(2026, 2, 1, tzinfo=UTC)


def test_no_days_is_at_once_and_half_a_day_counts() -> None:
    cutoffs = RetentionRules(media_days=0, audio_days=0.5).cutoffs(NOW)

    assert cutoffs.audio == NOW - timedelta(hours=12)
    assert cutoffs.of(RetainedKind.MEDIA) == cutoffs.media
    assert cutoffs.media > NOW + timedelta(days=365)  # also what a clock that ran ahead has dated


def test_a_dead_recording_waits_for_the_longer_of_the_two() -> None:
    assert RetentionRules(0, 7).cutoffs(NOW).dead == NOW - timedelta(days=7)
    assert RetentionRules(30, 7).cutoffs(NOW).dead == NOW - timedelta(days=30)


@given(st.floats(min_value=0, exclude_min=True, allow_nan=False, allow_infinity=False))
def test_however_many_days_there_is_a_cutoff_and_it_is_not_in_the_future(days: float) -> None:
    assert RetentionRules(days, days).cutoffs(NOW).audio <= NOW


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("stu_1", "id stu_1, there"),
        ("李雷", "那么李雷你来说"),
        ("李雷", r'{"text": "那么\u674e\u96f7你"}'),
        ("李雷", r'{"answer": "{\"text\": \"\\u674e\\u96f7\"}"}'),
        ("stu_1", r'{"text": "so\nstu_1"}'),
        ("Tom", "ask TOM."),
        ("a.b*c", "x a.b*c"),
        ("😀王", "今天😀王在"),
    ],
)
def test_a_word_is_found_in_plain_and_in_json(word: str, text: str) -> None:
    assert Words((word,)).found_in(text)


@pytest.mark.parametrize(
    ("word", "text"),
    [("stu_1", "stu_10"), ("stu_1", "my_stu_1"), ("Li", "Listen"), ("李", "李雷"), ("", "text")],
)
def test_a_part_of_another_word_and_one_letter_alone_are_nobody(word: str, text: str) -> None:
    assert not Words((word,)).found_in(text)


def test_replacing_leaves_the_rest_as_it_is() -> None:
    assert Words(("李雷", "stu_1")).without("李雷 (stu_1), stu_10") == "[已删除] ([已删除]), stu_10"


def test_a_name_that_others_bear_is_not_looked_for_in_texts_but_in_logs() -> None:
    scope = Scope("stu_1", names=("李雷",), namesakes=("stu_2",))

    assert scope.words.words == ("stu_1",)
    assert scope.traces.words == ("stu_1", "李雷")


def test_a_recording_that_is_found_whole_by_either_is_whole_and_not_shared() -> None:
    one, two = RecordKey("fake", "1"), RecordKey("fake", "2")

    both = Scope("s", whole=(one,)).joined_with(Scope("s", whole=(two,), shared=(one,)))

    assert (both.whole, both.shared) == ((one, two), ())


def test_what_was_erased_is_known_again_by_its_key_or_by_who_was_there() -> None:
    listed = meta(1, participants=(stay("王老师"), stay("李雷")))
    later = MONDAY + timedelta(days=9)

    assert is_erased(listed, {key_hash(listed.key): MONDAY})
    assert is_erased(listed, {person_hash("id_李雷"): later})
    assert not is_erased(listed, {person_hash("id_李雷"): MONDAY}), "they came back later"
    assert not is_erased(listed, {person_hash("id_韩梅梅"): later})
