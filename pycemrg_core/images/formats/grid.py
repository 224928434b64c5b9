"""Units, and validation of spacing, origin and direction of an image. Vectors are (x, y, z), in mm."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from pycemrg_core.images.formats.header import FormatError, shown

NO_SPACING = "no voxel spacing in the file: 1 mm assumed"
IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)

# Files store directions with about four digits; a larger error moves the far end of a heart by a voxel.
_DIRECTION_TOLERANCE = 1e-3
_SPACINGS = (1e-6, 1e6)
_FARTHEST = 1e9
_REMEDY = "correct the geometry, or export the image again"
_MM = {"": 1.0, "?": 1.0, "???": 1.0, "none": 1.0}
_MM |= dict.fromkeys(("mm", "millimeter", "millimeters", "millimetre", "millimetres"), 1.0)
_MM |= dict.fromkeys(("um", "micron", "microns", "micrometer", "micrometers", "micrometre", "micrometres"), 1e-3)
# The two ways to write mu: the micro sign and the Greek letter.
_MM |= dict.fromkeys(("\u00b5m", "\u03bcm"), 1e-3)
_MM |= dict.fromkeys(("cm", "centimeter", "centimeters", "centimetre", "centimetres"), 10.0)
_MM |= dict.fromkeys(("m", "meter", "meters", "metre", "metres"), 1e3)
_MM |= dict.fromkeys(("nm", "nanometer", "nanometers", "nanometre", "nanometres"), 1e-6)


def unit_factor(units: Iterable[str], field: str) -> tuple[float, tuple[str, ...]]:
    """The length of the unit of a file in mm, with a note unless it is 1. An empty unit means mm."""
    found = list(units)
    unknown = next((unit for unit in found if unit.strip().lower() not in _MM), None)
    if unknown is not None:
        raise FormatError(f"{field} is {shown(unknown)}, which is not a known unit of length; convert it to mm")
    factors = {_MM[unit.strip().lower()] for unit in found}
    if len(factors) > 1:
        raise FormatError(f"{field} differ between the axes: {', '.join(map(shown, found))}; convert all to mm")
    factor = factors.pop() if factors else 1.0
    return factor, () if factor == 1 else (f"{field} {found[0].strip()}: spacing and origin converted to mm",)


def require_geometry(spacing: Sequence[float], origin: Sequence[float], direction: Sequence[float]) -> None:
    """Refuse a spacing that is not positive, an origin that is not finite, and axes that are not at right angles."""
    if not all(math.isfinite(value) and value > 0 for value in spacing):
        zero = "the voxel spacing is zero: " if 0 in spacing else ""
        raise FormatError(f"{zero}spacing {list(spacing)} mm is not three positive numbers; {_REMEDY}")
    if not all(_SPACINGS[0] <= value <= _SPACINGS[1] for value in spacing):
        raise FormatError(f"spacing {list(spacing)} mm is out of bounds, which are 1e-6 and 1e6 mm; {_REMEDY}")
    if not all(math.isfinite(value) and abs(value) <= _FARTHEST for value in origin):
        raise FormatError(f"origin {list(origin)} mm is not three numbers up to 1e9; {_REMEDY}")
    require_rotation(direction)


def require_rotation(direction: Sequence[float]) -> None:
    """Refuse a direction matrix whose columns are not unit vectors at right angles; mirrored ones are fine."""
    matrix = np.reshape(direction, (3, 3))
    with np.errstate(all="ignore"):
        error = np.abs(matrix.T @ matrix - np.eye(3)).max() if np.isfinite(matrix).all() else math.inf
    if not error <= _DIRECTION_TOLERANCE:
        rounded = [round(float(value), 4) for value in direction]
        raise FormatError(
            f"direction {rounded} is not three unit vectors at right angles;"
            " correct the geometry, or resample the image to axes at right angles"
        )


def unit_columns(vectors: Sequence[Sequence[float]]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The lengths of three axis vectors, and the direction matrix, row by row, that has them as unit columns."""
    lengths = tuple(math.sqrt(sum(value * value for value in vector)) for vector in vectors)
    units = [
        [value / length if length else 0.0 for value in vector] for vector, length in zip(vectors, lengths, strict=True)
    ]
    return lengths, tuple(units[column][row] for row in range(3) for column in range(3))
