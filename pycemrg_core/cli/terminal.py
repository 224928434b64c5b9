"""The one place where text reaches stdout and stderr, and where signals reach a command.

Names, summaries and errors come from files and plugins. A terminal would obey control characters in them, and overrides
of the writing direction can make a text look like another. So these are shown as ``\\u001b`` or ``\\u202e``; in JSON,
this means the same. Colours are controls too: only those that :func:`style` made pass.
"""

from __future__ import annotations

import io
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import FrameType
from typing import Any

import click

_AGAIN = 0.1  # seconds

# Controls but tab and line feed; overrides and isolates of the writing direction; line separators; half characters.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
# A number that no file can know marks a style of our own. Click takes such a style for one of its own.
_MARK = int.from_bytes(os.urandom(8), "big")
_OWN = re.compile(f"\x1b\\[([0-9;]*);{_MARK}m")
# What click writes at the start of a bar of progress, which hides the cursor, and after it.
_BAR = re.compile("\r(\x1b\\[\\?25l)?|\x1b\\[\\?25h(?=\n$)")


def style(text: str, **how: Any) -> str:
    """:func:`click.style`, in the one form that :func:`shown` passes on."""
    before, after = (part.replace("m", f";{_MARK}m") for part in click.style("\0", **how).split("\0"))
    return f"{before}{text}{after}"


def shown(text: str) -> str:
    """A text in which nothing moves the cursor or changes what was shown. Our own styles and a first ``\\r`` stay."""
    if not _UNSAFE.search(text):
        return text
    first = found[0] if (found := _BAR.match(text)) else ""
    parts = _OWN.split(text[len(first) :])
    return first + "".join(
        f"\x1b[{part}m" if odd % 2 else _UNSAFE.sub(_escaped, part) for odd, part in enumerate(parts)
    )


@contextmanager
def status() -> Iterator[Callable[[str], None]]:
    """Show what a command is doing, in one line on a terminal, which goes away at the end; nothing in a pipe."""
    import shutil  # imports archive formats, which take long

    here, width = sys.stderr.isatty(), shutil.get_terminal_size((80, 24)).columns - 1
    used = False

    def show(text: str) -> None:
        nonlocal used
        if here:
            click.echo(f"\r{text[:width]:<{width}}", err=True, nl=False)
            used = True

    try:
        yield show
    finally:
        if used:
            show("")
            click.echo("\r", err=True, nl=False)


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


class _Shown(io.TextIOWrapper):
    """A text stream that writes :func:`shown` texts."""

    def write(self, text: str, /) -> int:
        return super().write(shown(text))

    def close(self) -> None:
        """Only flush: a plugin that closes what it prints to must not take the stream from the command."""
        with suppress(OSError, ValueError):
            self.flush()


@contextmanager
def safe_streams() -> Iterator[None]:
    """Show only safe text on stdout and stderr in this block."""
    with ExitStack() as stack:
        for name in ("stdout", "stderr"):
            stack.enter_context(_safe(name))
        yield


@contextmanager
def _safe(name: str) -> Iterator[None]:
    before = getattr(sys, name)
    if isinstance(before, _Shown) or not isinstance(getattr(before, "buffer", None), io.IOBase):
        yield
        return
    encoding = before.encoding or "utf-8"
    with suppress(OSError, ValueError):
        before.flush()
    safe = _Shown(
        before.buffer,
        "utf-8" if encoding.lower() in ("ascii", "ansi_x3.4-1968", "us-ascii") else encoding,
        errors="backslashreplace",
        line_buffering=before.line_buffering,
    )
    setattr(sys, name, safe)
    try:
        yield
    finally:
        setattr(sys, name, before)
        with suppress(OSError, ValueError):  # nobody reads the other end of the pipe
            safe.flush()
        with suppress(OSError, ValueError):
            safe.detach()


def _handled() -> bool:
    """Whether code that runs now handles a :class:`KeyboardInterrupt`, such as a clean-up."""
    error = sys.exc_info()[1]
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None


class Interrupts:
    """Stop a command by Ctrl-C, SIGTERM or a lost terminal: each raises :class:`KeyboardInterrupt`.

    While a module is imported or an object deleted, the signal waits: compiled modules crash when their import is
    interrupted, and Python loses an exception in ``__del__``. It can be lost elsewhere too, in a callback or in code
    that catches everything; so it is raised again until somebody handles it, and :meth:`check` raises it at once.
    """

    def __init__(self) -> None:
        self.came = False
        self._outer: FrameType | None = None

    def check(self) -> None:
        """Raise :class:`KeyboardInterrupt` if a signal came and was lost."""
        if self.came:
            raise KeyboardInterrupt

    def _on_signal(self, _number: int, frame: FrameType | None) -> None:
        self.came = True
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, _AGAIN)
            if self._waits(frame) or _handled():
                return
        raise KeyboardInterrupt

    def _waits(self, frame: FrameType | None) -> bool:
        """Whether a module is imported now, or an object deleted: an exception would be lost, or crash the process."""
        while frame is not None and frame is not self._outer:
            importing = str(frame.f_globals.get("__name__")).startswith("importlib._bootstrap")
            if importing or frame.f_code.co_name == "__del__":
                return True
            frame = frame.f_back
        return False

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Watch for signals in this block. A signal that the caller ignores stays ignored."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self._outer, hook = sys._getframe(), sys.unraisablehook
        sys.unraisablehook = lambda lost: None if lost.exc_type is KeyboardInterrupt else hook(lost)
        usual: dict[int, Any] = {}
        for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGALRM"):
            number = getattr(signal, name, None)
            # SIGALRM is the timer of a signal that waits.
            if number is not None and signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                usual[number] = signal.signal(number, self._on_signal)
        try:
            yield
        finally:
            self._outer, sys.unraisablehook = None, hook
            if hasattr(signal, "setitimer"):
                signal.setitimer(signal.ITIMER_REAL, 0)
            for number, handler in usual.items():
                signal.signal(number, handler)
