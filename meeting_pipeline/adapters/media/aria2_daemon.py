"""A private aria2c: started on first use, replaced when it dies or hangs, gone with us.

Secrets and links reach it through a file of its owner that is gone once it is read, and through
RPC; its arguments say nothing.
"""

import logging
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Lock, Thread
from time import monotonic
from typing import Any

import aria2p
import requests
from loguru import logger
from websocket import WebSocketException

from meeting_pipeline.adapters.media.media_client import ca_bundle
from meeting_pipeline.adapters.media.tunnel import USER, Tunnel
from meeting_pipeline.errors import Stopped
from meeting_pipeline.files import create

log = logging.getLogger(__name__)
logger.disable("aria2p")

_START_S = 5.0
_STARTS = 3
_RPC_S = 3.0  # an aria2c that does not answer for so long hangs
_LOOK_S = 0.5
_STOP_S = 2.0
_SCRIPT = b"#!"
_CONFIGURATION: Mapping[str, str] = {
    "enable-rpc": "true",
    "rpc-listen-all": "false",
    "stop-with-process": str(os.getpid()),
    "quiet": "true",
    "no-netrc": "true",
    "proxy-method": "tunnel",
    "max-concurrent-downloads": "64",
    "auto-save-interval": "1",
    "file-allocation": "none",
    "min-split-size": "1M",
    "continue": "true",
    "allow-overwrite": "true",
    "auto-file-renaming": "false",
    "follow-torrent": "false",
    "follow-metalink": "false",
    "max-tries": "5",
    "retry-wait": "1",
    "connect-timeout": "10",
}
