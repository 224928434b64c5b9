"""Errors of a cohort as a whole, not of a single case."""

from __future__ import annotations

from pycemrg_core.api import PycemrgError, fault


class CohortError(PycemrgError):
    """The cohort as a whole cannot run, continue or finish."""


class OtherVersionsError(CohortError):
    """A worker has other versions than the client, so its results might differ."""


def one_line(error: BaseException, *, hide: str = "", show: str = "") -> str:
    """An error as one line; the path ``hide`` is replaced by ``show``, the path as the user gave it."""
    # What the core or a cohort refuses says all in its text; a place in this package would blame the wrong code.
    text = " ".join((str(error) if isinstance(error, PycemrgError) else fault(error)).split())
    return text.replace(hide, show) if hide else text
