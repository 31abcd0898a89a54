"""What a RecordingStore promises, on every engine."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from meeting_pipeline.adapters.db.database import Database
from meeting_pipeline.domain.model import Participant, RecordKey, RecordMeta, Role, Usage
from meeting_pipeline.domain.stages import (
    Artifact,
    RecordStatus,
    StageName,
    StageStatus,
)
from meeting_pipeline.domain.views import RecordingFilter, RecordingView
from meeting_pipeline.domain.window import Window
from meeting_pipeline.errors import RecordError
from meeting_pipeline.ports.rows import Listed, RecordingStore, StageFailure
from meeting_pipeline.ports.sources import MediaLink
from meeting_pipeline.stages.fetch import Listing, fetch
from tests.support.databases import Statements
from tests.support.recording_folder import ALWAYS, Room
from tests.support.rows import ALL_TIME, MONDAY, SETTINGS, Clock, meta, minutes, stay

DOWNLOAD, TRANSCRIBE = StageName.DOWNLOAD, StageName.TRANSCRIBE
LEFT = Artifact("recording.mp4", 7, "a" * 64)


def listed(database: Database, one: RecordMeta) -> int:
    """The recording's number, once it is listed."""
    database.recordings.upsert([one])
    number = database.reading.find(str(one.key))
    assert number is not None
    return number


def view(database: Database, number: int) -> RecordingView:
    detail = database.reading.show(number)
    assert detail is not None
    return detail.recording


def finished(database: Database, one: RecordMeta, made_with: str = SETTINGS) -> int:
    number = listed(database, one)
    database.recordings.save(number, minutes())
    database.recordings.finish(number, made_with)
    return number


def due(database: Database, window: Window | None = None, made_with: str = SETTINGS) -> list[int]:
    return [record.id for record in database.recordings.due(window, made_with, None)]


def skip(made_with: str = SETTINGS) -> StageFailure:
    return StageFailure(
        DOWNLOAD, StageStatus.SKIPPED, "too_short", "只有 12 秒", made_with=made_with
    )


def test_it_is_what_the_port_asks_for(database: Database) -> None:
    store: RecordingStore = database.recordings
    assert store.due(None, SETTINGS, None) == []


class TestListing:
    def test_a_poorer_listing_takes_away_nothing_that_a_link_told(self, database: Database) -> None:
        number = listed(database, meta(1, play_url=None))
        link = MediaLink(
            "https://x/y?token=1", "m4a", play_url="https://p", download_url="https://x/y"
        )

        database.recordings.note_links(number, link)
        database.recordings.upsert([meta(1, play_url=None, subject="新题目")])

        detail = database.reading.show(number)
        assert detail is not None
        assert (detail.play_url, detail.recording.subject) == ("https://p", "新题目")

    def test_a_listing_counts_new_known_and_waiting(self, database: Database) -> None:
        metas = [meta(1), meta(2), meta(3, is_final=False)]
        assert database.recordings.upsert(metas[:2]) == Listed(new=2, known=0, waiting=0)
        assert database.recordings.upsert(metas) == Listed(new=1, known=2, waiting=1)

    def test_a_new_one_that_is_not_for_us_is_told_with_its_number_once(
        self, database: Database
    ) -> None:
        skipped = meta(2, skip_reason="text_only")
        first = database.recordings.upsert([meta(1), skipped])
        assert first.skipped == ((database.reading.find(str(skipped.key)), skipped),)
        assert database.recordings.upsert([meta(1), skipped]).skipped == ()

    def test_an_unchanged_listing_writes_nothing(self, database: Database, clock: Clock) -> None:
        metas = [meta(number) for number in range(30)]
        metas.append(meta(31, participants=None, duration_s=1234.567891, end_ts=MONDAY))
        metas.append(meta(32, skip_reason="text_only"))
        database.recordings.upsert(metas)
        clock.go_on(days=1)
        with Statements(database) as statements:
            assert database.recordings.upsert(metas) == Listed(new=0, known=32, waiting=0)
        assert statements.writes == []

    def test_the_same_key_twice_in_one_listing_is_one_recording(self, database: Database) -> None:
        database.recordings.upsert([meta(1, subject="旧"), meta(1, subject="新")])
        assert [one.subject for one in database.reading.recordings(RecordingFilter())] == ["新"]

    def test_what_the_source_said_comes_back_as_it_was(self, database: Database) -> None:
        told = meta(
            1,
            subject='\'); DROP TABLE recordings; -- "😀" \\ %s :x \u202eתפס',
            end_ts=MONDAY + timedelta(hours=30, microseconds=1),
            duration_s=3600.123456789,
            meeting_record_id="18446744073709551616",
            participants=(
                stay("李雷😀"),
                Participant(None, "韩梅梅", None, MONDAY),
                Participant("x'y", "", MONDAY, None),
                Participant("t2", "赵老师", role=Role.TEACHER),
            ),
            download_url="https://example.com/" + "长" * 500,
        )
        database.recordings.upsert([told])
        assert [one.meta for one in database.recordings.due(None, SETTINGS, None)] == [told]

    def test_what_the_source_did_not_understand_is_kept_until_it_understands(
        self, database: Database, clock: Clock
    ) -> None:
        noted = meta(1, notes=("课.json: 学声 is not known; did you mean 学生?", "\ud83d"))
        notes = (noted.notes[0], "?")
        listed = database.recordings.upsert([noted, meta(2)])
        number = database.reading.find(str(noted.key)) or 0

        assert [(one.record_id, one.notes) for one in listed.notes] == [
            (noted.key.record_id, notes)
        ]
        detail = database.reading.show(number)
        assert detail and detail.recording.notes == notes
        clock.go_on(days=1)
        with Statements(database) as statements:
            assert database.recordings.upsert([noted]).notes == listed.notes
        assert statements.writes == []
        assert database.recordings.upsert([meta(1)]).notes == ()
        detail = database.reading.show(number)
        assert detail and detail.recording.notes == ()

    def test_doubts_about_people_are_kept_when_a_later_listing_does_not_name_the_people(
        self, database: Database
    ) -> None:
        told = meta(1, participants=(stay("王老师"), Participant(None, "iPhone")))
        for listed in (told, meta(1, participants=None)):
            [noted] = database.recordings.upsert([listed]).notes
            assert noted.notes == ("iPhone is the name of a device and is counted as a student",)
        [view] = database.reading.recordings(RecordingFilter())
        assert view.notes == noted.notes

    def test_a_source_that_understands_nothing_does_not_fill_the_database(
        self, database: Database
    ) -> None:
        database.recordings.upsert([meta(1, notes=("长" * 10_000,) * 1_000)])
        [view] = database.reading.recordings(RecordingFilter())
        assert view.notes == ("长" * 255,) * 50

    def test_nobody_there_is_not_the_same_as_unknown(self, database: Database) -> None:
        database.recordings.upsert([meta(1, participants=()), meta(2, participants=None)])
        records = database.recordings.due(None, SETTINGS, None)
        assert [record.meta.participants for record in records] == [(), None]

    def test_a_record_id_is_text_even_beyond_64_bits(self, database: Database) -> None:
        close = [
            replace(meta(1), key=RecordKey("tencent", f"1844674407370955161{n}")) for n in "56"
        ]
        database.recordings.upsert(close)
        assert [
            one.meta.key.record_id for one in database.recordings.due(None, SETTINGS, None)
        ] == [
            "18446744073709551615",
            "18446744073709551616",
        ]

    def test_the_same_id_from_two_sources_is_two_recordings(self, database: Database) -> None:
        theirs = replace(meta(1), key=RecordKey("folder", meta(1).key.record_id))
        assert database.recordings.upsert([meta(1), theirs]).new == 2

    def test_people_whose_names_differ_in_an_emoji_are_two(self, database: Database) -> None:
        people = (
            Participant(None, "小明😀"),
            Participant(None, "小明😁"),
            Participant(None, "小明"),
        )
        number = listed(database, meta(1, participants=people))
        assert view(database, number).student_ids == ("小明", "小明😀", "小明😁")

    def test_a_name_that_no_column_can_hold_is_made_to_fit(self, database: Database) -> None:
        people = (Participant(None, " 名" * 400), Participant(None, "\ud83d"))
        number = listed(database, meta(1, participants=people, subject="题" * 2000))
        assert len(view(database, number).subject) == 255
        with Statements(database) as statements:
            database.recordings.upsert([meta(1, participants=people, subject="题" * 2000)])
        assert statements.writes == []

    def test_a_naive_time_is_refused(self, database: Database) -> None:
        with pytest.raises(ValueError, match="time zone"):
            database.recordings.upsert([meta(1, start_ts=datetime(2026, 1, 1), participants=())])  # noqa: DTZ001

    def test_times_of_any_zone_are_the_same_instant(self, database: Database) -> None:
        database.recordings.upsert([meta(1)])
        beijing = MONDAY.fromisoformat("2026-01-06T19:30:00+08:00")
        with Statements(database) as statements:
            database.recordings.upsert([meta(1, start_ts=beijing)])
        assert statements.writes == []

    def test_unknown_are_those_without_a_row(self, database: Database) -> None:
        database.recordings.upsert([meta(1)])
        assert database.recordings.unknown([meta(1), meta(2)]) == [meta(2)]

    def test_participants_are_lacking_where_they_could_be_known(self, database: Database) -> None:
        metas = [
            meta(1, participants=None),
            meta(2),
            meta(3, participants=None, is_final=False),
            meta(4, participants=None, skip_reason="text_only"),
        ]
        database.recordings.upsert(metas)
        assert database.recordings.lacking_participants([*metas, meta(5)]) == [metas[0]]

    def test_known_participants_outlive_a_listing_without_them(self, database: Database) -> None:
        number = listed(database, meta(1))
        database.recordings.upsert([meta(1, participants=None, subject="改了题目")])
        seen = view(database, number)
        assert (seen.subject, seen.student_ids) == ("改了题目", ("id_李雷",))
        assert seen.participants_known

    def test_a_teacher_on_the_list_is_no_student(self, database: Database) -> None:
        people = (Participant(None, "王老师"), Participant(None, "李雷"))
        number = listed(database, meta(1, teacher_id=None, participants=people))
        assert view(database, number).student_ids == ("李雷",)


class TestStatus:
    def test_waiting_becomes_pending_once_it_is_final(self, database: Database) -> None:
        number = listed(database, meta(1, is_final=False))
        assert view(database, number).status is RecordStatus.WAITING
        assert due(database) == []
        database.recordings.upsert([meta(1)])
        assert view(database, number).status is RecordStatus.PENDING
        assert due(database) == [number]

    def test_the_sources_reason_skips_and_its_end_reopens(self, database: Database) -> None:
        number = listed(database, meta(1, skip_reason="teacher_not_listed"))
        assert view(database, number).status is RecordStatus.SKIPPED
        assert view(database, number).skip_reason == "teacher_not_listed"
        assert due(database, ALL_TIME, "other") == []
        database.recordings.upsert([meta(1)])
        assert due(database) == [number]

    def test_what_a_stage_skipped_stays_skipped_in_the_next_listing(
        self, database: Database
    ) -> None:
        number = listed(database, meta(1))
        database.recordings.set_back(number, skip(), RecordStatus.SKIPPED)
        database.recordings.upsert([meta(1, subject="新题目")])
        assert view(database, number).skip_reason == "too_short"
        assert due(database, ALL_TIME) == []

    def test_a_finished_recording_keeps_its_status_when_its_listing_changes(
        self, database: Database
    ) -> None:
        number = finished(database, meta(1))
        for change in ({"is_final": False}, {"skip_reason": "gone"}, {"subject": "新"}):
            database.recordings.upsert([meta(1, **change)])
            assert view(database, number).status is RecordStatus.DONE

    def test_a_failed_recording_keeps_its_time_when_its_listing_changes(
        self, database: Database, clock: Clock
    ) -> None:
        number = listed(database, meta(1))
        again = clock.now + timedelta(hours=1)
        failure = StageFailure(DOWNLOAD, StageStatus.FAILED, "gone_wrong", "网断了", again)
        database.recordings.set_back(number, failure, RecordStatus.FAILED)
        database.recordings.upsert([meta(1, subject="新题目")])
        assert due(database) == []
        clock.go_on(hours=1)
        assert due(database) == [number]

    def test_work_on_a_recording_that_is_gone_says_so(self, database: Database) -> None:
        with pytest.raises(RecordError) as refusal:
            database.recordings.finish(4711, SETTINGS)
        assert refusal.value.code == "recording_gone"


class TestDue:
    def test_the_oldest_start_comes_first_and_the_limit_cuts(self, database: Database) -> None:
        database.recordings.upsert([meta(3), meta(1), meta(2)])
        records = database.recordings.due(None, SETTINGS, 2)
        assert [record.meta for record in records] == [meta(1), meta(2)]

    def test_a_time_that_only_a_wrong_clock_can_have_said_is_not_waited_for(
        self, database: Database, clock: Clock
    ) -> None:
        right, wrong = listed(database, meta(1)), listed(database, meta(2))
        for number, wait in ((right, timedelta(hours=24)), (wrong, timedelta(days=200))):
            again = clock.now + wait
            failure = StageFailure(DOWNLOAD, StageStatus.FAILED, "gone_wrong", "网断了", again)
            database.recordings.set_back(number, failure, RecordStatus.FAILED)
        assert due(database) == [wrong]
        assert [one.id for one in database.recordings.due_among([meta(1), meta(2)])] == [wrong]

    def test_a_window_is_half_open(self, database: Database) -> None:
        numbers = [listed(database, meta(number)) for number in (1, 2, 3)]
        window = Window(meta(1).start_ts, meta(3).start_ts)
        assert due(database, window) == numbers[:2]

    def test_dead_skipped_waiting_and_done_are_not_due(self, database: Database) -> None:
        for number, status in enumerate([RecordStatus.DEAD, RecordStatus.SKIPPED]):
            failure = StageFailure(DOWNLOAD, StageStatus.DEAD, "x", "y", made_with=SETTINGS)
            database.recordings.set_back(listed(database, meta(number)), failure, status)
        finished(database, meta(7))
        listed(database, meta(8, is_final=False))
        assert due(database) == []
        assert due(database, ALL_TIME) == []

    def test_other_settings_make_finished_and_skipped_ones_due_in_their_window(
        self, database: Database
    ) -> None:
        old, skipped = finished(database, meta(1)), listed(database, meta(2))
        database.recordings.set_back(skipped, skip(), RecordStatus.SKIPPED)
        outside = finished(database, meta(40))
        window = Window(MONDAY, MONDAY + timedelta(days=9))
        assert due(database, window, "settings-2") == [old, skipped]
        assert due(database, None, "settings-2") == []
        database.recordings.finish(old, "settings-2")
        assert due(database, ALL_TIME, "settings-2") == [skipped, outside]

    def test_the_meta_of_a_skipped_one_carries_no_reason_of_a_stage(
        self, database: Database
    ) -> None:
        number = listed(database, meta(1))
        database.recordings.set_back(number, skip(), RecordStatus.SKIPPED)
        [record] = database.recordings.due(ALL_TIME, "settings-2", None)
        assert record.meta == meta(1)

    def test_what_a_killed_run_left_running_is_due(self, database: Database) -> None:
        number = finished(database, meta(1))
        database.recordings.begin_stage(number, TRANSCRIBE, "new model")
        assert due(database) == [number]
        database.recordings.end_stage(number, TRANSCRIBE, LEFT)
        assert due(database) == []

    def test_how_often_a_run_ended_without_a_word_is_told_with_what_is_due(
        self, database: Database
    ) -> None:
        number, store = listed(database, meta(1)), database.recordings
        listed(database, meta(2))

        def crashes() -> list[int]:
            due = store.due(None, SETTINGS, None)
            assert store.due_among([meta(1), meta(2)]) == due
            return [record.crashes for record in due]

        assert crashes() == [0, 0]
        store.begin_stage(number, DOWNLOAD, "f")
        store.begin_stage(number, DOWNLOAD, "f")
        assert crashes() == [2, 0]
        store.end_stage(number, DOWNLOAD, LEFT)
        assert crashes() == [0, 0]

    def test_a_failed_one_that_is_running_again_is_due_once(self, database: Database) -> None:
        number = listed(database, meta(1))
        failure = StageFailure(DOWNLOAD, StageStatus.FAILED, "x", "y", None)
        database.recordings.set_back(number, failure, RecordStatus.FAILED)
        database.recordings.begin_stage(number, DOWNLOAD, "f")
        assert due(database) == [number]

    @pytest.mark.parametrize(
        "status", [RecordStatus.FAILED, RecordStatus.DEAD, RecordStatus.SKIPPED]
    )
    def test_retry_makes_it_due_now_and_counts_anew(
        self, database: Database, clock: Clock, status: RecordStatus
    ) -> None:
        number = listed(database, meta(1))
        database.recordings.begin_stage(number, DOWNLOAD, "f")
        far = clock.now + timedelta(days=1)
        failure = StageFailure(DOWNLOAD, StageStatus(status.value), "x", "y", far, SETTINGS)
        database.recordings.set_back(number, failure, status)
        assert due(database) == []
        assert database.recordings.retry(number)
        assert due(database) == [number]
        assert view(database, number).skip_reason is None
        assert database.recordings.begin_stage(number, DOWNLOAD, "f") == 1

    def test_retry_of_anything_else_changes_nothing(self, database: Database) -> None:
        assert not database.recordings.retry(finished(database, meta(1)))
        assert not database.recordings.retry(4711)


class TestLedger:
    def test_a_stage_counts_its_starts_until_it_is_done(self, database: Database) -> None:
        number, begin = listed(database, meta(1)), database.recordings.begin_stage
        assert [begin(number, DOWNLOAD, "f"), begin(number, DOWNLOAD, "f")] == [1, 2]
        database.recordings.end_stage(number, DOWNLOAD, LEFT)
        assert database.recordings.ledger(number)[DOWNLOAD].attempts == 2
        assert begin(number, DOWNLOAD, "f") == 1

    def test_another_made_from_counts_anew(self, database: Database) -> None:
        number = listed(database, meta(1))
        assert database.recordings.begin_stage(number, DOWNLOAD, "f") == 1
        assert database.recordings.begin_stage(number, DOWNLOAD, "g") == 1

    def test_an_ended_stage_says_when_and_what_it_left(
        self, database: Database, clock: Clock
    ) -> None:
        number, begun = listed(database, meta(1)), clock.now
        database.recordings.begin_stage(number, DOWNLOAD, "f")
        clock.go_on(minutes=3)
        artifact = Artifact("recording.m4a", 5 << 30, "ab" * 32, 3599.25)
        database.recordings.end_stage(number, DOWNLOAD, artifact)
        entry = database.recordings.ledger(number)[DOWNLOAD]
        assert (entry.status, entry.artifact) == (StageStatus.DONE, artifact)
        assert (entry.started_at, entry.finished_at) == (begun, clock.now)

    def test_a_new_start_forgets_the_artifact_and_the_last_error(self, database: Database) -> None:
        number = listed(database, meta(1))
        database.recordings.begin_stage(number, DOWNLOAD, "f")
        database.recordings.end_stage(number, DOWNLOAD, LEFT)
        database.recordings.begin_stage(number, DOWNLOAD, "g")
        entry = database.recordings.ledger(number)[DOWNLOAD]
        assert (entry.status, entry.artifact, entry.error_code) == (StageStatus.RUNNING, None, None)

    def test_a_setback_is_told_by_ledger_and_recording(
        self, database: Database, clock: Clock
    ) -> None:
        number, again = listed(database, meta(1)), clock.now + timedelta(minutes=15)
        database.recordings.begin_stage(number, DOWNLOAD, "f")
        failure = StageFailure(DOWNLOAD, StageStatus.FAILED, "timeout", "服务器没有回答😀", again)
        database.recordings.set_back(number, failure, RecordStatus.FAILED)
        entry, seen = database.recordings.ledger(number)[DOWNLOAD], view(database, number)
        assert (entry.error_code, entry.message) == ("timeout", "服务器没有回答😀")
        assert (seen.status, seen.next_attempt_at) == (RecordStatus.FAILED, again)
        assert entry.next_attempt_at == again

    def test_a_very_long_message_is_cut(self, database: Database) -> None:
        number = listed(database, meta(1))
        failure = StageFailure(DOWNLOAD, StageStatus.FAILED, "x", "很长" * 5000)
        database.recordings.set_back(number, failure, RecordStatus.FAILED)
        assert len(database.recordings.ledger(number)[DOWNLOAD].message or "") == 1000

    def test_a_stage_that_only_waits_gives_its_attempt_back(self, database: Database) -> None:
        number = listed(database, meta(1))
        waiting = StageFailure(TRANSCRIBE, StageStatus.WAITING, "stopped", "请求停止")
        for _ in range(3):
            assert database.recordings.begin_stage(number, TRANSCRIBE, "f") == 1
            database.recordings.set_back(number, waiting, RecordStatus.PENDING)
        assert due(database) == [number]

    def test_a_deferred_record_keeps_the_stages_it_has_done(self, database: Database) -> None:
        number = listed(database, meta(1))
        database.recordings.begin_stage(number, DOWNLOAD, "f")
        database.recordings.end_stage(number, DOWNLOAD, LEFT)
        waiting = StageFailure(DOWNLOAD, StageStatus.WAITING, "stopped", "请求停止")
        database.recordings.set_back(number, waiting, RecordStatus.PENDING)
        entry = database.recordings.ledger(number)[DOWNLOAD]
        assert (entry.status, entry.artifact) == (StageStatus.DONE, LEFT)

    def test_a_recording_that_never_ran_has_an_empty_ledger(self, database: Database) -> None:
        assert database.recordings.ledger(listed(database, meta(1))) == {}


class TestMinutes:
    def test_texts_and_phase_stand_in_the_recordings_own_row(self, database: Database) -> None:
        number = finished(database, meta(1))
        with database.engine.connect() as connection:
            row = connection.execute(
                text("SELECT transcript, summary, phase FROM recordings WHERE id = :id"),
                {"id": number},
            ).one()
        assert (
            row.transcript == "[00:00] 王老师: 你好😀，我们看简历。\n[00:02] 先把项目经历写具体。"
        )
        assert row.summary.startswith("简历的第一页\n\n两人改了简历。\n\n要点:\n- 项目经历要有数字")
        assert row.phase == "简历优化"

    def test_saving_twice_is_saving_once(self, database: Database) -> None:
        number = finished(database, meta(1))
        before = database.reading.show(number)
        database.recordings.save(number, minutes())
        assert database.reading.show(number) == before

    def test_a_shorter_transcript_leaves_no_old_segment(self, database: Database) -> None:
        number = finished(database, meta(1))
        short = minutes()
        short = replace(
            short, transcript=replace(short.transcript, segments=short.transcript.segments[:1])
        )
        database.recordings.save(number, short)
        detail = database.reading.show(number)
        assert detail is not None
        assert detail.transcript == short.transcript

    def test_row_70_a_transcript_of_a_megabyte_comes_back_whole(self, database: Database) -> None:
        number, long = listed(database, meta(1)), "很长的逐字稿'😀\\" * 60_000
        database.recordings.save(number, minutes(text=long))
        detail = database.reading.show(number)
        assert detail is not None
        assert detail.transcript == minutes(text=long).transcript

    def test_one_call_is_paid_once_however_often_it_is_told(self, database: Database) -> None:
        number = listed(database, meta(1))
        call = Usage("c" * 64, "asr", "whisper-1", 3600.5, 0, 0, 2.25)
        for _ in range(3):
            database.recordings.spent(number, 7, call)
        database.recordings.spent(number, None, replace(call, call="d"))
        detail = database.reading.show(number)
        assert detail is not None
        assert set(detail.usage) == {call, replace(call, call="d")}


def test_ids_too_long_for_a_row_in_a_sidecar_stop_no_listing(
    database: Database, tmp_path: Path
) -> None:
    room = Room(tmp_path)
    ids = dict.fromkeys(["meeting_id", "meeting_code", "meeting_record_id"], "9" * 65)
    people = [{"id": "9" * 256, "name": "王同学"}, {"id": "s1", "name": "王" * 256}]
    room.put("a.mp4", "第一节课")
    room.put("a.json", json.dumps({**ids, "teacher_id": "t" * 256, "participants": people}))
    room.put("b.mp4", "第二节课")
    pages = list(fetch(room.source(), database.recordings, ALWAYS, ()))
    listing = sum((page.listing for page in pages), Listing())
    assert (listing.new, listing.trouble) == (2, None)
    views = {one.subject: one for one in database.reading.recordings(RecordingFilter())}
    assert (views["a"].meeting_id, views["a"].teacher_id) == (None, None)
    assert views["a"].student_ids == ("s1", "王同学")


def test_two_programs_see_each_others_rows(database: Database, database_url: str) -> None:
    other = Database(database_url, (), lambda: datetime.now(UTC))
    number = listed(database, meta(1))
    assert [record.id for record in other.recordings.due(None, SETTINGS, None)] == [number]
    other.close()


class TestNotes:
    def test_what_the_source_did_not_understand_is_kept_and_corrected_by_the_next_listing(
        self, database: Database
    ) -> None:
        notes = ("课.json: `stert` is not known; did you mean `start`?", "课.m4a: 文件时间在未来")
        number = listed(database, meta(1, notes=notes))
        assert view(database, number).notes == notes
        assert database.recordings.due(None, SETTINGS, None)[0].meta.notes == notes
        database.recordings.upsert([meta(1)])
        assert view(database, number).notes == ()

    def test_a_file_of_nothing_but_mistakes_does_not_fill_the_database(
        self, database: Database
    ) -> None:
        number = listed(database, meta(1, notes=("x" * 1000,) * 1000))
        assert sum(map(len, view(database, number).notes)) <= 50 * 255


AUDIO = Artifact("audio.flac", 9, "b" * 64, duration_s=65.0004)


def attended(database: Database, number: int) -> dict[str, float]:
    detail = database.reading.show(number)
    assert detail is not None
    return {one.person: one.seconds for one in detail.attendance}


class TestMeasuredLength:
    """Live WebM, plain MP3 and fragmented MP4 say no length; the decoded audio does."""

    STAYS = (Participant("stu1", "王同学"),)

    def measured(self, database: Database, one: RecordMeta) -> int:
        number = listed(database, one)
        for left in (LEFT, AUDIO):
            stage = DOWNLOAD if left is LEFT else StageName.EXTRACT
            database.recordings.begin_stage(number, stage, "x")
            database.recordings.end_stage(number, stage, left)
        return number

    def unmeasured(self, **changes: object) -> RecordMeta:
        one = meta(1, participants=self.STAYS, duration_s=None, end_ts=None)
        return replace(one, **changes)  # type: ignore[arg-type]

    def test_it_becomes_the_length_the_end_and_the_attendance(self, database: Database) -> None:
        number = self.measured(database, self.unmeasured())
        row = view(database, number)
        assert row.duration_s == 65.0
        assert row.end_ts == row.start_ts + timedelta(seconds=65)
        assert attended(database, number) == {"stu1": 65.0}

    def test_statistics_follow_it(self, database: Database) -> None:
        number = self.measured(database, self.unmeasured())
        database.recordings.save(number, minutes())
        database.recordings.finish(number, SETTINGS)
        database.stats.refresh()
        assert database.stats.differences() == []
        [one] = database.reading.stats()
        assert (one.student_id, one.total_duration) == ("stu1", 1)

    def test_the_next_listing_keeps_it(self, database: Database) -> None:
        one = self.unmeasured()
        number = self.measured(database, one)
        database.recordings.upsert([one])
        assert view(database, number).duration_s == 65.0
        assert attended(database, number) == {"stu1": 65.0}

    def test_the_end_follows_a_start_that_is_corrected_later(self, database: Database) -> None:
        one = self.unmeasured()
        number = self.measured(database, one)
        later = one.start_ts + timedelta(hours=3)
        database.recordings.upsert([replace(one, start_ts=later)])
        assert view(database, number).end_ts == later + timedelta(seconds=65)

    def test_what_the_source_says_is_kept(self, database: Database) -> None:
        end = self.unmeasured().start_ts + timedelta(seconds=70)
        told = listed(database, self.unmeasured(duration_s=66.5))
        for stage, left in ((DOWNLOAD, LEFT), (StageName.EXTRACT, AUDIO)):
            database.recordings.begin_stage(told, stage, "x")
            database.recordings.end_stage(told, stage, left)
        assert view(database, told).duration_s == 66.5
        ended = replace(self.unmeasured(end_ts=end), key=RecordKey("test", "with-end"))
        number = self.measured(database, ended)
        assert (view(database, number).duration_s, view(database, number).end_ts) == (65.0, end)
