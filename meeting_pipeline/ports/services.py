"""What turns sound into text, and text into a summary."""

from typing import Protocol

from meeting_pipeline.domain.model import Audio, Summary, Transcript
from meeting_pipeline.ports.job import Job
from meeting_pipeline.ports.media import AudioWanted


class Transcriber(Protocol):
    """Turns speech into text."""

    @property
    def settings(self) -> str:
        """What of the settings changes its result, as one line ("whisper base zh beam=5")."""

    @property
    def audio(self) -> AudioWanted:
        """How it wants its audio."""

    def transcribe(self, audio: Audio, job: Job) -> Transcript:
        """Raises SkipRecord("no_speech") when nobody speaks, else whatever the service says."""


class Summarizer(Protocol):
    """Says what a session was about."""

    @property
    def settings(self) -> str:
        """What of the settings changes its result (model, prompt and version)."""

    def summarize(self, transcript: Transcript, job: Job) -> Summary:
        """Raises RecordError when no valid summary can be had; never invents one."""
