"""The interfaces to speech recognition and summaries."""

from typing import Protocol

from meeting_pipeline.domain.enums import Beat
from meeting_pipeline.domain.model import Audio, Summary, Transcript
from meeting_pipeline.ports.media import AudioWanted
from meeting_pipeline.ports.stage_context import StageContext


class Transcriber(Protocol):
    """A back end that turns speech into text."""

    @property
    def settings(self) -> str:
        """Return the settings that change its result as one line ("whisper base zh beam=5")."""

    @property
    def audio(self) -> AudioWanted:
        """Return the audio format that it needs."""

    def transcribe(self, audio: Audio, context: StageContext) -> Transcript:
        """Transcribe the audio of one recording.

        Args:
            audio: The audio, in a format that `audio` allows.
            context: The recording that it belongs to.

        Raises:
            SkipRecord: The audio holds no speech ("no_speech").
            MeetingError: The service failed; the class says what to do next.
        """


class Summarizer(Protocol):
    """A back end that summarizes a transcript."""

    @property
    def settings(self) -> str:
        """Return the settings that change its result as one line (model, prompt and version)."""

    def summarize(self, transcript: Transcript, context: StageContext) -> Summary:
        """Summarize one session.

        Args:
            transcript: What was said.
            context: The recording that it belongs to.

        Raises:
            RecordError: There is no valid summary; none is invented.
        """


class Switch(Protocol):
    """A dead-man's switch: it raises the alarm when it hears of no night in time."""

    def tell(self, beat: Beat, text: str = "") -> None:
        """Tell it what has happened.

        Args:
            beat: What has happened.
            text: Lines for its page, without names and secrets.

        Raises:
            MeetingError: It did not accept that, or `close` was called.
        """

    def close(self) -> None:
        """Break off what is being told."""
