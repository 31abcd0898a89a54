"""Our errors, grouped by what the caller does next.

    MeetingError
    ├── UsageError        what was typed names nothing; exit code 2
    ├── ConfigError       nothing starts; exit code 3
    ├── FatalError        stop starting work, keep what is done; exit code 5
    ├── RetryableError    wait as asked or back off, then a later run; exit code 4
    │   └── LinkExpired   a media link is no longer honoured: ask the source for a new one
    ├── RecordError       this record failed, the next one goes on; exit code 4
    │   └── FinalError    and every other attempt would end the same way: dead at once
    ├── SkipRecord        this record is not for us, with the reason; exit code 0
    ├── Stopped           somebody asked the run to end; the record goes on in the next one
    └── Busy              another run holds the lock; exit code 75

Foreign exceptions (requests, SQLAlchemy, PyAV, aria2p …) are turned into one of these at the
adapter that met them; everything else that arrives in the worker is a bug.
"""


class MeetingError(Exception):
    """What went wrong, in words for the operator.

    code: a stable snake_case word for ledger, reports and scripts ("no_audio").
    message: what and which; never a secret, a signed link or transcript text.
    hint: what to do next, or "".
    """

    def __init__(self, code: str, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


class UsageError(MeetingError):
    """What was typed names nothing that is there."""


class ConfigError(MeetingError):
    """A setting cannot be read or does not work; nothing starts."""


class FatalError(MeetingError):
    """No record can go on (signature refused, disk full, database gone, quota spent)."""


class RetryableError(MeetingError):
    """It may work later.

    retry_after_s: seconds the other side asked us to wait, or None to back off by our own rule.
    within_run: whether this run may try again; False once it has tried often enough.
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
    """A media link is refused or too old; a new one for the same file may work."""


class RecordError(MeetingError):
    """This record cannot be finished as it is (bad file, unusable reply)."""


class FinalError(RecordError):
    """Another attempt would end the same way; `meeting retry` reopens the record all the same."""


class SkipRecord(MeetingError):
    """This record is not to be processed (no audio, too short, teacher not on the list)."""


class Stopped(MeetingError):
    """The run was asked to end (Ctrl-C, SIGTERM, another record's fatal error)."""


class Busy(MeetingError):
    """Another run of this installation is at work."""
