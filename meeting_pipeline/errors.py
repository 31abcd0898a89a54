"""The errors of this package, grouped by what the caller does next.

    MeetingError
    ├── UsageError        the command line names something that does not exist; exit code 2
    ├── ConfigError       nothing starts; exit code 3
    ├── FatalError        start no more work and keep what is done; exit code 5
    ├── RetryableError    wait and try again, then leave it to a later run; exit code 4
    │   └── LinkExpired   the media link is not accepted any more: ask the source for a new one
    ├── RecordError       this record failed, continue with the next one; exit code 4
    │   └── FinalError    every other attempt would fail, too: the record is dead at once
    ├── SkipRecord        do not process this record, for the given reason; exit code 0
    ├── Stopped           the run was asked to end; the next one continues with the record
    └── Busy              another run holds the lock; exit code 75

An adapter turns the exceptions of its library (requests, SQLAlchemy, PyAV, aria2p …) into one of
these. Any other exception that reaches the worker is a bug.
"""


class MeetingError(Exception):
    """The base class of all errors of this package.

    Attributes:
        code: A stable snake_case word for the ledger, reports and scripts ("no_audio").
        message: What went wrong, for the operator. It never holds a secret, a signed link or
            transcript text.
        hint: What to do next, or "".
    """

    def __init__(self, code: str, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


class UsageError(MeetingError):
    """The command line names something that does not exist, such as an unknown recording."""


class ConfigError(MeetingError):
    """A setting is missing, cannot be read or does not work; nothing starts."""


class FatalError(MeetingError):
    """No record can be processed (signature refused, disk full, database away, quota spent)."""


class RetryableError(MeetingError):
    """The same operation may succeed later.

    Attributes:
        retry_after_s: Seconds that the service asked us to wait, or None to back off by our own
            rule.
        within_run: Whether this run may try again; False once it has tried often enough.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        hint: str = "",
        retry_after_s: float | None = None,
        within_run: bool = True,
    ) -> None:
        super().__init__(code, message, hint=hint)
        self.retry_after_s = retry_after_s
        self.within_run = within_run


class LinkExpired(RetryableError):
    """A media link has expired or was refused; a new link to the same file may work."""


class RecordError(MeetingError):
    """This record cannot be processed as it is (damaged file, unusable answer)."""


class FinalError(RecordError):
    """Another attempt would fail, too; `meeting retry` starts the record again all the same."""


class SkipRecord(MeetingError):
    """This record is not processed (no audio, too short, teacher not on the list)."""


class Stopped(MeetingError):
    """The run was asked to end (Ctrl-C, SIGTERM, another record's fatal error)."""


class Busy(MeetingError):
    """Another run of this installation holds the lock."""
