"""Imports what worker processes import."""
# ruff: noqa: F401

import av
import numpy

import meeting_pipeline.adapters.asr.loudness
import meeting_pipeline.adapters.media.pyav
import meeting_pipeline.adapters.processes.decoders
import meeting_pipeline.adapters.processes.worker
