"""Imports what commands import late, so that a process forked from this one starts at once."""
# ruff: noqa: F401

import meeting_pipeline.actions.night
import meeting_pipeline.actions.run_window
import meeting_pipeline.adapters.asr.choice
import meeting_pipeline.adapters.asr.openai_compatible
import meeting_pipeline.adapters.asr.tencent
import meeting_pipeline.adapters.db.migrate
import meeting_pipeline.adapters.downloads.aria2
import meeting_pipeline.adapters.downloads.http
import meeting_pipeline.adapters.llm.openai_compatible
import meeting_pipeline.adapters.media.ffmpeg
import meeting_pipeline.adapters.sources.tencent.connect
import meeting_pipeline.cli.app
import meeting_pipeline.cli.execute
import meeting_pipeline.cli.render
import meeting_pipeline.cli.session
import meeting_pipeline.reporting.documents
import meeting_pipeline.reporting.notice
