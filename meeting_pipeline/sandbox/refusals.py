"""Error answers of the OpenAI-compatible server."""

from .faults import Kind, Strike


class Refused(Exception):
    """An error answer; `rule` is the rule of the contract that was broken, or ""."""

    def __init__(self, status: int, kind: str, message: str, rule: str = "") -> None:
        super().__init__(status, kind, message)
        self.status, self.kind, self.message, self.rule = status, kind, message, rule


def slow_down(what: str, wait_s: float) -> Refused:
    """Return the refusal of a rate limit, in Moonshot's words."""
    message = f"Your account reached {what}, please try again after {max(1, round(wait_s))} seconds"
    return Refused(429, "rate_limit_reached_error", message)


STRUCK = {
    Kind.FORBIDDEN: (403, "permission_denied_error", "insufficient balance or no permission"),
    Kind.QUOTA: (
        429,
        "exceeded_current_quota_error",
        "Your account is suspended, please check your plan and billing details",
    ),
    Kind.OVERLOADED: (
        429,
        "engine_overloaded_error",
        "The engine is currently overloaded, please try again later",
    ),
}


def refuse_as_struck(strike: Strike) -> None:
    """Raise the refusal of a fault that both paid endpoints share, if one is active."""
    for kind in STRUCK.keys() & strike:
        raise Refused(*STRUCK[kind])
    if fault := strike.get(Kind.RATE_LIMIT):
        raise slow_down("max RPM", fault.amount)
