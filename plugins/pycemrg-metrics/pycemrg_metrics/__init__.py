"""Metrics for pycemrg: image quality, overlap and distance of segmentations, and measures of the heart."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pycemrg_metrics.faces import compare_images, compare_labels, measure
    from pycemrg_metrics.grids import resample
    from pycemrg_metrics.tables import Column, Mean, Row, Table
    from pycemrg_metrics.walls import Thickness, thickness

__all__ = [
    "Column",
    "Mean",
    "Row",
    "Table",
    "Thickness",
    "compare_images",
    "compare_labels",
    "measure",
    "resample",
    "thickness",
]

USUAL = "cemrg"
"""The label scheme of label maps where neither the user nor the source names the labels."""

# Imported at first use: the entry point is in this package and must stay light.
_HOMES = {
    "Column": "tables",
    "Mean": "tables",
    "Row": "tables",
    "Table": "tables",
    "Thickness": "walls",
    "compare_images": "faces",
    "compare_labels": "faces",
    "measure": "faces",
    "resample": "grids",
    "thickness": "walls",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
