"""From a mesh in its own unit and frame to mm in the world of an image, with the mistakes that this invites refused."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pyvista as pv
import SimpleITK as sitk

from pycemrg_spatial.errors import MeshError
from pycemrg_spatial.geometry import Floats, bounding_box, image_box, inr_to_world

Unit = Literal["mm", "um", "m"]
Frame = Literal["world", "inr"]

MM = {"mm": 1.0, "um": 1e-3, "m": 1e3}
_NAMES = {"mm": "millimetres", "um": "micrometres", "m": "metres"}
# A mesh so many times larger than the image is in another unit: a torso round a heart is five times larger.
_TOO_LARGE = 20.0


def place(
    grid: pv.UnstructuredGrid,
    image: sitk.Image,
    unit: Unit = "mm",
    frame: Frame = "world",
    *,
    names: tuple[str, str] = ("the mesh", "the image"),
) -> pv.UnstructuredGrid:
    """The same mesh in mm in the image's world; the given one is left as it is.

    ``frame`` ``inr``: the points are index times spacing, as in a mesh made from an ``.inr``. ``names`` are what errors
    call the two. Raises :class:`MeshError`, with both boxes in mm and what would help, when the mesh lies nowhere in
    the image, is over twenty times as large as the image or smaller than one voxel.
    """
    own = np.asarray(grid.points, float)
    placed = grid.copy(deep=False)
    points = _world(own, image, unit, frame)
    # Assigning an array would write into the points that both share.
    placed.points = pv.vtk_points(points)
    wrong = _misfit(points, image)
    if wrong:
        mesh_name, image_name = names
        raise MeshError(
            f"{mesh_name} {wrong} {image_name}: in mm, the mesh is {_shown(bounding_box(points))}"
            f" and the image {_shown(image_box(image))}. {_hint(own, image, unit, frame)}"
        )
    return placed


def _world(own: Floats, image: sitk.Image, unit: Unit, frame: Frame) -> Floats:
    points = own * MM[unit]
    return inr_to_world(points, image) if frame == "inr" else points


def _misfit(points: Floats, image: sitk.Image) -> str:
    mesh, grid = bounding_box(points), image_box(image)
    extent = float(np.linalg.norm(mesh[1] - mesh[0]))
    if extent > _TOO_LARGE * np.linalg.norm(grid[1] - grid[0]):
        return "is far larger than"
    if extent < min(image.GetSpacing()):
        return "is smaller than a voxel of"
    if (np.minimum(mesh[1], grid[1]) < np.maximum(mesh[0], grid[0])).any():
        return "does not overlap"
    return ""


def _hint(own: Floats, image: sitk.Image, unit: Unit, frame: Frame) -> str:
    """What would make the mesh fit: the first that does, of another unit, another frame and another world."""
    units: tuple[Unit, ...] = ("um", "mm", "m")
    for other in units:
        if other != unit and not _misfit(_world(own, image, other, frame), image):
            return f"Its coordinates look like {_NAMES[other]}: use --mesh-unit {other}."
    fits: list[tuple[float, str]] = []
    for choice in units:
        also = "" if choice == unit else f" --mesh-unit {choice}"
        local, turned = _world(own, image, choice, "inr"), _world(own * (-1, -1, 1), image, choice, frame)
        if not _misfit(turned, image):
            negate = "It overlaps when x and y are negated, so one is LPS and the other RAS: negate them in the mesh"
            fits.append((_share(turned, image), f"{negate}{also and f' and use{also}'}."))
        if frame == "world" and not _misfit(local, image):
            made = "It may be made from an .inr, which has no origin: use --mesh-frame inr"
            fits.append((_share(local, image), f"{made}{also}."))
    if fits:
        return max(fits, key=lambda fit: fit[0])[1]
    return "Check that they belong together, and the mesh's unit (--mesh-unit)."


def _share(points: Floats, image: sitk.Image) -> float:
    """The part of the points that lies in the image's box."""
    low, high = image_box(image)
    return float(((points >= low) & (points <= high)).all(axis=1).mean())


def _shown(box: Floats) -> str:
    sides = [f"{low:.6g} to {high:.6g}" for low, high in box.T]
    return f"x {sides[0]}, y {sides[1]}, z {sides[2]}"
