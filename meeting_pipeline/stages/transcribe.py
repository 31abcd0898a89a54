"""The transcribe stage: the transcript of the audio."""

from array import array
from dataclasses import replace

from meeting_pipeline.domain import audio_warnings, heard, levels
from meeting_pipeline.domain.media_checks import LARGEST_TRANSCRIPT_BYTES, check_not_too_large
from meeting_pipeline.domain.model import Audio, Transcript
from meeting_pipeline.domain.stages import Artifact, StageName
from meeting_pipeline.errors import SkipRecord
from meeting_pipeline.ports.rows import RecordingStore
from meeting_pipeline.ports.services import Transcriber
from meeting_pipeline.ports.stage_context import StageContext
from meeting_pipeline.stages.documents import dump, load

_FILE = "transcript.json"


class Transcribe:
    """Writes the transcript of any back end into rows and to `transcript.json`.

    No summary, retry or other machine has to recognise the speech again: where the file is missing,
    it is written from the rows.
    """

    name = StageName.TRANSCRIBE

    def __init__(self, transcriber: Transcriber, store: RecordingStore) -> None:
        self._transcriber = transcriber
        self._store = store

    @property
    def settings(self) -> str:
        return self._transcriber.settings

    def run(self, value: Audio, context: StageContext) -> Artifact:
        transcript = self._transcript(value, context)
        warnings = (*transcript.warnings, *_coverage(value, transcript), *value.warnings)
        transcript = replace(transcript, warnings=warnings)
        text = dump(transcript)
        check_not_too_large("the transcript", len(text), LARGEST_TRANSCRIPT_BYTES)
        self._store.save_transcript(context.recording_id, transcript)
        return context.folder.write(_FILE, text)

    def restore(self, context: StageContext) -> Artifact | None:
        """Write the file again from the rows; None if these hold no transcript."""
        transcript = self._store.transcript(context.recording_id)
        if transcript is None or not transcript.segments:  # retention has removed the text
            return None
        return context.folder.write(_FILE, dump(transcript))

    def _transcript(self, audio: Audio, context: StageContext) -> Transcript:
        try:
            return self._transcriber.transcribe(audio, context)
        except SkipRecord as skip:
            found = _levels(audio)
            if skip.code != "no_speech" or found is None:
                raise
            message = f"{skip.message.rstrip('.')}; {levels.loudness_in_words(found)}"
            raise SkipRecord(skip.code, message, hint=skip.hint) from skip

    def load(self, artifact: Artifact, context: StageContext) -> Transcript:
        return load(Transcript, context.folder.file(artifact.name))


def _levels(audio: Audio) -> "array[float] | None":
    return levels.read(audio.path.with_name(levels.FILE_NAME), audio.sha256)


def _coverage(audio: Audio, transcript: Transcript) -> tuple[str, ...]:
    """Return the warning that much of the speech has no text, if that is so."""
    found = _levels(audio)
    share = None if found is None else heard.low_coverage(found, transcript.segments)
    return () if share is None else (audio_warnings.low_coverage(share),)
