"""Imports what whole nights import, with their heavy libraries and what those load late."""
# ruff: noqa: F401

import encodings.utf_8_sig

import apprise
import av.subtitles.stream
import numpy
import pydantic
import pymysql
import rich.console
import rich.table
import zhconv

import meeting_pipeline.actions.doctor
import meeting_pipeline.adapters.db.embedded
import meeting_pipeline.adapters.media.pyav
import meeting_pipeline.adapters.processes.decoders
import meeting_pipeline.adapters.sources.tencent.source
import meeting_pipeline.cli.progress
import meeting_pipeline.stages.documents
import meeting_pipeline.upkeep.repair.survey
import tests.support.imports_of_commands

apprise.Apprise().add("json://127.0.0.1:9")  # all the services that it can tell
zhconv.convert("课", "zh-hans")  # the table of Chinese characters
