"""Listening to recordings in processes of their own.

It takes a processor for seconds, while our other threads have requests to make, and a decoder that
is larger than the rest of the program.
"""

from dataclasses import dataclass

from meeting_pipeline.adapters.asr.sound import Sound
from meeting_pipeline.adapters.asr.worker import Worker
from meeting_pipeline.adapters.asr.worker_pool import WorkerPool
from meeting_pipeline.domain.model import Audio
from meeting_pipeline.ports import Progress, no_progress


@dataclass(frozen=True)
class Listening:
    """What the processes do (`worker.Work`)."""

    def begin(self) -> Worker:
        """Load the decoder."""
        from meeting_pipeline.adapters.asr.loudness import listen

        def work(audio: Audio, progress: Progress) -> Sound:
            return listen(audio)

        return work


class Ears:
    """Threads may share them. processes: how many recordings are listened to at once."""

    def __init__(self, processes: int) -> None:
        self._pool = WorkerPool(processes, Listening())

    def listen(self, audio: Audio) -> Sound:
        """Raises RecordError("corrupt_media") for what cannot be decoded, or is too short,
        RetryableError("asr_worker_died"), Stopped after `close`.
        """
        sound: Sound = self._pool.run(audio, no_progress)
        return sound

    def close(self) -> None:
        """End the processes, also one that is at work."""
        self._pool.close()
