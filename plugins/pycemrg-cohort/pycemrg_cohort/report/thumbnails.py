"""Make small pictures of hearts as PNG data URIs, with transparent background so that they fit any page."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping

import numpy as np
from attrs import frozen
from PIL import Image

from pycemrg_core.api import AnyImage, LabelArray, LabelVolume, hull, oriented_lps, volume_given
from schematics_builtin.pictures import Colour, colour_of

TILE, GAP = 96, 6  # pixels
_COLOURS = 255  # a palette of bytes, without the transparent entry


@frozen
class Thumbnail:
    """``src`` is a PNG as a data URI, ``width`` and ``height`` are in pixels, ``alt`` describes the picture."""

    src: str
    width: int
    height: int
    alt: str


def thumbnail(image: AnyImage, names: Mapping[int, str], colours: Mapping[str, str], alt: str) -> Thumbnail:
    """Draw the axial, coronal and sagittal slice through the middle of a heart, side by side, with square pixels.

    The view is the radiological one: the patient's left is on the right, front and head are up. ``names`` are label
    names by integer, ``colours`` are ``#rrggbb`` by name.
    """
    views = _views(oriented_lps(volume_given(image)))
    labels = np.unique(np.concatenate([view.ravel() for view, _, _ in views]))
    labels = labels[labels != 0]
    size = 3 * TILE + 2 * GAP, TILE
    page = Image.new("P", size)
    page.putpalette([0, 0, 0, *(part for label in labels[:_COLOURS] for part in _colour(int(label), names, colours))])
    longest = max(max(view.shape[0] * down, view.shape[1] * across) for view, down, across in views)
    for column, (view, down, across) in enumerate(views):
        indices = np.where(view != 0, np.searchsorted(labels, view) % _COLOURS + 1, 0).astype(np.uint8)
        scale = TILE / longest
        width, height = (max(1, round(n * mm * scale)) for n, mm in zip(view.shape[::-1], (across, down), strict=True))
        tile = Image.fromarray(indices).resize((width, height), Image.Resampling.NEAREST)
        page.paste(tile, (column * (TILE + GAP) + (TILE - width) // 2, (TILE - height) // 2))
    buffer = io.BytesIO()
    page.save(buffer, "PNG", optimize=True, transparency=0)
    return Thumbnail(f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}", *size, alt)


def _views(upright: LabelVolume) -> list[tuple[LabelArray, float, float]]:
    """The slices through the middle of the heart, cropped to the heart, with the height and width of a pixel in mm."""
    array = upright.array
    z, y, x = hull(*upright.boxes.values())
    at = [(side.start + side.stop - 1) // 2 for side in (z, y, x)]
    mm_z, mm_y, mm_x = upright.spacing
    return [
        (array[at[0], y, x], mm_y, mm_x),
        (array[z, at[1], x][::-1], mm_z, mm_x),
        (array[z, y, at[2]][::-1], mm_z, mm_y),
    ]


def _colour(label: int, names: Mapping[int, str], colours: Mapping[str, str]) -> Colour:
    return colour_of(label, names.get(label, ""), colours)
