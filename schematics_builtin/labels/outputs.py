"""Label tables for viewers: names and colours of the labels of a heart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pycemrg_core.api import FinishedRun, LabelRow, Made
from schematics_builtin.labels.label_files import label_table


def slicer_table(run: FinishedRun, made: Mapping[str, Made]) -> Made:
    """The labels of the grown heart for 3D Slicer."""
    return _made(run, label_table(_rows(run), "slicer", "heart.ctbl"))


def itksnap_table(run: FinishedRun, made: Mapping[str, Made]) -> Made:
    """The labels of the grown heart for ITK-SNAP."""
    return _made(run, label_table(_rows(run), "itksnap"))


def _made(run: FinishedRun, table: str) -> Made:
    """The table, and in a comment, which both tools skip, of which heart it is."""
    return Made(f"{table}# voxels_sha256 {run.voxels_sha256}\n".encode())


def _rows(run: FinishedRun) -> list[LabelRow]:
    return table_rows(run.volume.boxes, run.plan.names, run.colours)


def table_rows(labels: Iterable[int], names: Mapping[int, str], colours: Mapping[str, str]) -> list[LabelRow]:
    """A row for each label: its name, and the colour of this name in the label schemes."""
    called = {value: names.get(value, f"label_{value}") for value in labels}
    return [LabelRow(value, name, colours.get(name, "")) for value, name in called.items()]
