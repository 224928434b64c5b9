"""Call code of a plugin so that it changes nothing but what it returns."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import suppress
from functools import cache
from typing import Any

_STDOUT, _STDERR = 1, 2
_mask_lock = threading.Lock()


class guarded:  # noqa: N801 - it reads as a function
    """What the code in this block prints goes to stderr; the working directory, umask and handler of Ctrl-C stay.

    So ``--json`` prints JSON and nothing else, results are written where the user said and can be read, and a command
    can be stopped.
    What compiled code prints goes to stderr too. A copy of this process that the code made with ``os.fork``, and that
    comes back from it, ends: two processes must not write one result.
    """

    def __enter__(self) -> None:
        self._folder: str | None = None
        self._stdout: Any = None
        self._descriptor: int | None = None
        with suppress(OSError):  # the folder may be gone
            self._folder = os.getcwd()
        self._mask = _umask()
        self._handler = signal.getsignal(signal.SIGINT)
        self._process = os.getpid()
        if sys.stdout is not sys.stderr:
            self._stdout = sys.stdout
            self._descriptor = _moved(sys.stdout)
            sys.stdout = sys.stderr

    def __exit__(self, *_: object) -> None:
        if os.getpid() != self._process:
            os._exit(1)
        if self._stdout is not None:
            sys.stdout = self._stdout
        if self._descriptor is not None:
            _flush()
            os.dup2(self._descriptor, _STDOUT)
            os.close(self._descriptor)
        changed = self._handler is not None and signal.getsignal(signal.SIGINT) is not self._handler
        if changed and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, self._handler)
        os.umask(self._mask)
        with suppress(OSError):
            if self._folder is not None and os.getcwd() != self._folder:
                os.chdir(self._folder)


def _umask() -> int:
    """The umask. It can only be read by changing it, so one thread at a time does."""
    with _mask_lock:
        mask = os.umask(0o077)
        os.umask(mask)
    return mask


def _moved(stream: Any) -> int | None:
    """Let the descriptor of stdout be that of stderr; a copy of the one before, None if the stream has another one."""
    try:
        if stream.fileno() != _STDOUT:
            return None
        stream.flush()
        before = os.dup(_STDOUT)
        os.dup2(_STDERR, _STDOUT)
    except (OSError, ValueError, AttributeError):
        return None
    return before


def _flush() -> None:
    """Flush what compiled code has printed and the C library has not yet written."""
    # Without ctypes no compiled code with output of its own is here, and importing it takes time.
    if "ctypes" in sys.modules:
        with suppress(OSError, AttributeError, TypeError):
            _c_library().fflush(None)


@cache
def _c_library() -> Any:
    import ctypes

    return ctypes.CDLL(None)
