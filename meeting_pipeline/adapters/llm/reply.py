"""The reply that a language model is asked for, and its parser.

Imported when the first answer has arrived: pydantic takes a tenth of a second and some megabytes,
which commands without a summary need not spend.
"""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from meeting_pipeline.adapters.llm.reply_objects import final_objects
from meeting_pipeline.domain.enums import Phase

_MOST_PROBLEMS = 10
_MOST_ITEMS = 100


class BadReply(ValueError):
    """A reply without the requested JSON object.

    Attributes:
        problems: What is wrong, one line each, in words for the model.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def _text(value: object) -> object:
    """Convert the null and the numbers that models write into optional texts."""
    if value is None:
        return ""
    return str(value) if isinstance(value, int | float) else value


def _stripped(value: object) -> object:
    return value.strip() if isinstance(value, str) else value


def _some(most: int) -> Any:
    """Declare a list whose schema names `most` items, but whose parser accepts more."""
    return Field(max_length=_MOST_ITEMS, json_schema_extra={"maxItems": most})


Words = Annotated[str, Field(min_length=1, max_length=4_000)]
Perhaps = Annotated[str, BeforeValidator(_text), Field(max_length=200)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, str_strip_whitespace=True)


class Task(_Part):
    """一件约定要做的事。"""

    what: Words
    who: Perhaps = Field(description="谁来做；没有说就写空字符串")
    by_when: Perhaps = Field(description="什么时候之前，照原话；没有说就写空字符串")


class Remark(_Part):
    """对一名学员的一条观察。"""

    student: Words = Field(description="学员的名字")
    note: Words


class Quote(_Part):
    """支持阶段判断的一句原话。"""

    quote: Words = Field(description="从转写中逐字照抄的一句话，不带时间和说话人")
    time: Perhaps = Field(description="这句话所在行的时间，mm:ss")


class Reply(_Part):
    """一次辅导的纪要。"""

    title: Annotated[str, Field(min_length=1, max_length=200)]
    abstract: Words
    key_points: list[Words] = _some(12)
    decisions: list[Words] = _some(12)
    action_items: list[Task] = _some(20)
    student_notes: list[Remark] = _some(20)
    phase: Annotated[Phase, BeforeValidator(_stripped)]
    confidence: float = Field(ge=0, le=1, description="对阶段判断的把握，0 到 1")
    evidence: list[Quote] = _some(5)


def read_reply(content: str) -> Reply:
    """Parse the reply within the answer of a model, which may add fences, comments or thoughts.

    Models write drafts before the reply, so the last object that satisfies the schema is taken.
    What they wrote while they were thinking never is.

    Args:
        content: The answer.

    Raises:
        BadReply: There is no JSON object, or none matches the schema. Nothing is filled in.
    """
    problems = ["没有找到 JSON 对象"]
    for number, answer in enumerate(reversed(final_objects(content, Reply.model_fields.keys()))):
        try:
            return Reply.model_validate(answer)
        except ValidationError as error:
            if number == 0:  # the model is told about its last attempt
                problems = [_problem(*one) for one in _places(error)]
    raise BadReply(problems[:_MOST_PROBLEMS])


def _places(error: ValidationError) -> Iterator[tuple[str, str, str]]:
    for one in error.errors(include_url=False, include_input=False, include_context=False):
        yield ".".join(map(str, one["loc"])), one["type"], one["msg"]


def _problem(place: str, kind: str, message: str) -> str:
    if kind == "missing":
        return f"缺少字段 {place}"
    if kind == "enum":
        return f"{place} 只能是：{'、'.join(Phase)}"
    return f"{place}：{message}"
