"""The names of the fields of a sidecar, and objects in which they are looked up.

Capitals, blanks and punctuation in names do not matter, nor do full-width letters: `Start-Time`,
`startTime` and `start_time` are one name. What is looked up is understood; the rest is reported
with the nearest known name.
"""

import difflib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from meeting_pipeline.adapters.sources.lenient_json import DuplicateNames
from meeting_pipeline.adapters.sources.written_times import written_moment

SUBJECT = (
    *("subject", "title", "topic", "meeting_subject", "meeting_name", "meeting_title"),
    *("meeting_topic", "lesson", "lesson_name", "course", "course_name", "name"),
    *(
        "主题",
        "标题",
        "题目",
        "会议主题",
        "会议名称",
        "会议标题",
        "名称",
        "课题",
        "课程",
        "课程名称",
    ),
    *("课程名", "课程主题", "课名"),
)
TEACHER = (
    *("teacher_id", "teacher", "teacher_name", "teachers", "teacher_email", "tutor", "coach"),
    *("mentor", "instructor", "lecturer"),
    *("老师", "教师", "讲师", "导师", "教练", "主讲", "主讲人", "主讲老师", "授课老师", "任课老师"),
    *("辅导老师", "指导老师", "老师姓名", "教师姓名", "授课教师", "上课老师"),
)
HOST = (
    *("host_id", "host_user_id", "host", "host_name", "hosts", "host_email", "organizer"),
    *("organiser", "organizer_email", "owner", "owner_id", "moderator"),
    *("主持人", "主持", "会议主持人", "组织者", "发起人", "创建者", "创建人"),
)
STUDENTS = (
    *("students", "student", "student_name", "student_names", "student_id", "student_ids"),
    *("student_list", "learners", "learner", "pupils", "pupil", "trainees", "trainee", "mentee"),
    *(
        "学生",
        "学员",
        "学生姓名",
        "学员姓名",
        "学生名单",
        "学员名单",
        "学生列表",
        "同学",
        "听课学生",
    ),
)
PARTICIPANTS = (
    *("participants", "attendees", "members", "participant", "attendee", "member", "people"),
    *("persons", "users", "participant_list", "attendee_list", "member_list", "user_list"),
    *("参会人", "参会者", "参会人员", "参会成员", "参会名单", "与会人", "与会者", "与会人员"),
    *("参与者", "参与人", "参与人员", "参加者", "参加人", "参加人员", "出席人员", "成员", "人员"),
)
START = (
    *("start_ts", "start_time", "start", "started_at", "record_start_time", "begin_time", "begin"),
    *("start_date_time", "start_at", "started", "starts_at", "recording_start"),
    *("recording_start_time", "meeting_start_time", "actual_start_time", "start_timestamp"),
    *("media_start_time", "class_time", "date_time", "timestamp"),
    *("开始时间", "开始", "起始时间", "开课时间", "上课时间", "会议开始时间", "录制开始时间"),
    *("会议时间", "录制时间", "开始于", "开会时间"),
)
DATE = ("date", "day", "start_date", "日期", "上课日期", "会议日期", "录制日期", "开始日期")
TIME = ("time", "时间")
END = (
    *("end_ts", "end_time", "end", "ended_at", "record_end_time", "finish_time", "finished_at"),
    *("finish", "ends_at", "end_at", "stop_time", "recording_end", "recording_end_time"),
    *("meeting_end_time", "actual_end_time", "end_timestamp", "end_date_time"),
    *("结束时间", "结束", "终止时间", "下课时间", "会议结束时间", "录制结束时间", "结束于"),
)
DURATION = (
    *("duration", "duration_s", "duration_seconds", "duration_minutes", "duration_ms", "length"),
    *("时长", "会议时长", "录制时长", "持续时间", "课程时长", "参会时长", "在线时长"),
)
ZONE = ("timezone", "time_zone", "tz", "时区")
MEETING_ID = ("meeting_id", "会议id")
MEETING_CODE = ("meeting_code", "meeting_number", "meeting_no", "会议号", "会议码", "会议号码")
MEETING_RECORD_ID = ("meeting_record_id", "录制id")

ID = (
    *("user_id", "id", "person_id", "person", "student_id", "teacher_id", "uid", "member_id"),
    *("participant_id", "participant_user_id", "student_no", "open_id", "ms_open_id"),
    *("学号", "编号", "用户id", "工号", "账号", "学生id", "学员id"),
)
NAME = (
    *(
        "name",
        "user_name",
        "display_name",
        "nickname",
        "full_name",
        "real_name",
        "student_name",
        "student",
    ),
    *("teacher_name", "participant_name", "member_name", "nick"),
    *("姓名", "名字", "昵称", "用户名", "用户昵称", "显示名", "显示名称", "学生姓名", "学员姓名"),
    *("老师姓名", "参会人", "成员", "称呼", "学生", "学员", "用户名称", "参会昵称"),
)
EMAIL = ("user_email", "email", "mail", "e_mail", "邮箱", "电子邮箱")
JOINED = (
    *("join_time", "joined_at", "joined", "join", "join_ts", "joined_ts", "join_at", "joined_time"),
    *("enter_time", "entered_at", "entered", "enter", "first_join_time", "start", "start_time"),
    *("加入时间", "加入", "入会时间", "入会", "进入时间", "进入", "首次入会时间", "最早入会时间"),
    *("开始时间", "参会时间", "上线时间", "签到时间"),
)
LEFT = (
    *("left_time", "leave_time", "left_at", "left", "leave", "left_ts", "leave_ts", "leave_at"),
    *("exit_time", "exited_at", "exit", "quit_time", "last_leave_time", "end", "end_time"),
    *("离开时间", "离开", "离会时间", "离会", "退出时间", "退出", "最后离会时间", "最晚离会时间"),
    *("结束时间", "退会时间", "下线时间"),
)
INTERVALS = ("intervals", "stays", "sessions", "periods", "时段", "参会时段")
ROLE = ("role", "user_role", "角色", "身份", "职务", "参会角色")
IS_TEACHER = (
    *("is_host", "is_teacher", "host", "teacher", "is_owner", "is_organizer"),
    *("是否主持人", "是否老师", "主持人", "是老师"),
)

INSIDE = ("meeting", "meeting_info", "recording", "data", "会议", "会议信息")
"""Objects whose fields are those of the sidecar itself."""

OTHER = (
    *("uuid", "id", "account_id", "type", "status", "state", "created_at", "create_time"),
    *("updated_at", "total_size", "size", "file_size", "recording_count", "share_url", "play_url"),
    *("download_url", "agenda", "description", "comment", "comments", "note", "notes", "remark"),
    *("version", "schema", "tags", "page_size", "page_count", "page_number", "next_page_token"),
    *("total_records", "total_count", "has_remaining", "next_pos", "participants_count"),
    *("total_minutes", "source", "location", "language", "备注", "说明", "描述", "地点", "人数"),
    *("phone", "avatar", "ip", "instance_id", "device", "app_version", "net", "registrant_id"),
    *("customer_key", "failover", "internal_user", "gender", "grade", "class", "audio_state"),
    *("video_state", "screen_shared_state", "webinar_member_role", "is_enterprise_user"),
    *("department", "company", "attentiveness_score", "sip_uri", "user_agent", "server"),
    *("电话", "手机", "手机号", "设备", "性别", "年级", "班级", "部门", "公司", "序号"),
)
"""What other programs write, too, and is not needed."""

_MEETING = (
    *(SUBJECT, TEACHER, HOST, STUDENTS, PARTICIPANTS, START, DATE, TIME, END, DURATION, ZONE),
    *(MEETING_ID, MEETING_CODE, MEETING_RECORD_ID, INSIDE, OTHER),
)
_PERSON = (ID, NAME, EMAIL, JOINED, LEFT, INTERVALS, ROLE, IS_TEACHER, DURATION, OTHER)

_NEAR = 0.45
_OFFSET_BELOW = 10_000_000
_NUMBER = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
_SURROGATE = re.compile("[\ud800-\udfff]")  # JSON can escape it, no database can store it
_SHOWN = 40  # characters of a value in a message


def plain_key(name: str) -> str:
    """Return a name without what does not matter in it."""
    return re.sub(r"[\W_]", "", unicodedata.normalize("NFKC", name)).casefold()


def shown(value: object) -> str:
    """Return a value for a message: short, and without lone surrogates."""
    text = str(value) if isinstance(value, str | int | float) else type(value).__name__
    text = _SURROGATE.sub("?", text)
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")


@dataclass(frozen=True)
class Fields:
    """One JSON object with lenient field names.

    Attributes:
        content: The object.
        where: The path of the object inside the sidecar, "" or "participants[2].".
        zone: The time zone of times without an offset.
        problems: Receives what is wrong.
        spelled: The names as written, by `plain_key`.
    """

    content: Mapping[str, object]
    where: str
    zone: ZoneInfo
    problems: list[str]
    spelled: dict[str, str] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.spelled.update({plain_key(key): key for key in reversed([*self.content])})
        for name in self.content.names if isinstance(self.content, DuplicateNames) else ():
            self.refuse(name, "is written more than once: the last value is used")

    def inside(self, key: str, content: Mapping[str, object]) -> "Fields":
        """Return an object that was found under `key` of this one."""
        return Fields(content, f"{self.where}{key}.", self.zone, self.problems)

    def refuse(self, key: str, why: str) -> None:
        """Report that the value of `key` is left out."""
        self.problems.append(f"{self.where}{key} {why}")

    def all(self, names: Iterable[str]) -> list[tuple[str, object]]:
        """Return each of these names that has a value, as written, with the value."""
        keys = dict.fromkeys(
            self.spelled[plain] for plain in map(plain_key, names) if plain in self.spelled
        )
        return [(key, self.content[key]) for key in keys if self.content[key] not in (None, "")]

    def first(self, names: tuple[str, ...]) -> tuple[str, object]:
        """Return the key as written and the value of the first of these names that has a value."""
        return next(iter(self.all(names)), (names[0], None))

    def text(self, names: tuple[str, ...]) -> str | None:
        """Return text, or a number as text, or None if there is none."""
        key, value = self.first(names)
        if isinstance(value, str) and not _SURROGATE.search(value):
            return value.strip() or None
        if value is not None:
            self.refuse(key, "is not text")
        return None

    def word(self, names: tuple[str, ...], longest: int) -> str | None:
        """Return text that must not be shortened, or None if it is too long."""
        text = self.text(names)
        if text is None or len(text) <= longest:
            return text
        self.refuse(self.first(names)[0], f"is longer than {longest} characters")
        return None

    def time(self, names: tuple[str, ...], start: datetime | None) -> datetime | None:
        """Return a time as aware UTC, or None; without `start`, only an absolute time."""
        key, value = self.first(names)
        if value is None:
            return None
        text = value.strip() if isinstance(value, str) else ""
        try:
            if start and _NUMBER.fullmatch(text) and abs(float(text)) < _OFFSET_BELOW:
                return start + timedelta(seconds=float(text))
            return written_moment(text, self.zone, start)
        except (ValueError, OverflowError) as error:
            self.refuse_time(key, value, error)
            return None

    def refuse_time(self, key: str, value: object, error: Exception) -> None:
        """Report a value that is not a time."""
        why = str(error) if str(error).startswith(("is ", "has ")) else "is not a time"
        self.refuse(key, f"{why}: {shown(value)}")

    def report_unknown(self) -> None:
        """Report the names that no field of this object has, each with the nearest known name."""
        known = _known(is_person=bool(self.where))
        for key in self.content:
            plain = plain_key(key)
            if plain in known or not plain or key.startswith(("_", "$", "#", "//")):
                continue
            near = difflib.get_close_matches(plain, known, n=1, cutoff=_NEAR)
            hint = f"; did you mean {known[near[0]]}?" if near else ""
            name = key if len(key) <= _SHOWN else f"{key[:_SHOWN]}…"
            self.refuse(_SURROGATE.sub("?", name), f"is not a known field{hint}")


@cache
def _known(*, is_person: bool) -> Mapping[str, str]:
    """Return the known names of the fields of a person or a sidecar, by `plain_key`."""
    tables = _PERSON if is_person else _MEETING
    return {plain_key(name): name for names in tables for name in names}
