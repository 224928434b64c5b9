"""Convert a mesh from its unit and frame to world coordinates of an image in mm, and refuse meshes that do not fit."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pyvista as pv
import SimpleITK as sitk

from pycemrg_core.api import AnyImage, image_given
from pycemrg_spatial.errors import MeshError
from pycemrg_spatial.geometry import Floats, bounding_box, image_box, inr_to_world
from pycemrg_spatial.segsmooth import Segsmooth

Unit = Literal["mm", "um", "m"]
Frame = Literal["world", "inr"]

MM = {"mm": 1.0, "um": 1e-3, "m": 1e3}
_NAMES = {"mm": "millimetres", "um": "micrometres", "m": "metres"}
# A mesh this many times larger than the image has another unit: a torso around a heart is only five times larger.
_TOO_LARGE = 20.0


def place(
    grid: pv.UnstructuredGrid,
    image: AnyImage,
    unit: Unit = "mm",
    frame: Frame = "world",
    *,
    segsmooth: Segsmooth | None = None,
    names: tuple[str, str] = ("the mesh", "the image"),
) -> pv.UnstructuredGrid:
    """Return the mesh in world coordinates of the image, in mm; the given mesh is not changed.

    ``frame`` ``inr``: the points are index times spacing, as in a mesh made from an ``.inr``. ``segsmooth``: that
    ``.inr`` was made from the output of segsmooth; ``frame`` is then not used. Errors call mesh and image by their
    ``names``. Raises :class:`MeshError`, with both boxes in mm and what to do, when the mesh does
    not overlap the image, is over twenty times as large as the image, or is smaller than one voxel.
    """
    image = image_given(image)
    own = np.asarray(grid.points, float)
    placed = grid.copy(deep=False)
    points = segsmooth.to_world(own * MM[unit]) if segsmooth else _world(own, image, unit, frame)
    # Assigning an array would write into the points, which both meshes share.
    placed.points = pv.vtk_points(points)
    wrong = _misfit(points, image)
    if wrong:
        mesh_name, image_name = names
        raise MeshError(
            f"{mesh_name}: {wrong} {image_name}: in mm, the mesh is {_shown(bounding_box(points))}"
            f" and the image is {_shown(image_box(image))}; {_hint(own, image, unit, frame)}"
        )
    return placed


def _world(own: Floats, image: sitk.Image, unit: Unit, frame: Frame) -> Floats:
    points = own * MM[unit]
    return inr_to_world(points, image) if frame == "inr" else points


def _misfit(points: Floats, image: sitk.Image) -> str:
    mesh, grid = bounding_box(points), image_box(image)
    extent = float(np.linalg.norm(mesh[1] - mesh[0]))
    if extent > _TOO_LARGE * np.linalg.norm(grid[1] - grid[0]):
        return "far larger than"
    if extent < min(image.GetSpacing()):
        return "smaller than a voxel of"
    if (np.minimum(mesh[1], grid[1]) < np.maximum(mesh[0], grid[0])).any():
        return "no overlap with"
    return ""


def _hint(own: Floats, image: sitk.Image, unit: Unit, frame: Frame) -> str:
    """What to do to make the mesh fit: try another unit, then another frame, then another world."""
    units: tuple[Unit, ...] = ("um", "mm", "m")
    for other in units:
        if other != unit and not _misfit(_world(own, image, other, frame), image):
            return f"its coordinates look like {_NAMES[other]}: use --mesh-unit {other}"
    fits: list[tuple[float, str]] = []
    for choice in units:
        also = "" if choice == unit else f" --mesh-unit {choice}"
        local, turned = _world(own, image, choice, "inr"), _world(own * (-1, -1, 1), image, choice, frame)
        if not _misfit(turned, image):
            negate = "it overlaps when x and y are negated, so one is LPS and the other RAS: negate them in the mesh"
            fits.append((_share(turned, image), f"{negate}{also and f' and use{also}'}"))
        if frame == "world" and not _misfit(local, image):
            made = "it may be made from an .inr, which has no origin: use --mesh-frame inr"
            fits.append((_share(local, image), f"{made}{also}"))
    if fits:
        return max(fits, key=lambda fit: fit[0])[1]
    return "make sure that they belong together, and that --mesh-unit is right"


def _share(points: Floats, image: sitk.Image) -> float:
    """The share of the points inside the box of the image."""
    low, high = image_box(image)
    return float(((points >= low) & (points <= high)).all(axis=1).mean())


def _shown(box: Floats) -> str:
    sides = [f"{low:.6g} to {high:.6g}" for low, high in box.T]
    return f"x {sides[0]}, y {sides[1]}, z {sides[2]}"
