"""Backups of the embedded database."""

from pathlib import Path

from meeting_pipeline.domain.views import Backup
from meeting_pipeline.errors import ConfigError
from meeting_pipeline.settings.config import Settings
from meeting_pipeline.wiring import backends, stores


def back_up(settings: Settings, target: Path | None = None) -> Backup:
    """Copy the embedded database, also while a run is at work, and read the copy back.

    Args:
        settings: The installation.
        target: The copy; None for DATA_DIR/backups/meeting-DATE.db. An older backup there is
            replaced, nothing else is.

    Raises:
        ConfigError: ("not_embedded") when the rows are on a server, ("no_database").
        UsageError: ("not_a_backup") when the target is something else.
        FatalError: ("backup_failed") when the copy cannot be written or is not whole.
    """
    target = target or _default(settings)
    database = settings.database
    if database.host:
        login = f"-h {database.host} -P {database.port} -u {database.user} -p {database.name}"
        raise ConfigError(
            "not_embedded",
            "the rows are on a database server, which has its own tool for backups",
            hint=f"mysqldump --single-transaction --default-character-set=utf8mb4 {login}"
            f" > {target.with_suffix('.sql')}",
        )
    return stores.back_up(settings, target)


def _default(settings: Settings) -> Path:
    now = backends.utc_now().astimezone(settings.source.zone)
    return settings.source.data_dir / "backups" / f"meeting-{now:%Y%m%d-%H%M%S}.db"
