"""Fixed lists of choices; cheap to import, because the options of commands name them."""

from enum import StrEnum


class Phase(StrEnum):
    """The coaching phase of a session; no other value is stored."""

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
