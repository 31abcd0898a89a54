"""Error codes of the meeting API: HTTP status, message, long form (Tencent docs 43704, 63648)."""

from .faults import Kind, Strike
from .wire import Json, Reply, json_reply

ERRORS: dict[int, tuple[int, str, int]] = {
    200001: (400, "请求头缺少必要参数", 200200001),
    190303: (400, "鉴权失败: 企业ID、应用ID 与密钥不匹配", 200190303),
    190300: (400, "时间戳超出有效范围", 200190300),
    200003: (400, "签名错误", 200200003),
    190301: (400, "请求重放", 200190301),
    190310: (400, "应用每分钟调用次数超限", 200190310),
    190311: (400, "应用每天调用次数超限", 200190311),
    190313: (400, "接口每分钟调用次数超限", 200190313),
    190004: (400, "参数错误", 200190004),
    9042: (403, "没有权限", 1009009042),
    500014: (400, "操作者账号没有权限", 200500014),
    500063: (400, "应用没有此接口权限", 200500063),
    500125: (400, "IP 不在白名单", 200500125),
    500182: (400, "未开启智能录制", 200500182),
    403: (500, "没有该资源的权限", 108000403),
    4044: (500, "录制未完成", 108004044),
    4049: (500, "录制不存在", 108004049),
    4051: (500, "录制文件已删除", 108004051),
    30002: (500, "转写内容为空", 108030002),
    9003: (500, "会议不存在", 1009009003),
    41: (500, "内部错误", 108000041),
}


class ApiError(Exception):
    """A refusal; `rule` is the rule of the contract that was broken, or ""."""

    def __init__(self, code: int, rule: str = "", detail: str = "") -> None:
        super().__init__(code, rule, detail)
        self.code, self.rule, self.detail = code, rule, detail


def error_reply(error: ApiError, strike: Strike) -> Reply:
    """Return `{"error_info": {…}}` in the shape that the faults demand."""
    status, message, long_code = ERRORS.get(error.code, (500, "未知错误", error.code))
    info: Json = {
        "error_code": long_code if Kind.LONG_CODES in strike else error.code,
        "message": f"{message}: {error.detail}" if error.detail else message,
    }
    if Kind.NO_NEW_ERROR_CODE not in strike:
        info["new_error_code"] = long_code
    return json_reply(200 if Kind.ERROR_UNDER_200 in strike else status, {"error_info": info})
