"""What a label map holds: label tables, measuring, diagnosis, anatomy. Plugin ``labels``, and its names for others.

Names are imported at first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from schematics_builtin.labels.anatomy.judge import (
        Evidence,
        Ranking,
        Reading,
        Suggestion,
        contradicts,
        judge,
        rank,
        suggest,
    )
    from schematics_builtin.labels.diagnosis import Contact, LabelDiagnostic, LabelReport, LabelStatus
    from schematics_builtin.labels.label_files import (
        LabelRow,
        labels_of,
        read_label_file,
        read_mapping_file,
        write_label_table,
    )
    from schematics_builtin.labels.measuring import Facts, measure

_HOMES = {
    "Contact": "diagnosis",
    "Evidence": "anatomy.judge",
    "Facts": "measuring",
    "LabelDiagnostic": "diagnosis",
    "LabelReport": "diagnosis",
    "LabelRow": "label_files",
    "LabelStatus": "diagnosis",
    "Ranking": "anatomy.judge",
    "Reading": "anatomy.judge",
    "Suggestion": "anatomy.judge",
    "contradicts": "anatomy.judge",
    "judge": "anatomy.judge",
    "labels_of": "label_files",
    "measure": "measuring",
    "rank": "anatomy.judge",
    "read_label_file": "label_files",
    "read_mapping_file": "label_files",
    "suggest": "anatomy.judge",
    "write_label_table": "label_files",
}

__all__ = [
    "Contact",
    "Evidence",
    "Facts",
    "LabelDiagnostic",
    "LabelReport",
    "LabelRow",
    "LabelStatus",
    "Ranking",
    "Reading",
    "Suggestion",
    "contradicts",
    "judge",
    "labels_of",
    "measure",
    "rank",
    "read_label_file",
    "read_mapping_file",
    "suggest",
    "write_label_table",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
