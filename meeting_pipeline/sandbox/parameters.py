"""Strict query parameters: values that the contract does not allow are error 190004."""

from dataclasses import dataclass

from .tencent_errors import ApiError

MAX_SPAN_S = 2_678_400
EPOCH_DIGITS = 10


@dataclass(frozen=True)
class Query:
    """The query parameters of one request; unknown names are ignored."""

    values: dict[str, str]

    def text(self, name: str) -> str:
        """Return a mandatory value."""
        value = self.values.get(name, "")
        if not value:
            raise ApiError(190004, f"{name}_missing", name)
        return value

    def number(self, name: str, default: int, low: int, high: int) -> int:
        """Return an integer from low to high, or the default when it is absent."""
        text = self.values.get(name, str(default))
        if not text.isdigit() or not low <= int(text) <= high:
            raise ApiError(190004, name, f"{name}={text}")
        return int(text)

    def choice(self, name: str, default: str, allowed: str) -> str:
        """Return one of the allowed characters."""
        text = self.values.get(name, default)
        if len(text) != 1 or text not in allowed:
            raise ApiError(190004, name, f"{name}={text}")
        return text

    def operator(self, types: str = "123") -> str:
        """Return the operator of the mandatory pair."""
        operator = self.text("operator_id")
        self.text("operator_id_type")
        self.choice("operator_id_type", "", types)
        return operator

    def span(self) -> tuple[int, int]:
        """Return the mandatory window in seconds, at most 31 days."""
        start, end = (self._seconds(name) for name in ("start_time", "end_time"))
        if end < start:
            raise ApiError(190004, "window_reversed")
        if end - start > MAX_SPAN_S:
            raise ApiError(190004, "window_too_long", f"{end - start} s")
        return start, end

    def optional_span(self) -> tuple[int, int] | None:
        """Return the window, or None when neither end is given."""
        if not self.values.get("start_time") and not self.values.get("end_time"):
            return None
        return self.span()

    def _seconds(self, name: str) -> int:
        text = self.text(name)
        if not text.isdigit() or len(text) != EPOCH_DIGITS:
            raise ApiError(190004, "time_not_in_seconds", f"{name}={text}")
        return int(text)
