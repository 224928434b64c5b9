"""What can go wrong with a cohort besides what goes wrong with a case."""

from __future__ import annotations

from pycemrg_core.api import PycemrgError


class CohortError(PycemrgError):
    """The cohort as a whole cannot run, go on or be finished."""


class OtherVersionsError(CohortError):
    """A worker is not what the client is, so what it makes might differ."""


def one_line(error: BaseException, *, hide: str = "", show: str = "") -> str:
    """An error as one line; the path ``hide`` is shown as ``show``, as the user gave it."""
    text = " ".join(str(error).split())
    if not isinstance(error, PycemrgError):
        text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return text.replace(hide, show) if hide else text
