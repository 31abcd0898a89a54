"""Answers of /chat/completions: rules over the transcript, in the requested schema."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .faults import Kind, Strike
from .schema import resolve
from .wire import Json

PHASES = {
    "简历优化": ("简历", "排版", "自我评价", "投递", "resume"),
    "项目深挖": ("架构", "数据库", "缓存", "技术难点", "消息队列", "并发"),
    "面试模拟": ("模拟面试", "面试官", "自我介绍", "优点", "缺点", "interview"),
    "Offer后续": ("录用", "offer", "薪资", "入职", "谈薪", "违约金"),
    "其他": (),
}
TIME = r"^\W{0,3}(?P<time>(?:\d{1,3}:)?\d{1,3}:\d{2})(?:\.\d+)?\W{0,3}\s*"
WHO = r"(?P<who>[^:：]{1,30}?)\s*(?::\s|：)\s*"
TIMED = re.compile(rf"{TIME}(?:{WHO})?(?P<text>\S.*)$")
DIALOGUE = re.compile(rf"^(?P<time>){WHO}(?P<text>\S.*)$")
QUOTED = re.compile(r'"quote":\s*"(?P<time>)(?P<who>)(?P<text>[^"\\]+)"')
ANY = re.compile(r"^(?P<time>)(?P<who>)(?P<text>\S.*)$")
TASK_WORDS = ("之前", "发给", "整理", "回去", "作业", "下周", "before", "send")
INVENTED = "这句话从来没有人说过，沙盒编造的引文。"
DEFAULT_SCHEMA: Json = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "abstract": {"type": "string"},
        "key_points": {"type": "array", "items": {"type": "string"}},
        "decisions": {"type": "array", "items": {"type": "string"}},
        "action_items": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {name: {"type": "string"} for name in ("what", "who", "due")},
            },
        },
        "student_notes": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {name: {"type": "string"} for name in ("student", "note")},
            },
        },
        "phase": {"type": "string", "enum": list(PHASES)},
        "confidence": {"type": "number"},
        "evidence": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"quote": {"type": "string"}, "start_s": {"type": "number"}},
            },
        },
    },
}


@dataclass(frozen=True)
class TranscriptLine:
    """One line of a transcript; `start_s` is in seconds, `who` may be empty."""

    start_s: float
    who: str
    text: str


def transcript(messages: list[Json]) -> list[TranscriptLine]:
    """Return the transcript in the user's messages: timed lines, quotes, dialogue, or all lines."""
    text = "\n".join(text_of(message) for message in messages if message.get("role") == "user")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    forms = (map(TIMED.match, lines), QUOTED.finditer(text), map(DIALOGUE.match, lines))
    for matches in (*forms, map(ANY.match, lines)):
        if found := [_line(match) for match in matches if match]:
            return found
    return [TranscriptLine(0.0, "", "（没有内容）")]


def text_of(message: Json) -> str:
    """Return the text of one message, also of one with several parts."""
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))


def schema_in(body: Json) -> Json:
    """Return the schema for the answer, from response_format, the prompt, or the default."""
    wanted = body.get("response_format") or {}
    if wanted.get("type") == "json_schema":
        schema: Json = wanted["json_schema"]["schema"]
        return schema
    texts = [text_of(message) for message in body["messages"]]
    found = [value for text in texts if '"properties"' in text for value in _schemas(text)]
    return found[0] if found else DEFAULT_SCHEMA


def _schemas(text: str) -> Iterator[Json]:
    for brace in re.finditer(r"\{", text):
        try:
            value, _ = json.JSONDecoder().raw_decode(text, brace.start())
        except ValueError:
            continue
        if "properties" in value:
            yield value
            return


def answer(body: Json, strike: Strike) -> str:
    """Return the content of the reply."""
    if (body.get("response_format") or {}).get("type") in (None, "text") and not _wants_json(body):
        return f"共 {len(transcript(body['messages']))} 行内容。"
    writer = Writer(schema_in(body), transcript(body["messages"]), strike)
    return _wrapped(writer.whole(), strike)


def _wants_json(body: Json) -> bool:
    return any("json" in text_of(message).lower() for message in body["messages"])


class Writer:
    """Fills a schema from the lines of a transcript."""

    def __init__(self, schema: Json, lines: list[TranscriptLine], strike: Strike) -> None:
        self._schema, self._lines, self._strike = schema, lines, strike
        self._phase, self._evidence = _phase(lines)
        self._tasks = [one for one in lines if any(word in one.text for word in TASK_WORDS)]

    def whole(self) -> Json:
        """Return the complete answer."""
        value: Json = self._value("", self._schema, self._evidence[0])
        return value

    def _value(self, name: str, node: Json, line: TranscriptLine) -> Any:
        node = resolve(node, self._schema) or {}
        if "anyOf" in node:
            return self._value(name, node["anyOf"][0], line)
        if "enum" in node:
            return self._choice(node["enum"])
        kind = node.get("type", "string")
        makers: dict[str, Callable[[], Any]] = {
            "object": lambda: self._object(node, line),
            "array": lambda: self._array(name, node, line),
            "number": lambda: _number(name, line, node),
            "integer": lambda: int(_number(name, line, node)),
            "boolean": lambda: True,
            "null": lambda: None,
        }
        return makers.get(kind, lambda: self._text(name, line, node))()

    def _choice(self, allowed: list[Any]) -> Any:
        if Kind.WRONG_ENUM in self._strike:
            return "不在列表中的阶段"
        return self._phase if self._phase in allowed else allowed[-1]

    def _object(self, node: Json, line: TranscriptLine) -> Json:
        names = list(node.get("properties", {}))
        if Kind.MISSING_KEY in self._strike and node is self._schema:
            names.pop()
        return {name: self._value(name, node["properties"][name], line) for name in names}

    def _array(self, name: str, node: Json, line: TranscriptLine) -> list[Any]:
        sources = {"evidence": self._evidence, "quotes": self._evidence}
        if any(word in name for word in ("action", "task", "todo", "next")):
            sources[name] = self._tasks
        lines = sources.get(name, self._lines[:3])[: node.get("maxItems", 3)]
        return [self._value(name, node.get("items", {}), one) for one in lines or [line]]

    def _text(self, name: str, line: TranscriptLine, node: Json) -> str:
        return self._words(name, line)[: node.get("maxLength", 100_000)]

    def _words(self, name: str, line: TranscriptLine) -> str:
        first = "".join(one.text for one in self._lines[:3])
        minutes, seconds = divmod(int(line.start_s), 60)
        quote = INVENTED if Kind.INVENTED_QUOTE in self._strike else line.text
        words = {
            ("quote", "quotes", "evidence"): quote,
            ("title",): f"{self._phase}：{line.text[:16]}",
            ("abstract", "summary"): f"本次辅导属于{self._phase}。{first}",
            ("who", "student", "owner", "speaker", "name"): line.who or "学生",
            ("due", "by", "deadline", "when"): "下周三之前" if "下周三" in line.text else "",
            ("time", "start", "at"): f"{minutes:02d}:{seconds:02d}",
        }
        return next((text for names, text in words.items() if name in names), line.text)


def _number(name: str, line: TranscriptLine, node: Json) -> float:
    if "confidence" in name or "score" in name:
        return min(0.9, float(node.get("maximum", 1)))
    return line.start_s


def _phase(lines: list[TranscriptLine]) -> tuple[str, list[TranscriptLine]]:
    """Return the phase with the most frequent words, and the first lines that contain them."""
    said = "\n".join(line.text for line in lines).lower()
    scores = {phase: sum(said.count(word) for word in words) for phase, words in PHASES.items()}
    phase = max(scores, key=lambda one: scores[one])
    if not scores[phase]:
        return "其他", lines[:1]
    proof = [one for one in lines if any(word in one.text.lower() for word in PHASES[phase])]
    return phase, proof[:3] or lines[:1]


def _line(found: re.Match[str]) -> TranscriptLine:
    seconds = 0
    for part in filter(None, found["time"].split(":")):
        seconds = seconds * 60 + int(part)
    return TranscriptLine(float(seconds), found["who"] or "", found["text"])


def _wrapped(value: Json, strike: Strike) -> str:
    text = json.dumps(value, ensure_ascii=False)
    first = next(iter(value), "title")
    changes: dict[Kind, Callable[[], str]] = {
        Kind.FENCED: lambda: f"好的，结果如下：\n```json\n{text}\n```",
        Kind.TRAILING_TEXT: lambda: f"{text}\n\n希望对你有帮助！{{}}",
        Kind.NOT_JSON: lambda: "抱歉，我无法用 JSON 回答这个问题。",
        Kind.DUPLICATE_KEY: lambda: text[:-1] + f', "{first}": "第二个"}}',
        Kind.NAN: lambda: json.dumps(value | {"confidence": float("nan")}, ensure_ascii=False),
        Kind.HUGE_ANSWER: lambda: json.dumps(value | {first: "长" * 3_500_000}, ensure_ascii=False),
        Kind.EMPTY_CONTENT: lambda: "",
    }
    return next((make() for kind, make in changes.items() if kind in strike), text)
