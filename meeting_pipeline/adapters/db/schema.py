"""The tables of the database.

Times are UTC. Ids are text, except our own numbers. Columns `*_s` are seconds.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)

from meeting_pipeline.adapters.db.types import (
    DOCUMENT,
    ID,
    LONG_TEXT,
    MEDIUM_TEXT,
    MESSAGE_LENGTH,
    NAME_LENGTH,
    WISH_LENGTH,
    UtcDateTime,
    one_of,
    word,
)
from meeting_pipeline.domain.enums import Phase
from meeting_pipeline.domain.model import Role
from meeting_pipeline.domain.stages import RecordStatus, StageName, StageStatus

REVISION = "0005"
"""The newest of `migrations/versions`; together they create exactly these tables."""

metadata = MetaData()


def _recording_id(*, primary_key: bool = True) -> Column[int]:
    """Return the column of a table whose rows are deleted with their recording."""
    recording = ForeignKey("recordings.id", ondelete="CASCADE")
    return Column(
        "recording_id",
        ID,
        recording,
        primary_key=primary_key,
        autoincrement=False,
        nullable=False,
    )


recordings = Table(
    "recordings",
    metadata,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("source", word(32), nullable=False),
    Column("record_id", word(64), nullable=False),
    Column("meeting_record_id", word(64)),
    Column("meeting_id", word(64)),
    Column("meeting_code", word(64)),
    Column("subject", String(NAME_LENGTH), nullable=False),
    Column("teacher_id", word(NAME_LENGTH)),
    Column("start_ts", UtcDateTime, nullable=False),
    Column("end_ts", UtcDateTime),
    Column("duration_s", Double),
    Column("student_ids", DOCUMENT, nullable=False),
    Column("participants", DOCUMENT),  # stays as the source lists them; NULL: unknown
    Column("phase", one_of(Phase, "recordings_phase")),
    Column("play_url", Text),
    Column("download_url", Text),
    Column("size_bytes", BigInteger),
    Column("status", one_of(RecordStatus, "recordings_status"), nullable=False),
    Column("skip_reason", word(64)),
    Column("next_attempt_at", UtcDateTime),
    # NULL: skipped by the source, not by a stage; or done, and its texts were removed by retention
    Column("made_with", word(64)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("transcript", LONG_TEXT),
    Column("summary", MEDIUM_TEXT),
    Column("notes", DOCUMENT),  # what the source did not understand; NULL: nothing
    Column("accept_damaged", Boolean, nullable=False, server_default=false()),
    Column("summary_version", Integer),  # the current one of `summaries`
    Column("summary_asked_at", UtcDateTime),  # when it was asked for: an older request loses
    Column("phase_by_hand", word(16)),
    Column("phase_by", String(NAME_LENGTH)),
    Column("phase_at", UtcDateTime),
    UniqueConstraint("source", "record_id", name="recordings_key"),
    Index("recordings_by_status", "status", "start_ts"),
    Index("recordings_by_start", "start_ts"),
    Index("recordings_by_record_id", "record_id"),
)

transcript_segments = Table(
    "transcript_segments",
    metadata,
    _recording_id(),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("speaker", String(NAME_LENGTH)),
    Column("start_ms", BigInteger, nullable=False),
    Column("end_ms", BigInteger, nullable=False),
    Column("text", MEDIUM_TEXT, nullable=False),
)

transcripts = Table(
    "transcripts",
    metadata,
    _recording_id(),
    Column("language", word(32), nullable=False),
    Column("engine", word(64), nullable=False),
    Column("model", word(NAME_LENGTH), nullable=False),
    Column("duration_s", Double, nullable=False),
    Column("coverage", Double),
    Column("warnings", DOCUMENT, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

summaries = Table(  # versions: none is ever changed, and `recordings` says which one is current
    "summaries",
    metadata,
    Column("id", ID, primary_key=True, autoincrement=True),
    _recording_id(primary_key=False),
    Column("version", Integer, nullable=False),
    Column("made_from", word(64), nullable=False),
    Column("engine", word(64), nullable=False),
    Column("model", word(NAME_LENGTH), nullable=False),
    Column("prompt", word(NAME_LENGTH), nullable=False),
    Column("model_code", word(64)),
    Column("prompt_id", ID),
    Column("prompt_version", Integer),
    Column("user_prompt", String(WISH_LENGTH)),
    Column("task_id", word(36)),
    Column("phase", one_of(Phase, "summaries_phase")),
    Column("body", DOCUMENT, nullable=False),
    Column("text", MEDIUM_TEXT),
    Column("md_name", word(NAME_LENGTH)),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("recording_id", "version", name="summaries_key"),
    UniqueConstraint("task_id", name="summaries_task"),
    Index("summaries_by_origin", "recording_id", "made_from"),
)

stage_ledger = Table(
    "stage_ledger",
    metadata,
    _recording_id(),
    Column("stage", one_of(StageName, "stage_ledger_stage"), primary_key=True),
    Column("status", one_of(StageStatus, "stage_ledger_status"), nullable=False),
    Column("made_from", word(64), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", UtcDateTime),
    Column("error_code", word(64)),
    Column("message", String(MESSAGE_LENGTH)),
    Column("artifact_name", word(NAME_LENGTH)),
    Column("artifact_size", BigInteger),
    Column("artifact_sha256", word(64)),
    Column("artifact_duration_s", Double),
    Column("started_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    Column("file_removed_at", UtcDateTime),  # by retention: a missing file is then not damage
    Index("stage_ledger_by_status", "status"),
    Index("stage_ledger_by_file", "stage", "file_removed_at", "finished_at"),
)

attendance = Table(
    "attendance",
    metadata,
    _recording_id(),
    Column("person", word(NAME_LENGTH), primary_key=True),
    Column("name", String(NAME_LENGTH), nullable=False),
    Column("role", one_of(Role, "attendance_role"), nullable=False),
    Column("intervals", DOCUMENT, nullable=False),
    Column("seconds", Double, nullable=False),
    Index("attendance_by_person", "person", "role", "recording_id", "seconds"),
    Index("attendance_by_name", "name", "role", "person"),
)

student_stats = Table(
    "student_stats",
    metadata,
    Column("student_id", word(NAME_LENGTH), primary_key=True),
    Column("record_cnt", Integer, nullable=False),
    Column("total_duration", BigInteger, nullable=False),  # whole minutes
    Column("last_record_at", UtcDateTime),
    Column("updated_at", UtcDateTime, nullable=False),
)

stale_students = Table(  # students whose statistics must be recomputed
    "stale_students",
    metadata,
    Column("student_id", word(NAME_LENGTH), primary_key=True),
)

runs = Table(
    "runs",
    metadata,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("command", word(64), nullable=False),
    Column("window_start", UtcDateTime),
    Column("window_end", UtcDateTime),
    Column("started_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    Column("listed", Integer),
    Column("new", Integer),
    Column("known", Integer),
    Column("waiting", Integer),
    Column("due", Integer),
    Column("done", Integer),
    Column("failed", Integer),
    Column("skipped", Integer),
    Column("deferred", Integer),
    Column("stopped_by", word(64)),
    Column("exit_code", Integer),
    Column("seconds", Double),
    Column("audio_seconds", Double),
    Column("prompt_tokens", BigInteger),
    Column("completion_tokens", BigInteger),
    Column("cost", Double),
)

sync_state = Table(
    "sync_state",
    metadata,
    Column("source", word(32), primary_key=True),
    Column("watermark", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

usage = Table(  # no foreign key: costs are kept even when their recording is deleted
    "usage",
    metadata,
    Column("recording_id", ID, primary_key=True, autoincrement=False),
    Column("call", word(128), primary_key=True),
    Column("run_id", ID),
    Column("kind", word(32), nullable=False),
    Column("model", word(NAME_LENGTH), nullable=False),
    Column("audio_seconds", Double, nullable=False),
    Column("prompt_tokens", BigInteger, nullable=False),
    Column("completion_tokens", BigInteger, nullable=False),
    Column("cost", Double, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Index("usage_by_run", "run_id"),
)

erased = Table(  # what the next listing must not bring back; hashes, so that no names are stored
    "erased",
    metadata,
    Column("word_hash", word(64), primary_key=True),
    Column("erased_at", UtcDateTime, nullable=False),
)
