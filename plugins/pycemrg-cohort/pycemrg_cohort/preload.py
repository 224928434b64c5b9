"""What a worker process of this machine runs first."""

from __future__ import annotations

import signal
from typing import Any


def dask_setup(_worker: Any) -> None:
    """Leave Ctrl-C, which a terminal sends to all processes, to the one that knows how to stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
