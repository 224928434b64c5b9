"""Undo what ``segsmooth`` does to the frame of an image, and of a mesh that is made from its output.

segsmooth reads of the space directions of a NRRD file only the diagonal, and takes it for the spacing. So its output
has no rotation, each axis is stretched by 1 / cos of its angle, and mirrored where the diagonal is negative. That is a
linear map, which the two headers determine: segsmooth places voxel i of its input at origin + diagonal * i, which lies
in the world at origin + direction * spacing * i.

Points are (x, y, z) in mm, LPS as in SimpleITK.
"""

from __future__ import annotations

import os

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from attrs import frozen

from pycemrg_core.api import name_of, parse_number, read_geometry
from pycemrg_spatial.errors import MeshError
from pycemrg_spatial.geometry import Floats

_LPS = ("left-posterior-superior", "lps")
_LEAST = 1e-6  # a smaller diagonal is the rounding of zero


@frozen(eq=False)
class Segsmooth:
    """The frame of one run of segsmooth.

    ``direction`` (3, 3) and ``origin`` are those of the image that it was given; ``start`` is where its output begins,
    the ``axis mins`` of that header.
    """

    direction: Floats
    origin: Floats
    start: Floats

    @property
    def matrix(self) -> Floats:
        """The (3, 3) map from the axes of the output to those of the world: the direction, over its diagonal."""
        return self.direction / np.diagonal(self.direction)

    def to_world(self, points: npt.ArrayLike) -> Floats:
        """World coordinates (n, 3) of the points of a mesh that was made from the output by way of an ``.inr``.

        Such points are index times spacing of the output, in mm.
        """
        offset = np.asarray(points, float) + self.start - self.origin
        world: Floats = self.origin + offset @ self.matrix.T
        return world

    def image_in_world(self, output: sitk.Image) -> sitk.Image:
        """The output of segsmooth as a new image with its true spacing, origin and direction; the same voxels."""
        diagonal = np.diagonal(self.direction)
        placed = sitk.Image(output)
        placed.SetSpacing((np.array(output.GetSpacing()) / np.abs(diagonal)).tolist())
        placed.SetDirection((self.direction * np.sign(diagonal)).ravel().tolist())
        placed.SetOrigin(self.to_world([0.0, 0.0, 0.0]).tolist())
        return placed


def read_segsmooth(given: str | os.PathLike[str], output: str | os.PathLike[str]) -> Segsmooth:
    """Read the frame from the headers of the NRRD file that segsmooth was given, and of the one that it wrote.

    Raises :class:`MeshError` when these are not such files, or when the diagonal has a zero, and ``ImageError``.
    """
    geometry, fields = read_geometry(given), _fields(given)
    name = name_of(given)
    if "space directions" not in fields or fields.get("space", "").lower() not in _LPS:
        raise MeshError(
            f"{name}: its header has no space directions in left-posterior-superior, which SimpleITK writes; give the"
            " file that segsmooth was given"
        )
    direction = np.reshape(geometry["direction"], (3, 3))
    for axis, value in zip("xyz", np.diagonal(direction), strict=True):
        if abs(value) < _LEAST:
            raise MeshError(
                f"{name}: the axis {axis} is at a right angle to that of the world, so segsmooth cannot have read a"
                " spacing from it; give the file that segsmooth was given"
            )
    read_geometry(output)
    text = _fields(output).get("axis mins", "")
    start = [parse_number(word) for word in text.split()]
    if len(start) != 3 or None in start:
        raise MeshError(f"{name_of(output)}: its header has no axis mins of three numbers; give the file of segsmooth")
    return Segsmooth(direction=direction, origin=np.array(geometry["origin"]), start=np.array(start, float))


def _fields(path: str | os.PathLike[str]) -> dict[str, str]:
    """The fields of the text header of a NRRD file, whose form was checked before."""
    found: dict[str, str] = {}
    with open(path, "rb") as file:
        if not file.readline().startswith(b"NRRD"):
            raise MeshError(f"{name_of(path)}: is not a NRRD file; segsmooth reads and writes .nrrd")
        for line in iter(file.readline, b""):
            key, _, value = line.decode("utf-8", "replace").partition(":")
            if not key.strip():
                break
            found.setdefault(" ".join(key.lower().split()), value.strip())
    return found
