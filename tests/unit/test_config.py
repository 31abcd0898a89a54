"""Settings: read once, checked, explained, never shown."""

import re
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meeting_pipeline.domain.display import mask_credentials
from meeting_pipeline.errors import ConfigError
from meeting_pipeline.settings.config import REDACTED, load, secret_values, setting_names, shown

NO_FILE = Path("no-such.env")


def test_without_anything_the_defaults_make_a_working_offline_installation() -> None:
    settings = load(NO_FILE, {})

    assert settings.source_name == "folder"
    assert settings.database_url.startswith("sqlite:///")
    assert settings.source.zone == ZoneInfo("Asia/Shanghai")
    assert settings.tencent.lookback_days == 7
    assert settings.run.jobs is None


def test_tencent_credentials_choose_the_tencent_source() -> None:
    settings = load(NO_FILE, {"TQM_SECRET_ID": "AKID", "TQM_SECRET_KEY": "key"})

    assert settings.source_name == "tencent"


def test_the_environment_wins_over_the_file_and_the_file_over_the_default(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("MAX_ATTEMPTS=7\nJOBS=3\n# 注释\nMEETING_TZ=Asia/Tokyo\n", "utf-8")
    env_file.chmod(0o600)

    settings = load(env_file, {"JOBS": "2"})

    assert (settings.run.max_attempts, settings.run.jobs) == (7, 2)
    assert settings.origins["JOBS"] == "environment"
    assert settings.origins["MAX_ATTEMPTS"] == ".env"
    assert settings.origins["MIN_DURATION_S"] == "default"


def test_a_dollar_in_a_password_is_kept_as_it_is(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("DB_PASS='pa$$HOME#ss'\n", "utf-8")
    env_file.chmod(0o600)

    assert load(env_file, {}).database.password == "pa$$HOME#ss"


def test_an_empty_value_means_the_default() -> None:
    settings = load(NO_FILE, {"MAX_ATTEMPTS": " ", "DB_HOST": ""})

    assert settings.run.max_attempts == 5
    assert settings.origins["MAX_ATTEMPTS"] == "default"


@pytest.mark.parametrize(
    ("name", "value", "accepted"),
    [
        ("JOBS", "many", "auto, or a whole number from 1"),
        ("JOBS", "0", "auto, or a whole number from 1"),
        ("DB_PORT", "3306x", "a whole number from 1"),
        ("MEETING_TZ", "Mars/Olympus", "a time zone such as Asia/Shanghai"),
        ("MEETING_SOURCE", "zoom", "one of (empty), tencent, folder"),
        ("TEACHER_WHITELIST", "[1, 2]", "a JSON list"),
        ("TEACHER_WHITELIST", '["li"', "a JSON list"),
        ("ALLOW_PRIVATE_HOSTS", "maybe", "1 or 0"),
        ("KIMI_BASE_URL", "http://[bad", "an address such as https://"),
        ("KIMI_BASE_URL", "kimi.moonshot.cn/api", "an address such as https://"),
        ("TQM_BASE_URL", "ftp://api.meeting.qq.com", "an address such as https://"),
        ("ASR_BASE_URL", "api.example.com/v1", "an address such as https://"),
        ("LOG_LEVEL", "loud", "one of debug, info"),
    ],
)
def test_a_value_that_cannot_be_read_names_the_variable_and_what_is_accepted(
    name: str, value: str, accepted: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        load(NO_FILE, {name: value})

    assert name in refused.value.message
    assert accepted in refused.value.message


@pytest.mark.parametrize(
    "old",
    ["https://kimi.moonshot.cn/api", "https://kimi.moonshot.cn/api/", "https://www.kimi.com/"],
)
def test_the_address_of_older_scripts_is_told_the_one_of_now(old: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load(NO_FILE, {"KIMI_BASE_URL": old})

    assert refused.value.code == "bad_setting"
    assert old in refused.value.message
    assert "KIMI_BASE_URL=https://api.moonshot.cn/v1" in refused.value.hint


@pytest.mark.parametrize(
    ("written", "right"),
    [
        ("https://api.moonshot.cn", "https://api.moonshot.cn/v1"),
        ("https://api.moonshot.cn/", "https://api.moonshot.cn/v1"),
        ("https://api.moonshot.ai", "https://api.moonshot.ai/v1"),
        ("https://api.moonshot.cn/v1/chat/completions", "https://api.moonshot.cn/v1"),
    ],
)
def test_the_address_of_kimi_without_its_version_is_told_the_right_one(
    written: str, right: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        load(NO_FILE, {"KIMI_BASE_URL": written})

    assert "末尾应为 /v1 should end with /v1" in refused.value.message
    assert refused.value.hint == f"改为 write KIMI_BASE_URL={right}"


@pytest.mark.parametrize(
    "right", ["https://api.moonshot.cn/v1", "https://api.moonshot.cn/v1/", "http://10.0.0.5:8000"]
)
def test_a_right_address_of_a_language_model_stays_as_it_is(right: str) -> None:
    assert load(NO_FILE, {"KIMI_BASE_URL": right}).language_model.base_url == right


def test_a_whitelist_is_a_json_list_or_plain_names() -> None:
    for written in ('["李老师", "wang"]', "李老师, wang"):
        settings = load(NO_FILE, {"TEACHER_WHITELIST": written})
        assert settings.source.teacher_whitelist == ("李老师", "wang")


def test_secrets_are_listed_for_redaction_and_never_shown() -> None:
    settings = load(NO_FILE, {"TQM_SECRET_KEY": "sehr-geheim", "NOTIFY_URLS": '["json://k3y"]'})

    text = "\n".join(f"{line.name}={line.value}" for line in shown(settings))

    assert f"TQM_SECRET_KEY={REDACTED}" in text
    assert "geheim" not in text
    assert "k3y" not in text
    assert {"sehr-geheim", "json://k3y"} <= set(secret_values(settings))
    assert "geheim" not in repr(settings)


def test_the_example_file_has_exactly_the_settings_that_are_read() -> None:
    example = Path(__file__).parents[2] / ".env.example"
    written = re.findall(r"^(?:# )?([A-Z][A-Z0-9_]*)=", example.read_text("utf-8"), re.MULTILINE)

    assert sorted(written) == sorted(setting_names())


def test_the_example_file_as_it_is_gives_the_defaults() -> None:
    example = Path(__file__).parents[2] / ".env.example"

    assert load(example, {}, even_if_open=True).database_url == load(NO_FILE, {}).database_url
    assert load(example, {}, even_if_open=True).speech == load(NO_FILE, {}).speech


def test_a_mysql_address_survives_any_password() -> None:
    from sqlalchemy import make_url

    environment = {"DB_HOST": "db", "DB_USER": "u", "DB_NAME": "tm", "DB_PASS": "p@ss/w:rd?#%"}

    url = make_url(load(NO_FILE, environment).database_url)

    assert (url.host, url.password, url.database) == ("db", "p@ss/w:rd?#%", "tm")


@given(st.text(min_size=1))
def test_no_value_whatever_ends_in_anything_but_a_config_error(value: str) -> None:
    for name in ("JOBS", "DB_PORT", "MEETING_TZ", "TEACHER_WHITELIST", "SETTLE_S", "DATA_DIR"):
        try:
            load(NO_FILE, {name: value})
        except ConfigError as refused:
            assert name in refused.message


@pytest.mark.parametrize(
    "credentials",
    ["u:canary", "canary", ":canary", "u:can@canary", "u:a/canary", "u:%40canary", "u:12canary/3"],
)
def test_security_05_no_credentials_of_an_address_are_shown(credentials: str) -> None:
    address = f"https://{credentials}@api.example.com:8443/v1"
    assert (
        mask_credentials(f"{address} is away") == "https://********@api.example.com:8443/v1 is away"
    )
    for name in ("ASR_BASE_URL", "KIMI_BASE_URL"):
        try:
            lines = {one.name: one.value for one in shown(load(NO_FILE, {name: address}))}
        except ConfigError as error:
            lines = {name: error.message}
        assert "canary" not in lines[name]
        assert "********@api.example.com" in lines[name]


@pytest.mark.parametrize(
    ("query", "masked"),
    [
        ("api_key=canary", "api_key=********"),
        ("a=canary&b=can=ary;c=canary", "a=********&b=********;c=********"),
        ("canary", "********"),
        ("a=&canary#top", "a=&********#top"),
        ("redirect=https://x/?k=canary", "redirect=********"),
    ],
)
def test_security_05_no_value_of_a_query_of_an_address_is_shown(query: str, masked: str) -> None:
    address = f"https://bob:x@api.example.com/v1?{query}"
    safe = f"https://********@api.example.com/v1?{masked}"
    assert mask_credentials(f"{address} is away") == f"{safe} is away"
    for name in ("ASR_BASE_URL", "KIMI_BASE_URL"):
        try:
            lines = {one.name: one.value for one in shown(load(NO_FILE, {name: address}))}
        except ConfigError as error:
            lines = {name: error.message}
        assert "canary" not in lines[name]


@pytest.mark.parametrize(
    "text",
    [
        *("https://a.example.com:80/@user", "mail me@example.com", "http://[::1]:8080/v1"),
        *("is it https://a.example.com/v1? yes", "why? a=b"),
    ],
)
def test_an_address_without_credentials_is_shown_whole(text: str) -> None:
    assert mask_credentials(text) == text
