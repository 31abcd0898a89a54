"""`meeting cleanup`: expired media and audio removed, and old transcripts on request."""

from typing import Annotated

import typer

from meeting_pipeline import exit_codes
from meeting_pipeline.actions.cleanup import Cleanup
from meeting_pipeline.actions.cleanup import cleanup as remove_expired
from meeting_pipeline.cli import render
from meeting_pipeline.cli.options import AsJson
from meeting_pipeline.cli.session import begin
from meeting_pipeline.domain.retention import RetainedKind


def cleanup(
    older_than: Annotated[
        str | None,
        typer.Option(
            "--older-than",
            help="Files not needed for this long (30d, 12h) or since this date (2026-01-05); "
            "default: RETENTION_VIDEO_DAYS and RETENTION_AUDIO_DAYS.",
        ),
    ] = None,
    media: Annotated[bool, typer.Option("--media", help="Only downloaded media.")] = False,
    audio: Annotated[bool, typer.Option("--audio", help="Only audio.")] = False,
    texts: Annotated[
        bool,
        typer.Option(
            "--texts",
            help="Transcripts of finished recordings that ended before --older-than, in rows and "
            "files; summary, phase and statistics stay.",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be removed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Remove expired media and audio, and old transcripts if asked.

    Media expires once its audio is proven whole, audio once transcript and summary are stored.
    Every run removes both as the settings say. Rows, foreign files and everything that a recording
    may still need stay. Transcripts are removed only by this command, only with --texts and an age,
    and for good: such a recording is never transcribed again.
    """
    named = {RetainedKind.MEDIA: media, RetainedKind.AUDIO: audio, RetainedKind.TEXTS: texts}
    kinds = [kind for kind, is_named in named.items() if is_named]
    done = remove_expired(begin(), older_than, kinds, dry_run=dry_run)
    if as_json:
        render.as_document(_document(done))
    else:
        _print(done)
    if done.failed:
        raise typer.Exit(exit_codes.RECORDS_FAILED)


def _document(done: Cleanup) -> dict[str, object]:
    return {
        "dry_run": done.dry_run,
        "removed": [
            {
                "id": str(file.recording_id),
                "source": file.key.source,
                "record_id": file.key.record_id,
                "kind": file.kind.value,
                "file": file.name,
                "size_bytes": file.size_bytes,
            }
            for file in done.files
        ],
        "size_bytes": done.size_bytes,
        "failed": [{"id": str(file.recording_id), "kind": file.kind.value} for file in done.failed],
    }


def _print(done: Cleanup) -> None:
    out = render.console()
    if done.files:
        rows = [
            (f"{file.recording_id}", file.kind, file.name or "", f"{file.size_bytes / 1e6:.1f}")
            for file in done.files
        ]
        out.print(render.table(("#", "种类 kind", "文件 file", "MB"), rows))
    result = "将删除 would be removed" if done.dry_run else "已删除 removed"
    out.print(f"{result}: {len(done.files)} files, {done.size_bytes / 1e6:.1f} MB")
    for file in done.failed:
        out.print(
            f"#{file.recording_id} {file.kind}: 无法删除，见日志 could not be removed; see the log"
        )
