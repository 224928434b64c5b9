"""Code that a worker process of this machine runs first."""

from __future__ import annotations

import signal
from typing import Any


def dask_setup(_worker: Any) -> None:
    """Ignore Ctrl-C, which a terminal sends to all processes: only the main process handles it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
