"""The program, with a watch on the processor time that its stages take in our own process.

    BENCH_STAGES=FILE python -m bench.nights.watched ARGUMENT...

Takes the arguments of `meeting`. FILE gets the seconds of CPU that threads spent inside the stages'
`run`, of all records together: the rest of the process's CPU is what it costs to start and to take
records through the stages.
"""

import atexit
import os
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from threading import Lock
from typing import Any

from meeting_pipeline.__main__ import main
from meeting_pipeline.stages.download import Download
from meeting_pipeline.stages.extract import Extract
from meeting_pipeline.stages.store import Store
from meeting_pipeline.stages.summarize import Summarize
from meeting_pipeline.stages.transcribe import Transcribe


class Watch:
    """Adds up over all threads. seconds: of CPU."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._lock = Lock()

    def on(self, run: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, watched."""

        @wraps(run)
        def watched(*given: Any) -> Any:
            began = time.thread_time()
            try:
                return run(*given)
            finally:
                with self._lock:
                    self.seconds += time.thread_time() - began

        return watched


if __name__ == "__main__":
    watch, told = Watch(), Path(os.environ["BENCH_STAGES"])
    for kind in (Download, Extract, Transcribe, Summarize, Store):
        setattr(kind, "run", watch.on(kind.run))  # noqa: B010 - a type checker sees no method here
    atexit.register(lambda: told.write_text(f"{watch.seconds:.3f}"))
    main()
