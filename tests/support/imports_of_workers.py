"""Imports what worker processes import."""
# ruff: noqa: F401

import av

import meeting_pipeline.adapters.asr.packets
import meeting_pipeline.adapters.media.pyav
import meeting_pipeline.adapters.processes.decoders
import meeting_pipeline.adapters.processes.worker
