"""`meeting cleanup`: remove media and audio whose time is over, and transcripts if asked to."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from meeting_pipeline import exit_codes
from meeting_pipeline.cli.options import AsJson

if TYPE_CHECKING:
    from meeting_pipeline.domain.retention import ExpiredFile


def cleanup(
    older_than: Annotated[
        str | None,
        typer.Option(
            "--older-than",
            help="What has been of no use for so long (30d, 12h) or since then (2026-01-05); "
            "default: as RETENTION_VIDEO_DAYS and RETENTION_AUDIO_DAYS say.",
        ),
    ] = None,
    media: Annotated[bool, typer.Option("--media", help="Only downloaded media.")] = False,
    audio: Annotated[bool, typer.Option("--audio", help="Only audio.")] = False,
    texts: Annotated[
        bool,
        typer.Option(
            "--texts",
            help="Transcripts of finished recordings that ended before --older-than, in rows and "
            "files; summary, phase and numbers stay.",
        ),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would go.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove media whose audio is proven and audio whose transcript and summary are stored.

    Every run does so by itself, as the settings say. Rows and foreign files stay, and so does
    whatever a recording may still need. Transcripts go only here, only with --texts and an age, and
    for good: such a recording is never transcribed again.
    """
    from meeting_pipeline.cli import render
    from meeting_pipeline.cli.session import begin
    from meeting_pipeline.domain.retention import SWEPT, RetainedKind
    from meeting_pipeline.errors import UsageError
    from meeting_pipeline.wiring import stores

    if texts and older_than is None:
        hint = "say --older-than 365d"
        raise UsageError("no_age", "transcripts go by an age that you name", hint=hint)
    settings = begin()
    asked = {RetainedKind.MEDIA: media, RetainedKind.AUDIO: audio, RetainedKind.TEXTS: texts}
    kinds = [kind for kind, is_asked in asked.items() if is_asked] or SWEPT
    with stores.locked_database(settings, "cleanup") as rows:
        retention = stores.retention(settings, rows)
        due = retention.due(stores.cutoffs(settings, older_than), kinds)
        failed = [] if dry_run else retention.remove(due).failed
        if texts and not dry_run:
            rows.erasure.compact()  # else the database's file still holds what was said
    stays = set(failed)
    gone = [one for one in due if one not in stays and one.name is not None]
    if as_json:
        render.as_document(_document(gone, failed, dry_run))
    else:
        _draw(gone, failed, dry_run)
    if failed:
        raise typer.Exit(exit_codes.RECORDS_FAILED)


def _document(
    gone: "Sequence[ExpiredFile]", failed: "Sequence[ExpiredFile]", dry_run: bool
) -> dict[str, object]:
    return {
        "dry_run": dry_run,
        "removed": [
            {
                "id": str(one.recording_id),
                "source": one.key.source,
                "record_id": one.key.record_id,
                "kind": one.kind.value,
                "file": one.name,
                "size_bytes": one.size_bytes,
            }
            for one in gone
        ],
        "size_bytes": sum(one.size_bytes for one in gone),
        "failed": [{"id": str(one.recording_id), "kind": one.kind.value} for one in failed],
    }


def _draw(gone: "Sequence[ExpiredFile]", failed: "Sequence[ExpiredFile]", dry_run: bool) -> None:
    from meeting_pipeline.cli import render

    out = render.console()
    if gone:
        lines = (
            (str(one.recording_id), one.kind.value, one.name or "", f"{one.size_bytes / 1e6:.1f}")
            for one in gone
        )
        out.print(render.table("", ("#", "种类 kind", "文件 file", "MB"), lines))
    said = "会删除 would go" if dry_run else "已删除 removed"
    size_mb = sum(one.size_bytes for one in gone) / 1e6
    out.print(f"{said}: {len(gone)} files, {size_mb:.1f} MB")
    for one in failed:
        out.print(f"#{one.recording_id} {one.kind}: could not be removed, see the log")
