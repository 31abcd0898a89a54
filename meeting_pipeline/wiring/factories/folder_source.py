"""MEETING_SOURCE=folder: the media files in a folder."""

from meeting_pipeline.adapters.sources.folder import FolderSource
from meeting_pipeline.errors import ConfigError
from meeting_pipeline.ports.sources import RecordingSource
from meeting_pipeline.wiring.backends import utc_now
from meeting_pipeline.wiring.context import BackendContext


def make(context: BackendContext) -> RecordingSource:
    """Make the source.

    Raises:
        ConfigError: "no_folder" or "same_folder".
    """
    source = context.settings.source
    if source.folder is None:
        raise ConfigError(
            "no_folder",
            "MEETING_FOLDER is not set, and neither are the Tencent credentials",
            hint="set MEETING_FOLDER, or TQM_SECRET_ID and TQM_SECRET_KEY; or try `meeting demo`",
        )
    if source.folder.absolute() == source.data_dir.absolute():
        raise ConfigError(
            "same_folder",
            "MEETING_FOLDER and DATA_DIR are the same folder",
            hint="keep recordings and the program's own files apart",
        )
    return FolderSource(
        source.folder,
        settle_s=source.settle_s,
        zone=source.zone,
        index_file=source.data_dir / "folder-index.json",
        probe=context.probe,
        listen=context.sound_print,
        now=utc_now,
    )
