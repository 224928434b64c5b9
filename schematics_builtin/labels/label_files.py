"""Write label tables for 3D Slicer and ITK-SNAP, exactly as each tool expects them."""

from __future__ import annotations

import colorsys
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from attrs import evolve

from pycemrg_core.api import LabelRow, OutputError, name_of
from pycemrg_core.cli.kit import write_text

Kind = Literal["slicer", "itksnap"]

# The name of each tool, and the largest integer in its tables.
_TOOLS = {"slicer": ("3D Slicer", 1_000_000), "itksnap": ("ITK-SNAP", 65_534)}


def write_label_table(rows: Iterable[LabelRow], path: str | os.PathLike[str], kind: Kind) -> None:
    """Write the table of :func:`label_table` to a file, completely or not at all.

    Raises :class:`OutputError` when the file cannot be written, or the tool could not load it.
    """
    target = Path(os.path.realpath(path))
    try:
        text = label_table(rows, kind, target.name)
    except OutputError as error:
        raise OutputError(f"{name_of(path)}: {error}") from error
    try:
        write_text(text, target)
    except OutputError as error:
        raise OutputError(f"{name_of(path)}{str(error).removeprefix(name_of(target))}") from error


def label_table(rows: Iterable[LabelRow], kind: Kind, name: str = "labels") -> str:
    """A table for 3D Slicer (``"slicer"``) or ITK-SNAP (``"itksnap"``), in the order of the integers.

    A label without a colour gets a different one from the others, always the same. Tables of Slicer cannot contain
    spaces: they become underscores, which Slicer shows as spaces. ``name`` is in the header of the table. Raises
    :class:`OutputError` when the tool could not load the table.
    """
    if kind not in _TOOLS:
        raise OutputError(f"unknown kind of table {kind!r}; use one of {', '.join(_TOOLS)}")
    tool, largest = _TOOLS[kind]
    ordered = sorted(rows, key=lambda row: row.value)
    before: LabelRow | None = None
    for row in ordered:
        if before and row.value == before.value:
            raise OutputError(f"labels {before.name!r} and {row.name!r} are both {row.value}; remove one")
        if row.value > largest:
            raise OutputError(
                f"{tool} cannot load the integer {row.value} of {row.name!r}; give it one up to {largest}"
            )
        if '"' in row.name or "'" in (row.name[0], row.name[-1]) or len(row.name) > 200 or row.name == "(none)":
            raise OutputError(
                f"{tool} cannot load the name {row.name[:40]!r} (label {row.value});"
                " give another, of up to 200 characters without quotes"
            )
        before = row
    coloured = [evolve(row, colour=row.colour or _own_colour(row.value)) for row in ordered]
    return _slicer_text(coloured, name) if kind == "slicer" else _itksnap_text(coloured)


def _own_colour(value: int) -> str:
    # Steps of the golden ratio on the colour wheel give neighbouring integers very different colours.
    channels = colorsys.hsv_to_rgb(value * 0.618034 % 1, 0.65, 0.9)
    return "#" + "".join(f"{round(255 * channel):02x}" for channel in channels)


def _slicer_text(rows: Iterable[LabelRow], file_name: str) -> str:
    lines = ["0 Background 0 0 0 0"]
    for row in rows:
        rgb = " ".join(map(str, bytes.fromhex(row.colour[1:])))
        lines.append(f"{row.value} {row.name.replace(' ', '_')} {rgb} 255")
    shown = file_name.encode("ascii", "replace").decode().replace("\n", "?")
    return "\n".join([f"# Color table file {shown}", f"# {len(lines)} values", *lines, ""])


_SNAP_HEADING = """\
################################################
# ITK-SnAP Label Description File
# File format:
# IDX   -R-  -G-  -B-  -A--  VIS MSH  LABEL
# Fields:
#    IDX:   Zero-based index
#    -R-:   Red color component (0..255)
#    -G-:   Green color component (0..255)
#    -B-:   Blue color component (0..255)
#    -A-:   Label transparency (0.00 .. 1.00)
#    VIS:   Label visibility (0 or 1)
#    IDX:   Label mesh visibility (0 or 1)
#  LABEL:   Label description
################################################
    0     0    0    0        0  0  0    "Clear Label"
"""


def _itksnap_text(rows: Iterable[LabelRow]) -> str:
    lines = []
    for row in rows:
        red, green, blue = bytes.fromhex(row.colour[1:])
        lines.append(f'  {row.value:>3}   {red:>3}  {green:>3}  {blue:>3}  {1:>7}  1  1    "{row.name}"\n')
    return _SNAP_HEADING + "".join(lines)
