"""Write a page about a run of pycemrg: :func:`write_report`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pycemrg_report.report import write_report

__all__ = ["write_report"]


# Imported at first use: the entry point is in this package and must stay light.
def __getattr__(name: str) -> Any:
    if name != "write_report":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pycemrg_report.report import write_report

    return write_report
