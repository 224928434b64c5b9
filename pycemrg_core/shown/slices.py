"""Three slices through a label map as a small picture, for a notebook."""

from __future__ import annotations

import colorsys
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SIDE = 160  # pixels of the longest side of the heart
_VOID = (243, 244, 246)


def slices_png(volume: Any) -> bytes:
    """A PNG of three slices through the middle of the labels of a ``LabelVolume``, side by side.

    They are along z, y and x, in the grid's own axes. Each label has a colour of its own. Without any label, the result
    is empty.
    """
    if not volume.boxes:
        return b""
    boxes = list(volume.boxes.values())
    low = [min(box[axis].start for box in boxes) for axis in range(3)]
    high = [max(box[axis].stop for box in boxes) for axis in range(3)]
    scale = _SIDE / max((b - a) * mm for a, b, mm in zip(low, high, volume.spacing, strict=True))
    tiles = []
    for axis in range(3):
        place = [slice(a, b) for a, b in zip(low, high, strict=True)]
        middle = (low[axis] + high[axis]) // 2
        place[axis] = slice(middle, middle + 1)
        labels = volume.array[tuple(place)].squeeze(axis)
        down, across = (mm for other, mm in enumerate(volume.spacing) if other != axis)
        tiles.append(_tile(labels if axis == 0 else labels[::-1], down * scale, across * scale))
    return _png(np.concatenate(tiles, axis=1))


def _tile(labels: NDArray[np.integer], down: float, across: float) -> NDArray[np.uint8]:
    """The slice in colours, in the middle of a square; a voxel is ``down`` x ``across`` pixels."""
    height, width = (max(1, round(n * size)) for n, size in zip(labels.shape, (down, across), strict=True))
    rows = np.arange(height) * labels.shape[0] // height
    columns = np.arange(width) * labels.shape[1] // width
    values, inverse = np.unique(labels[np.ix_(rows, columns)], return_inverse=True)
    palette = np.array([_colour(int(value)) for value in values], np.uint8)
    tile = np.full((_SIDE + 8, _SIDE + 8, 3), _VOID, np.uint8)
    top, left = (tile.shape[0] - height) // 2, (tile.shape[1] - width) // 2
    tile[top : top + height, left : left + width] = palette[inverse.reshape(height, width)]
    return tile


def _colour(label: int) -> tuple[int, int, int]:
    if not label:
        return _VOID
    # Steps of the golden ratio round the colour circle: neighbouring integers differ most.
    red, green, blue = colorsys.hsv_to_rgb(label * 0.618034 % 1.0, 0.55, 0.85)
    return int(red * 255), int(green * 255), int(blue * 255)


def _png(pixels: NDArray[np.uint8]) -> bytes:
    height, width, _ = pixels.shape
    lines = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], axis=1)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(lines.tobytes())), (b"IEND", b""))
    packed = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)
