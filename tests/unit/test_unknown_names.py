"""Names that are no settings are told apart from settings and from other programs' names."""

import pytest

from meeting_pipeline.settings.config import load, setting_names
from meeting_pipeline.settings.unknown_names import UnknownName, unknown_names

OF_OTHER_PROGRAMS = [
    *("PATH", "HOME", "LANG", "TZ", "TERM", "JOB", "USER", "HOSTNAME", "LOGNAME", "DB_DSN"),
    *("MYSQL_HOST", "OPENAI_API_KEY", "MOONSHOT_API_KEY", "LOG_DIR", "MAX_JOBS", "SSH_AUTH_SOCK"),
    *("LLM_USER_PATH", "DOWNLOAD_DIR", "APP_ENV", "SDK_ROOT", "XDG_CACHE_HOME", "GIT_SSH_COMMAND"),
]


def found(written: dict[str, str], environment: dict[str, str]) -> list[UnknownName]:
    return list(unknown_names(setting_names(), written, environment))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("RETENTION_AUDIO_DAY", "RETENTION_AUDIO_DAYS"),
        ("MEETING_SORUCE", "MEETING_SOURCE"),
        ("meeting_folder", "MEETING_FOLDER"),
        ("DB-HOST", "DB_HOST"),
        ("DB_PASSWORD", "DB_PASS"),
        ("TQM_SECRETKEY", "TQM_SECRET_KEY"),
        ("KIMI_KEY", "KIMI_API_KEY"),
        ("JOB", "JOBS"),
        ("TEACHERS_WHITELIST", "TEACHER_WHITELIST"),
    ],
)
def test_a_misspelt_name_in_the_file_is_told_the_nearest_setting(written: str, meant: str) -> None:
    [name] = found({written: "1"}, {})

    assert (name.name, name.nearest, name.is_ours) == (written, meant, True)
    assert written in name.message
    assert meant in name.hint


def test_every_name_in_the_file_is_a_setting_or_is_named() -> None:
    names = [one.name for one in found({"HTTP_PROXY": "", "JOBS": "2", "公司": "x"}, {})]

    assert names == ["HTTP_PROXY", "公司"]


@pytest.mark.parametrize("setting", setting_names())
def test_no_setting_is_unknown(setting: str) -> None:
    assert found({setting: "1"}, {setting: "1"}) == []


@pytest.mark.parametrize("name", OF_OTHER_PROGRAMS)
def test_the_names_of_other_programs_in_the_environment_are_none_of_ours(name: str) -> None:
    assert found({}, {name: "1"}) == []


@pytest.mark.parametrize(
    "name",
    ["MEETING_SORUCE", "TEACHER_WHITELST", "ASR_LANG", "DB_HOTS", "KIMI_TOKEN", "RETENTION_DAYS"],
)
def test_a_name_in_the_environment_that_begins_like_ours_or_is_near_to_ours_is_named(
    name: str,
) -> None:
    [one] = found({}, {name: "1"})

    assert (one.name, one.origin) == (name, "environment")


def test_the_home_of_the_installation_is_set_in_the_environment_and_nowhere_else() -> None:
    assert found({}, {"MEETING_HOME": "/srv/meeting"}) == []
    [name] = found({"MEETING_HOME": "/srv/meeting"}, {})
    assert "environment" in name.hint


def test_settings_know_the_names_that_are_none() -> None:
    assert [one.name for one in load(environment={"MEETING_SORUCE": "folder"}).unknown] == [
        "MEETING_SORUCE"
    ]
