"""What the codes of errors mean, and what to do, for people who read a notice at night."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Cause:
    """A code in words.

    Attributes:
        words: What has happened.
        action: What to do about it, or "" where there is nothing to do.
    """

    words: str
    action: str = ""


_KEY = "检查 .env 中的密钥 check the key in .env: meeting doctor"
_TOP_UP = "到服务商控制台充值 top up; 下次运行继续 the next run resumes"
_TENCENT = "检查 .env 中的腾讯凭证 check the Tencent credentials in .env: meeting doctor"
_DISK = "清理磁盘 free some space; 下次运行继续 the next run resumes"
_PLAY = "在来源处播放该文件 play the file at its source"

CAUSES = {
    "wrong_credentials": Cause("腾讯凭证有误 wrong Tencent credentials", _TENCENT),
    "bad_signature": Cause("腾讯拒绝签名 Tencent refuses the signature", _TENCENT),
    "header_missing": Cause("腾讯凭证不全 Tencent credentials are missing", _TENCENT),
    "not_permitted": Cause(
        "账号没有权限 the account lacks a right",
        "检查账号权限 check the rights of the account: meeting doctor",
    ),
    "operator_refused": Cause(
        "部分操作者没有权限 an operator lacks the right to see recordings",
        "检查 check TQM_OPERATOR_ID: meeting doctor",
    ),
    "bad_setting": Cause("设置有误 a setting cannot be read"),
    "env_file_open": Cause("其他用户可读 .env others can read the keys"),
    "already_running": Cause("另一次运行正在进行 another run is at work"),
    "no_folder": Cause(
        "无法读取录制目录 the folder of recordings cannot be read", "检查 check MEETING_FOLDER"
    ),
    "folder_empty": Cause(
        "录制目录变空了 the folder of recordings is empty now",
        "确认磁盘已挂载 see whether its disk is mounted",
    ),
    "folder_unreadable": Cause(
        "列表不完整，有文件或文件夹无法读取 files or folders cannot be read: the list has gaps",
        "检查 MEETING_FOLDER 的权限，日志中有名字 check its permissions (chmod -R u+rX, chown -R); "
        "the log names them; 之后 then: meeting cron",
    ),
    "schema_old": Cause("数据表版本过旧 the tables are of an older version", "meeting db upgrade"),
    "schema_new": Cause(
        "数据表版本更新 the tables are of a newer version",
        "升级程序 upgrade: git pull && ./deploy.sh",
    ),
    "clock_skew": Cause("本机时钟不准 this clock is wrong", "timedatectl set-ntp true"),
    "daily_limit": Cause(
        "达到当天调用上限 the daily limit of calls is reached",
        "无需处理，下一晚继续 nothing: the next night resumes",
    ),
    "key_refused": Cause("密钥被拒绝 the key is refused", _KEY),
    "bad_header": Cause("密钥含有不能发送的字符 the key has bad characters", _KEY),
    "unknown_model": Cause(
        "没有这个模型 there is no such model",
        "检查 ASR_MODEL、KIMI_MODEL: meeting doctor",
    ),
    "quota_spent": Cause("余额已用尽 the balance is spent", _TOP_UP),
    "disk_full": Cause("磁盘已满 the disk is full", _DISK),
    "disk_unusable": Cause(
        "磁盘不可写 the disk cannot be written",
        "检查 DATA_DIR 的挂载与所有者 check how DATA_DIR is mounted and who owns it",
    ),
    "database_gone": Cause(
        "数据库不可用 the database is away",
        "检查数据库是否运行 see whether it runs; 下次运行继续 the next run resumes",
    ),
    "lock_lost": Cause(
        "另一台主机接管了运行 another host took over",
        "无需处理 nothing",
    ),
    "tls": Cause(
        "证书不被接受 a certificate is not accepted",
        "检查日期、代理和 REQUESTS_CA_BUNDLE check date, proxy and REQUESTS_CA_BUNDLE",
    ),
    "network": Cause("网络不通 the network failed"),
    "service_down": Cause("服务长时间不可用 the service is down"),
    "service_failed": Cause("服务出错 the service failed"),
    "rate_limited": Cause("服务限流 too many requests"),
    "overloaded": Cause("服务过载 the service is overloaded"),
    "listing_incomplete": Cause("录制列表不完整 the listing is not complete"),
    "truncated_media": Cause("录音不完整 the recording is cut off", _PLAY),
    "corrupt_media": Cause("录音已损坏 the recording is damaged", _PLAY),
    "not_media": Cause("不是音视频文件 not a media file", _PLAY),
    "empty_file": Cause("空文件 an empty file", _PLAY),
    "wrong_size": Cause("文件大小不符 the file has another size than it should", _PLAY),
    "unsupported_codec": Cause("不支持的编码 a codec that is not read", "转换为 convert to m4a"),
    "unsupported_container": Cause(
        "不支持的格式 a format that is not read", "转换为 convert to m4a"
    ),
    "asr_empty": Cause("没有识别出文字 no text was recognised"),
    "filtered": Cause("模型拒绝回答 the model refuses", "改用 LLM_BACKEND=extractive"),
    "bad_reply": Cause("模型回复无效 the reply of the model is not valid"),
    "crashed": Cause(
        "处理时进程被终止 the process was killed", "检查内存 more memory or fewer JOBS"
    ),
    "interrupted": Cause(
        "被 Ctrl-C 中断 Ctrl-C", "无需处理，下次运行会继续 nothing: the next run resumes"
    ),
    "terminated": Cause("被终止 SIGTERM", "无需处理，下次运行会继续 nothing: the next run resumes"),
    "max_runtime": Cause(
        "超过 MAX_RUNTIME the time is over",
        "无需处理，下次运行会继续 nothing: the next run resumes",
    ),
}
"""Of the errors that end a night or fail recordings often; the others are named by their codes."""


def cause(code: str | None) -> Cause:
    """Return what a code means; the code itself is the words of a rare one."""
    return CAUSES.get(code or "", Cause(""))
