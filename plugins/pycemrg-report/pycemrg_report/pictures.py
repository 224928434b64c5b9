"""Pictures of label maps as PNG data URIs, with transparent background so that they fit any page.

Slices are in radiological view: the patient's left is on the right, front and head are up. Arrays are (z, y, x)
with x, y, z to the left, back and head; spacing is (z, y, x) in mm.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Collection, Iterator, Mapping

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from PIL import Image

from pycemrg_core.api import LabelArray, Mask, Region, Spacing
from schematics_builtin.pictures import Colour

_FADED = 70  # opacity, of 255, of labels that only show where the others are
GREY: Colour = (128, 132, 140)
REMOVED: Colour = (214, 0, 110)

Pixels = NDArray[np.uint8]
Point = tuple[int, int, int]


@frozen
class Picture:
    """``src`` is a PNG as a data URI, ``width`` and ``height`` are in pixels, ``alt`` describes the picture."""

    src: str
    width: int
    height: int
    alt: str


def picture(pixels: Pixels, mm: tuple[float, float], alt: str) -> Picture:
    """A picture with square pixels of RGBA ``pixels`` (rows, columns, 4) with the size ``mm`` (down, across)."""
    rows, columns = pixels.shape[:2]
    unit = min(mm)
    size = max(1, round(columns * mm[1] / unit)), max(1, round(rows * mm[0] / unit))
    image = Image.fromarray(pixels).resize(size, Image.Resampling.NEAREST)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return Picture(f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}", *size, alt)


def hexadecimal(colour: Colour) -> str:
    """A colour in CSS notation, ``#rrggbb``."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def middle(box: Region) -> Point:
    """The voxel (z, y, x) in the middle of a box."""
    z, y, x = ((axis.start + axis.stop - 1) // 2 for axis in box)
    return z, y, x


def coloured(labels: LabelArray, colours: Mapping[int, Colour], strong: Collection[int] | None = None) -> Pixels:
    """RGBA of a slice of labels: the background is transparent, and labels not in ``strong`` are faded."""
    values, inverse = np.unique(labels, return_inverse=True)
    palette = [_rgba(int(value), colours, strong) for value in values]
    return np.array(palette, np.uint8)[inverse.reshape(labels.shape)]


def _rgba(value: int, colours: Mapping[int, Colour], strong: Collection[int] | None) -> tuple[int, int, int, int]:
    if value == 0:
        return 0, 0, 0, 0
    red, green, blue = colours.get(value, GREY)
    return red, green, blue, 255 if strong is None or value in strong else _FADED


def changed(before: LabelArray, after: LabelArray, colours: Mapping[int, Colour]) -> Pixels:
    """RGBA of a slice: changed voxels in their new colour, removed ones in :data:`REMOVED`, the rest in faded grey."""
    pixels = coloured(after, dict.fromkeys(np.unique(after).tolist(), GREY), strong=())
    differs = before != after
    pixels[differs] = coloured(after, colours)[differs]
    pixels[differs & (after == 0)] = (*REMOVED, 255)
    return pixels


def slices(
    array: LabelArray, at: Point, box: Region, spacing: Spacing
) -> Iterator[tuple[str, LabelArray, tuple[float, float]]]:
    """The axial, coronal and sagittal slice through a voxel, cropped to a box, with the size of a pixel in mm."""
    z, y, x = box
    mm_z, mm_y, mm_x = spacing
    yield "axial", array[at[0], y, x], (mm_y, mm_x)
    yield "coronal", array[z, at[1], x][::-1], (mm_z, mm_x)
    yield "sagittal", array[z, y, at[2]][::-1], (mm_z, mm_y)


def around(array: LabelArray, at: Point, half: Point) -> LabelArray:
    """The voxels up to ``half`` (z, y, x) away from a voxel, which is in the middle; 0 outside the image."""
    window = np.zeros([2 * reach + 1 for reach in half], array.dtype)
    inside = [slice(max(p - r, 0), max(p + r + 1, 0)) for p, r in zip(at, half, strict=True)]
    place = [slice(max(r - p, 0), max(r - p, 0) + len(range(*cut.indices(size))))
             for p, r, cut, size in zip(at, half, inside, array.shape, strict=True)]  # fmt: skip
    window[tuple(place)] = array[tuple(inside)]
    return window


def through(mask: Mask, spacing: Spacing) -> tuple[int, Point]:
    """The plane (0 axial, 1 coronal, 2 sagittal) that shows most of a mask, and the middle voxel (z, y, x).

    It takes the middle slice, not the slice with most voxels, which would cut a wall where it is parallel to the plane.
    """
    counts = [np.count_nonzero(mask, axis=tuple(other for other in range(3) if other != axis)) for axis in range(3)]
    z, y, x = (int(np.searchsorted(count.cumsum(), (count.sum() + 1) // 2)) for count in counts)
    areas = [count[at] / mm for count, at, mm in zip(counts, (z, y, x), spacing, strict=True)]
    return int(np.argmax(areas)), (z, y, x)
