"""Fixed lists of choices; cheap to import, because the options of commands name them."""

from enum import StrEnum


class Phase(StrEnum):
    """Where in the coaching journey a session belongs; nothing else is ever stored."""

    # Language models read this docstring in the schema of a reply, so it is part of what was paid.

    RESUME = "简历优化"
    PROJECT = "项目深挖"
    INTERVIEW = "面试模拟"
    OFFER = "Offer后续"
    OTHER = "其他"


class ExportFormat(StrEnum):
    """The file formats of an export."""

    CSV = "csv"
    HTML = "html"
    JSON = "json"
    JSON_LINES = "jsonl"


class Beat(StrEnum):
    """What a dead-man's switch is told: the end of its address, as healthchecks.io reads it."""

    START = "start"
    END = ""
    FAIL = "fail"
    LOG = "log"
