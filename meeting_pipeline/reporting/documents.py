"""JSON documents of what commands return: the same for `--json`, exports and services.

This is where typed values become JSON, and the only place that builds `dict[str, Any]`. Times are
ISO 8601 with an offset, durations seconds unless a name says otherwise, ids text.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any
from zoneinfo import ZoneInfo

from meeting_pipeline.domain.model import Summary, Transcript
from meeting_pipeline.domain.stages import (
    LedgerEntry,
    Outcome,
    RecordOutcome,
    RunReport,
    StageName,
    UsageTotals,
)
from meeting_pipeline.domain.students import Attendance
from meeting_pipeline.domain.summary_versions import SummariesOfRecording
from meeting_pipeline.domain.timing import Timing
from meeting_pipeline.domain.views import (
    ExportedRecording,
    RecordingDetail,
    RecordingView,
    StudentView,
)
from meeting_pipeline.domain.window import Window
from meeting_pipeline.ports.rows import RunPlan
from meeting_pipeline.reporting.next_step import next_step
from meeting_pipeline.reporting.times import iso, iso_or_none

Document = dict[str, Any]

_UTC = ZoneInfo("UTC")


def run_document(report: RunReport, zone: ZoneInfo) -> Document:
    """Return the report of a run: listed = new + known, due = done + failed + skipped + deferred.

    Args:
        report: The report.
        zone: The zone of its times.
    """
    return {
        "run_id": str(report.run_id),
        "window": _window(report.window, zone),
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
        "usage": asdict(report.usage) | {"audio_seconds": round(report.usage.audio_seconds, 3)},
        "timing": _timing(report.timing),
        "records": [_outcome(record) for record in report.records],
        "notes": [asdict(one) for one in report.notes],
        "left_out": dict(report.left_out),
    }


def plan_document(plan: RunPlan, zone: ZoneInfo) -> Document:
    """Return what a run would do, with the fields of `run_document` and status "new" or "due".

    Args:
        plan: The plan of the run.
        zone: The zone of its times.
    """
    new = [
        {"id": None, "source": meta.key.source, "record_id": meta.key.record_id}
        | {"subject": meta.subject, "status": "new"}
        for meta in plan.ready
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
        "window": _window(plan.window, zone),
        "listed": plan.listed,
        "new": len(new),
        "known": plan.listed - len(new),
        "due": len(new) + len(due),
        **nothing,
        "stopped_by": None,
        "exit_code": 0,
        "seconds": 0.0,
        "usage": asdict(UsageTotals()),
        "timing": _timing(Timing()),
        "records": new + due,
        "notes": [asdict(one) for one in plan.notes],
        "left_out": dict(plan.left_out),
    }


def status_document(recordings: Sequence[RecordingView], total: int, zone: ZoneInfo) -> Document:
    """Return recordings without their texts, each with the state of its stages.

    Args:
        recordings: The recordings, in the order of the document.
        total: How many there are, also beyond the limit.
        zone: The zone of their times.
    """
    return {
        "total": total,
        "truncated": total > len(recordings),
        "recordings": [_recording(recording, zone) for recording in recordings],
    }


def detail_document(detail: RecordingDetail, zone: ZoneInfo) -> Document:
    """Return a recording with attendance, transcript and summary.

    Args:
        detail: The recording.
        zone: The zone of its times.
    """
    return {
        **_recording(detail.recording, zone),
        "play_url": detail.play_url,
        "size_bytes": detail.size_bytes,
        "attendance": [_attendance(one, zone) for one in detail.attendance],
        "transcript": detail.transcript and _transcript(detail.transcript),
        "summary": detail.summary and _summary(detail.summary),
    }


def summaries_document(found: SummariesOfRecording, zone: ZoneInfo) -> Document:
    """Return the versions of a recording's summary, the newest first.

    Args:
        found: The versions, and what the recording shows.
        zone: The zone of their times.
    """
    current = found.current
    return {
        "recording_id": str(found.recording_id),
        "phase": current.phase and current.phase.value,
        "phase_by_hand": current.phase_by_hand and current.phase_by_hand.value,
        "phase_by": current.phase_by,
        "phase_at": iso_or_none(current.phase_at, zone),
        "summaries": [
            {
                "version": one.version,
                "current": one.is_current,
                "engine": one.summary.engine,
                "model": one.summary.model,
                "prompt": one.summary.prompt,
                "phase": one.phase.value,
                "confidence": one.summary.confidence,
                "title": one.summary.title,
                "created_at": iso(one.created_at, zone),
            }
            for one in found.versions
        ],
    }


def why_document(detail: RecordingDetail, zone: ZoneInfo) -> Document:
    """Return every stage with attempts, times, reasons and cost, and what will happen next.

    Args:
        detail: The recording.
        zone: The zone of its times.
    """
    recording = detail.recording
    return {
        "id": str(recording.id),
        "source": recording.source,
        "record_id": recording.record_id,
        "subject": recording.subject,
        "status": recording.status.value,
        "skip_reason": recording.skip_reason,
        "notes": list(recording.notes),
        "stages": [
            {"stage": name.value, **_stage_in_full(recording.stages.get(name), zone)}
            for name in StageName
        ],
        "usage": [asdict(usage) for usage in detail.usage],
        "cost": detail.cost,
        "warnings": list(detail.transcript.warnings) if detail.transcript else [],
        "next": next_step(recording, zone),
    }


def stats_document(students: Iterable[StudentView], zone: ZoneInfo) -> Document:
    """Return students with their counts; total_duration is in whole minutes.

    Args:
        students: The students, in the order of the document.
        zone: The zone of their times.
    """
    return {
        "students": [
            {
                "student_id": student.student_id,
                "name": student.name,
                "record_cnt": student.record_cnt,
                "total_duration": student.total_duration,
                "last_record_at": iso_or_none(student.last_record_at, zone),
                "phases": {phase.value: count for phase, count in student.phases.items()},
            }
            for student in students
        ]
    }


def exported_document(
    exported: ExportedRecording, zone: ZoneInfo, *, transcripts: bool
) -> Document:
    """Return a recording as a row of an export; start_utc is start_ts in UTC.

    Args:
        exported: The recording.
        zone: The zone of the other times.
        transcripts: Whether the row has a transcript.
    """
    recording = exported.recording
    row = {
        **_identity(recording),
        "teachers": list(exported.teachers),
        "student_ids": list(recording.student_ids),
        "students": list(exported.students),
        "participants_known": recording.participants_known,
        "start_ts": iso(recording.start_ts, zone),
        "start_utc": iso(recording.start_ts, _UTC),
        "end_ts": iso_or_none(recording.end_ts, zone),
        "duration_s": recording.duration_s,
        "status": recording.status.value,
        "skip_reason": recording.remark,
        "phase": recording.phase and recording.phase.value,
        "summary": exported.summary,
    }
    return {**row, "transcript": exported.transcript} if transcripts else row


def _window(window: Window | None, zone: ZoneInfo) -> Document | None:
    if window is None:
        return None
    return {"start": iso(window.start, zone), "end": iso(window.end, zone)}


def _timing(timing: Timing) -> Document:
    """Return where the time went; occupancy is the share (0..1) of a gate's slots in use."""
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


def _outcome(record: RecordOutcome) -> Document:
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


def _identity(recording: RecordingView) -> Document:
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
        **_identity(recording),
        "start_ts": iso(recording.start_ts, zone),
        "end_ts": iso_or_none(recording.end_ts, zone),
        "duration_s": recording.duration_s,
        "student_ids": list(recording.student_ids),
        "participants_known": recording.participants_known,
        "notes": list(recording.notes),
        "status": recording.status.value,
        "phase": recording.phase and recording.phase.value,
        "skip_reason": recording.skip_reason,
        "accept_damaged": recording.accept_damaged,
        "stages": {name.value: _stage(entry, zone) for name, entry in recording.stages.items()},
    }


def _stage(entry: LedgerEntry, zone: ZoneInfo) -> Document:
    return {
        "status": entry.status.value,
        "attempts": entry.attempts,
        "error_code": entry.error_code,
        "next_attempt_at": iso_or_none(entry.next_attempt_at, zone),
        "file_removed_at": iso_or_none(entry.artifact_removed_at, zone),
    }


def _stage_in_full(entry: LedgerEntry | None, zone: ZoneInfo) -> Document:
    if entry is None:
        names = ("error_code", "next_attempt_at", "message", "started_at", "finished_at", "seconds")
        nothing = dict.fromkeys((*names, "file", "file_removed_at"))
        return {"status": "not yet", "attempts": 0, **nothing}
    return {
        **_stage(entry, zone),
        "message": entry.message,
        "started_at": iso_or_none(entry.started_at, zone),
        "finished_at": iso_or_none(entry.finished_at, zone),
        "seconds": entry.seconds,
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
