"""What the commands say, as plain values: the same for the terminal, `--json`, cron and mail.

Times are ISO 8601 with an offset, durations seconds unless a name says otherwise, ids text.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from meeting_pipeline.domain.erasure import ERASED
from meeting_pipeline.domain.model import Summary, Transcript
from meeting_pipeline.domain.retention import TEXTS_REMOVED
from meeting_pipeline.domain.stages import (
    LedgerEntry,
    Outcome,
    RecordOutcome,
    RecordStatus,
    RunReport,
    StageName,
    UsageTotals,
)
from meeting_pipeline.domain.students import Attendance
from meeting_pipeline.domain.timing import Timing
from meeting_pipeline.domain.window import Window

if TYPE_CHECKING:  # a run has none of these to show
    from meeting_pipeline.domain.views import (
        ExportedRecording,
        RecordingDetail,
        RecordingView,
        StudentView,
    )
    from meeting_pipeline.ports.rows import RunPlan

Document = dict[str, Any]


def iso(moment: datetime | None, zone: ZoneInfo) -> str | None:
    """A moment as people of this zone write it, with its offset."""
    return moment.astimezone(zone).isoformat(timespec="seconds") if moment else None


def window_document(window: Window | None, zone: ZoneInfo) -> Document | None:
    """{"start", "end"}."""
    if window is None:
        return None
    return {"start": iso(window.start, zone), "end": iso(window.end, zone)}


def run_document(report: RunReport, zone: ZoneInfo) -> Document:
    """The run report: listed = new + known, due = done + failed + skipped + deferred."""
    return {
        "run_id": str(report.run_id),
        "window": window_document(report.window, zone),
        "listed": report.listed,
        "new": report.new,
        "known": report.known,
        "waiting": report.waiting,
        "due": report.due,
        "done": report.count(Outcome.DONE),
        "failed": report.count(Outcome.FAILED),
        "skipped": report.count(Outcome.SKIPPED),
        "deferred": report.count(Outcome.DEFERRED),
        "stopped_by": report.stopped_by,
        "exit_code": report.exit_code,
        "seconds": report.seconds,
        "usage": {
            "audio_seconds": round(report.usage.audio_seconds, 3),
            "prompt_tokens": report.usage.prompt_tokens,
            "completion_tokens": report.usage.completion_tokens,
            "cost": report.usage.cost,
        },
        "timing": _timing_document(report.timing),
        "records": [_record_document(record) for record in report.records],
    }


def plan_document(plan: RunPlan, zone: ZoneInfo) -> Document:
    """What a run would do: the records that are due now and the new ones."""
    new = [
        {"id": None, "source": meta.key.source, "record_id": meta.key.record_id}
        | {"subject": meta.subject, "status": "new"}
        for meta in plan.new
        if meta.is_final and not meta.skip_reason
    ]
    due = [
        {"id": str(record.id), "source": record.meta.key.source}
        | {"record_id": record.meta.key.record_id, "subject": record.meta.subject, "status": "due"}
        for record in plan.due
    ]
    nothing = dict.fromkeys(("waiting", "done", "failed", "skipped", "deferred"), 0)
    return {
        "dry_run": True,
        "run_id": None,
        "window": window_document(plan.window, zone),
        "listed": plan.listed,
        "new": len(new),
        "known": plan.listed - len(new),
        "due": len(new) + len(due),
        **nothing,
        "stopped_by": None,
        "exit_code": 0,
        "seconds": 0.0,
        "usage": asdict(UsageTotals()),
        "timing": _timing_document(Timing()),
        "records": new + due,
    }


def _timing_document(timing: Timing) -> Document:
    """seconds of stages are work alone; occupancy: 0..1 of a gate's slots over the whole run."""
    return {
        "lower_bound_s": round(timing.lower_bound_s, 3),
        "ratio": None if timing.ratio is None else round(timing.ratio, 3),
        "slowest": timing.slowest and timing.slowest.value,
        "longest_record_s": round(timing.longest_record_s, 3),
        "stages": {
            name: {
                "count": stage.count,
                "seconds": round(stage.seconds, 3),
                "waited_s": round(stage.waited_s, 3),
                "bytes": stage.size_bytes,
            }
            for name, stage in timing.stages.items()
        },
        "gates": {
            gate.resource.value: {
                "slots": gate.slots,
                "entries": gate.entries,
                "busy_s": round(gate.busy_s, 3),
                "waited_s": round(gate.waited_s, 3),
                "occupancy": round(gate.occupancy(timing.seconds), 3),
            }
            for gate in timing.gates
        },
    }


def _record_document(record: RecordOutcome) -> Document:
    return {
        "id": str(record.id),
        "source": record.source,
        "record_id": record.record_id,
        "subject": record.subject,
        "status": record.status.value,
        "stage": record.stage.value if record.stage else None,
        "error_code": record.error_code,
        "message": record.message,
    }


def status_document(recordings: Iterable[RecordingView], zone: ZoneInfo) -> Document:
    """Recordings without their texts, each stage with how it stands."""
    return {"recordings": [_recording(recording, zone) for recording in recordings]}


def detail_document(detail: RecordingDetail, zone: ZoneInfo) -> Document:
    """One recording with attendance, transcript and summary."""
    return {
        **_recording(detail.recording, zone),
        "play_url": detail.play_url,
        "size_bytes": detail.size_bytes,
        "attendance": [_attendance(one, zone) for one in detail.attendance],
        "transcript": detail.transcript and _transcript(detail.transcript),
        "summary": detail.summary and _summary(detail.summary),
    }


def why_document(detail: RecordingDetail, zone: ZoneInfo) -> Document:
    """Every stage with its attempts, times, reasons and cost, and what will happen next."""
    recording = detail.recording
    return {
        "id": str(recording.id),
        "source": recording.source,
        "record_id": recording.record_id,
        "subject": recording.subject,
        "status": recording.status.value,
        "skip_reason": recording.skip_reason,
        "stages": [
            {"stage": name.value, **_why_stage(recording.stages.get(name), zone)}
            for name in StageName
        ],
        "usage": [asdict(usage) for usage in detail.usage],
        "cost": sum(usage.cost for usage in detail.usage),
        "next": next_step(recording, zone),
    }


def stats_document(students: Iterable[StudentView], zone: ZoneInfo) -> Document:
    """Students with their counts; total_duration in whole minutes."""
    return {
        "students": [
            {
                "student_id": student.student_id,
                "name": student.name,
                "record_cnt": student.record_cnt,
                "total_duration": student.total_duration,
                "last_record_at": iso(student.last_record_at, zone),
                "phases": {phase.value: count for phase, count in student.phases.items()},
            }
            for student in students
        ]
    }


def exported_document(
    exported: ExportedRecording, zone: ZoneInfo, *, transcripts: bool
) -> Document:
    """One recording as a row. start_utc: start_ts once more, in UTC."""
    recording = exported.recording
    told = {
        **_named(recording),
        "teachers": list(exported.teachers),
        "student_ids": list(recording.student_ids),
        "students": list(exported.students),
        "participants_known": recording.participants_known,
        "start_ts": iso(recording.start_ts, zone),
        "start_utc": iso(recording.start_ts, ZoneInfo("UTC")),
        "end_ts": iso(recording.end_ts, zone),
        "duration_s": recording.duration_s,
        "status": recording.status.value,
        "skip_reason": recording.skip_reason,
        "phase": recording.phase and recording.phase.value,
        "summary": exported.summary,
    }
    return {**told, "transcript": exported.transcript} if transcripts else told


def next_step(recording: RecordingView, zone: ZoneInfo) -> str:
    """The next thing that will happen to a recording, in words."""
    number, again_at = recording.id, iso(recording.next_attempt_at, zone)
    if recording.skip_reason == ERASED:
        return "nothing: its texts were erased with one of its students"
    if recording.skip_reason == TEXTS_REMOVED:
        return "nothing: it is complete, and its transcript was removed by `meeting cleanup`"
    return {
        RecordStatus.WAITING: "the source has not finished it; every night asks again",
        RecordStatus.PENDING: "it is due: the next run takes it",
        RecordStatus.FAILED: f"the first run after {again_at} tries again; "
        f"`meeting retry {number}` makes it due now",
        RecordStatus.DEAD: "nothing: it failed too often; mend the cause, then "
        f"`meeting retry {number}`",
        RecordStatus.SKIPPED: "nothing, unless a setting it depends on changes; "
        f"`meeting retry {number}` makes it due now",
        RecordStatus.DONE: f"nothing: it is complete, `meeting show {number}`",
    }[recording.status]


def _named(recording: RecordingView) -> Document:
    return {
        "id": str(recording.id),
        "source": recording.source,
        "record_id": recording.record_id,
        "meeting_id": recording.meeting_id,
        "meeting_code": recording.meeting_code,
        "subject": recording.subject,
        "teacher_id": recording.teacher_id,
    }


def _recording(recording: RecordingView, zone: ZoneInfo) -> Document:
    return {
        **_named(recording),
        "start_ts": iso(recording.start_ts, zone),
        "end_ts": iso(recording.end_ts, zone),
        "duration_s": recording.duration_s,
        "student_ids": list(recording.student_ids),
        "participants_known": recording.participants_known,
        "status": recording.status.value,
        "phase": recording.phase and recording.phase.value,
        "skip_reason": recording.skip_reason,
        "stages": {name.value: _stage(entry, zone) for name, entry in recording.stages.items()},
    }


def _stage(entry: LedgerEntry, zone: ZoneInfo) -> Document:
    return {
        "status": entry.status.value,
        "attempts": entry.attempts,
        "error_code": entry.error_code,
        "next_attempt_at": iso(entry.next_attempt_at, zone),
        "file_removed_at": iso(entry.file_removed_at, zone) if entry.artifact else None,
    }


def _why_stage(entry: LedgerEntry | None, zone: ZoneInfo) -> Document:
    if entry is None:
        names = ("error_code", "next_attempt_at", "message", "started_at", "finished_at", "seconds")
        nothing = dict.fromkeys((*names, "file", "file_removed_at"))
        return {"status": "not yet", "attempts": 0, **nothing}
    took = (
        (entry.finished_at - entry.started_at).total_seconds()
        if entry.started_at and entry.finished_at
        else None
    )
    return {
        **_stage(entry, zone),
        "message": entry.message,
        "started_at": iso(entry.started_at, zone),
        "finished_at": iso(entry.finished_at, zone),
        "seconds": took,
        "file": entry.artifact and entry.artifact.name,
    }


def _attendance(one: Attendance, zone: ZoneInfo) -> Document:
    return {
        "person": one.person,
        "name": one.name,
        "role": one.role.value,
        "intervals": [[iso(joined, zone), iso(left, zone)] for joined, left in one.intervals],
        "seconds": one.seconds,
    }


def _transcript(transcript: Transcript) -> Document:
    return {
        "language": transcript.language,
        "engine": transcript.engine,
        "model": transcript.model,
        "coverage": transcript.coverage,
        "warnings": list(transcript.warnings),
        "segments": [asdict(segment) for segment in transcript.segments],
    }


def _summary(summary: Summary) -> Document:
    return {**asdict(summary), "phase": summary.phase.value}
