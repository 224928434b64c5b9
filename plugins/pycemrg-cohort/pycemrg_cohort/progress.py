"""Show the progress of a cohort in one line on a terminal; nothing in a pipe."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable

import click


class Progress:
    """The line with the numbers done, failed and running, the rate and the time left; failures are listed above it.

    ``workers`` returns how many cases can run at the same time; this changes when a cluster grows.
    """

    def __init__(self, total: int, workers: Callable[[], int]) -> None:
        self._shown = sys.stderr.isatty()
        self._total, self._workers = total, workers
        self._open = False
        self._begin = time.monotonic()
        self._done = self._failed = self._before = 0

    def show(self) -> None:
        if self._shown:
            width = shutil.get_terminal_size((80, 24)).columns - 1
            click.echo(f"\r{self._line()[:width]:<{width}}", err=True, nl=False)
            self._open = True

    def note(self, text: str) -> None:
        """Print a text on a separate line."""
        self.end()
        if self._shown:
            click.echo(text, err=True)

    def finished(self, *, case: str, error: str = "", before: bool = False) -> None:
        """Count one more case; it failed if there is an error. ``before``: it was done before this run."""
        self._done += not error
        self._failed += bool(error)
        self._before += before
        if self._shown and error:
            width = shutil.get_terminal_size((80, 24)).columns - 1
            click.echo(f"\r{f'failed: {case}: {error}':<{width}}", err=True)
        self.show()

    def end(self) -> None:
        """End the line, so that later output starts on a new line."""
        if self._open:
            click.echo(err=True)
            self._open = False

    def _line(self) -> str:
        finished = self._done + self._failed
        running = min(self._workers(), self._total - finished)
        text = f"{finished} of {self._total}: {self._done} done, {self._failed} failed, {running} running"
        worked, seconds = finished - self._before, time.monotonic() - self._begin
        if worked and finished < self._total:
            left = seconds / worked * (self._total - finished)
            rate = 60 * worked / seconds
            text += f", {rate:,.0f} a minute" if rate >= 10 else f", {rate:.2g} a minute"
            text += f", {duration(max(1.0, round(left)))} left"
        return text


def duration(seconds: float) -> str:
    """``40 s``, ``12 min``, ``3.5 h``."""
    if seconds < 100:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
