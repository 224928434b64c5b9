"""Is a grown heart closed, and closing it by rule: plugin ``certificate``, and its names for other code.

Names are imported at first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from schematics_builtin.certificate.certification import Certificate, certify
    from schematics_builtin.certificate.commands.findings import verdict_line
    from schematics_builtin.certificate.hearts import asked_of, certify_image, heart_of
    from schematics_builtin.certificate.repairing import Repair, RepairEntry, repair

_HOMES = {
    "Certificate": "certification",
    "Repair": "repairing",
    "RepairEntry": "repairing",
    "asked_of": "hearts",
    "certify": "certification",
    "certify_image": "hearts",
    "heart_of": "hearts",
    "repair": "repairing",
    "verdict_line": "commands.findings",
}

__all__ = [
    "Certificate",
    "Repair",
    "RepairEntry",
    "asked_of",
    "certify",
    "certify_image",
    "heart_of",
    "repair",
    "verdict_line",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
