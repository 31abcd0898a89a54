"""The envelope of an answer: choices, finish reasons, tokens."""

from .faults import Kind, Strike
from .wire import Json


def completion(body: Json, content: str, prompt_tokens: int, strike: Strike) -> Json:
    """Return the complete answer; content longer than `max_completion_tokens` is cut."""
    used, limit = tokens_of(content), int(body["max_completion_tokens"])
    finish = "stop"
    if Kind.FINISH_LENGTH in strike or (used > limit and Kind.HUGE_ANSWER not in strike):
        content, used, finish = content[: min(len(content) // 2, limit)], min(used, limit), "length"
    if Kind.FINISH_FILTER in strike:
        content, finish = "", "content_filter"
    message = {"role": "assistant", "content": content}
    if thinks(body):
        message["reasoning_content"] = "先看一遍转写，再归纳。"
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return {
        "id": "chatcmpl-sandbox",
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "choices": [] if Kind.EMPTY_CHOICES in strike else [choice],
        "usage": {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": used,
            "total_tokens": prompt_tokens + used,
        },
    }


def thinks(body: Json) -> bool:
    """Return whether the model reasons first, which is the default."""
    kind = body.get("thinking", {}).get("type", "enabled")
    return bool(body["model"].startswith("kimi") and kind == "enabled")


def tokens_of(text: str) -> int:
    """Estimate the tokens of a text: one for 1.8 Chinese characters or four others."""
    wide = sum(character > "\u2e80" for character in text)
    return int(wide / 1.8 + (len(text) - wide) / 4) + 1
