"""One picture of a run: three orthogonal slices, before and after, with a legend."""

from __future__ import annotations

import colorsys
import io
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from pycemrg_core.api import (
    AnyImage,
    FinishedRun,
    ImageError,
    LabelArray,
    Made,
    Region,
    Spacing,
    hull,
    oriented_lps,
    shape_of,
    volume_given,
)

_PAPER, _INK, _MUTED = (255, 255, 255), (28, 30, 36), (110, 116, 128)
_VOID = (243, 244, 246)
_TILE = 340  # pixels of the longer side of a slice
_GAP, _MARGIN, _LINE, _ENTRY = 14, 24, 22, 170

Colour = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""


def colour_of(label: int, name: str, colours: Mapping[str, str]) -> Colour:
    """The colour given for a name as ``#rrggbb``. Without one, a different colour for each label."""
    given = colours.get(name)
    if given:
        return int(given[1:3], 16), int(given[3:5], 16), int(given[5:7], 16)
    red, green, blue = colorsys.hsv_to_rgb(label * 0.618034 % 1.0, 0.55, 0.85)
    return int(red * 255), int(green * 255), int(blue * 255)


def picture(run: FinishedRun, made: Mapping[str, Made]) -> Made:
    """Slices before and after a run, as a PNG. Its text ``voxels_sha256`` says which image it shows."""
    if run.prepared is None:
        raise ImageError("the input of the run no longer exists: cannot draw it; put it back, or run again")
    png, about = io.BytesIO(), {"voxels_sha256": run.voxels_sha256}
    draw_slices(run.prepared.volume, run.result.volume, run.plan.names, run.colours, png, about)
    return Made(png.getvalue())


def draw_slices(
    before: AnyImage,
    after: AnyImage,
    names: Mapping[int, str],
    colours: Mapping[str, str],
    target: Path | BinaryIO,
    about: Mapping[str, str] | None = None,
) -> None:
    """Write a PNG of axial, coronal and sagittal slices through the middle of the heart.

    ``names`` are label names by integer, ``colours`` are ``#rrggbb`` by name, ``about`` texts to keep in the file.
    ``before`` and ``after`` are label maps or their paths. Slices are shown as a radiologist does: the patient's left
    on the right, anterior and superior up.
    """
    volumes = [oriented_lps(volume_given(image)) for image in (before, after)]
    boxes, spacing = volumes[1].boxes, volumes[1].spacing
    box = hull(*boxes.values())
    longest = max(size * mm for size, mm in zip(shape_of(box), spacing, strict=True))
    rows = [
        [_tile(view, _TILE / longest, names, colours) for view in _views(volume.array, box, spacing)]
        for volume in volumes
    ]
    texts = PngInfo()
    for key, text in (about or {}).items():
        texts.add_text(key, text)
    page = _page(rows, [(names.get(label, str(label)), label) for label in boxes], colours)
    page.save(target, format="PNG", pnginfo=texts)


def _views(array: LabelArray, box: Region, spacing: Spacing) -> list[tuple[LabelArray, float, float]]:
    """Axial, coronal and sagittal slices, cropped to the heart, with the pixel height and width in mm."""
    z, y, x = box
    at = [(side.start + side.stop - 1) // 2 for side in box]
    mm_z, mm_y, mm_x = spacing
    return [
        (array[at[0], y, x], mm_y, mm_x),
        (array[z, at[1], x][::-1], mm_z, mm_x),
        (array[z, y, at[2]][::-1], mm_z, mm_y),
    ]


def _tile(
    view: tuple[LabelArray, float, float],
    pixels_per_mm: float,
    names: Mapping[int, str],
    colours: Mapping[str, str],
) -> Image.Image:
    labels, mm_down, mm_across = view
    values, inverse = np.unique(labels, return_inverse=True)
    palette = [_VOID if value == 0 else colour_of(int(value), names.get(int(value), ""), colours) for value in values]
    pixels = np.array(palette, np.uint8)[inverse.reshape(labels.shape)]
    height, width = labels.shape[0] * mm_down, labels.shape[1] * mm_across
    size = max(1, round(width * pixels_per_mm)), max(1, round(height * pixels_per_mm))
    tile = Image.new("RGB", (_TILE, _TILE), _VOID)
    resized = Image.fromarray(pixels).resize(size, Image.Resampling.NEAREST)
    tile.paste(resized, ((_TILE - size[0]) // 2, (_TILE - size[1]) // 2))
    return tile


def _page(rows: list[list[Image.Image]], legend: list[tuple[str, int]], colours: Mapping[str, str]) -> Image.Image:
    font, bold = ImageFont.load_default(15), ImageFont.load_default(17)
    columns = len(rows[0])
    width = 2 * _MARGIN + columns * _TILE + (columns - 1) * _GAP
    across = max(1, (width - 2 * _MARGIN) // _ENTRY)
    legend_lines = -(-len(legend) // across)
    row_height = _LINE + 6 + _TILE + _GAP
    height = 2 * _MARGIN + len(rows) * row_height + legend_lines * _LINE
    page = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(page)
    for r, (title, row) in enumerate(zip(("before", "after"), rows, strict=True)):
        top = _MARGIN + r * row_height
        for c, (plane, tile) in enumerate(zip(("axial", "coronal", "sagittal"), row, strict=True)):
            left = _MARGIN + c * (_TILE + _GAP)
            draw.text((left, top), title if c == 0 else "", _INK, font=bold)
            draw.text((left + _TILE, top), plane, _MUTED, font=font, anchor="ra")
            page.paste(tile, (left, top + _LINE + 6))
    top = _MARGIN + len(rows) * row_height
    for i, (name, label) in enumerate(legend):
        left, y = _MARGIN + (i % across) * _ENTRY, top + i // across * _LINE
        draw.rounded_rectangle((left, y + 3, left + 13, y + 16), 3, fill=colour_of(label, name, colours))
        draw.text((left + 20, y), f"{label}  {name.removesuffix('_label')}", _INK, font=font)
    return page
