"""What is chosen from a fixed list; light, for commands name it in their options."""

from enum import StrEnum


class Phase(StrEnum):
    """Where in the coaching journey a session belongs; nothing else is ever stored."""

    RESUME = "简历优化"
    PROJECT = "项目深挖"
    INTERVIEW = "面试模拟"
    OFFER = "Offer后续"
    OTHER = "其他"


class ExportFormat(StrEnum):
    """How an export is written."""

    CSV = "csv"
    HTML = "html"
    JSON = "json"
    JSON_LINES = "jsonl"
