"""The table of back ends: which one is used, and what it still needs."""

from operator import attrgetter
from pathlib import Path
from pkgutil import resolve_name

import pytest

from meeting_pipeline.settings import config
from meeting_pipeline.settings.backends import (
    DOWNLOADERS,
    SOURCES,
    SUMMARIZERS,
    TRANSCRIBERS,
    BackendSpec,
    BackendTable,
    recognizers,
)
from meeting_pipeline.settings.config import Settings

TABLES = (SOURCES, DOWNLOADERS, TRANSCRIBERS, SUMMARIZERS)
TENCENT = {"TQM_SECRET_ID": "AKID", "TQM_SECRET_KEY": "key"}
SERVICE = {"ASR_BASE_URL": "https://asr.test/v1", "ASR_MODEL": "whisper-1"}


def settings(**written: str) -> Settings:
    return config.load(Path("no.env"), written)


@pytest.mark.parametrize(
    "row", [row for table in TABLES for row in table.rows], ids=attrgetter("make")
)
def test_every_row_names_a_function_that_is_there(row: BackendSpec) -> None:
    assert callable(resolve_name(row.make))


@pytest.mark.parametrize(
    "row", [row for table in TABLES for row in table.rows], ids=attrgetter("make")
)
def test_every_required_setting_is_one_that_is_read(row: BackendSpec) -> None:
    names = {name for one in row.required_settings for name in (one.name, one.instead) if name}
    assert names <= set(config.setting_names())


@pytest.mark.parametrize(
    ("table", "written", "name"),
    [
        (SOURCES, {}, "folder"),
        (SOURCES, TENCENT, "tencent"),
        (SOURCES, TENCENT | {"MEETING_SOURCE": "folder"}, "folder"),
        (DOWNLOADERS, {}, "aria2"),
        (DOWNLOADERS, {"DOWNLOADER": "HTTP"}, "http"),
        (TRANSCRIBERS, {}, "whisper"),
        (TRANSCRIBERS, SERVICE, "openai"),
        (TRANSCRIBERS, SERVICE | TENCENT, "tencent"),
        (TRANSCRIBERS, SERVICE | {"ASR_BACKEND": "whisper"}, "whisper"),
        (SUMMARIZERS, {}, "extractive"),
        (SUMMARIZERS, {"KIMI_API_KEY": "key"}, "kimi"),
        (SUMMARIZERS, {"KIMI_API_KEY": "key", "LLM_BACKEND": "extractive"}, "extractive"),
    ],
)
def test_the_setting_chooses_and_else_what_is_there(
    table: BackendTable, written: dict[str, str], name: str
) -> None:
    assert table.chosen(settings(**written)).name == name


def test_where_the_choice_is_open_every_engine_follows_tencents_own_texts() -> None:
    names = [row.name for row in recognizers(settings(**TENCENT, **SERVICE))]
    assert names[0] == "openai"
    assert "tencent" not in names


def test_tencents_own_texts_need_no_engine() -> None:
    assert recognizers(settings(**TENCENT, ASR_BACKEND="tencent")) == []


@pytest.mark.parametrize(
    ("written", "missing"),
    [
        ({}, ["TQM_SECRET_ID", "TQM_SECRET_KEY", "ENTERPRISE_ID", "TQM_OPERATOR_ID"]),
        (TENCENT | {"ENTERPRISE_ID": "1"}, ["TQM_OPERATOR_ID"]),
        (TENCENT | {"APP_ID": "1", "TQM_OPERATOR_ID": "admin"}, []),
    ],
)
def test_a_required_setting_is_missing_unless_another_one_serves_as_well(
    written: dict[str, str], missing: list[str]
) -> None:
    row = SOURCES["tencent"]
    assert [one.name for one in row.missing(settings(**written))] == missing
