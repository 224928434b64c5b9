"""The spaces without tissue of a heart, and the surface of the mesh round each of them."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from pycemrg_core.api import Heart
from pycemrg_mesh.mesh import Nodes, Points, voxels_at
from pycemrg_mesh.surfaces import Surfaces

OUTSIDE = "epicardium"

_CHAMBERS = ("LV", "RV", "LA", "RA")
_UNFIT = re.compile(r"[^A-Za-z0-9.-]+")
_OUT = 0.25  # of the smallest spacing: from a triangle into the space that it bounds


@frozen(eq=False)
class Spaces:
    """The connected spaces without tissue; space 0 is the outside.

    ``number`` (z, y, x) is the space of each voxel, -1 in tissue, in a box that begins at the voxel ``corner`` and is
    one voxel wider than the tissue on each side. ``names`` are their names, and ``voxels`` their numbers of voxels
    (0 for the outside, which has no end).
    """

    number: NDArray[np.int32]
    corner: NDArray[np.int64]
    names: tuple[str, ...]
    voxels: tuple[int, ...]

    def of(self, surfaces: Surfaces, points: Points, heart: Heart) -> Nodes:
        """The space that each piece of the surface bounds: the one that most of its triangles face."""
        volume = heart.volume
        a, b, c = (points[surfaces.triangles[:, k]] for k in range(3))
        normal = np.cross(b - a, c - a)
        normal /= np.maximum(np.linalg.norm(normal, axis=1), 1e-12)[:, None]
        beside = (a + b + c) / 3 + _OUT * min(volume.spacing) * normal
        voxel = np.clip(voxels_at(beside, volume) - self.corner, 0, np.array(self.number.shape) - 1)
        space = self.number[tuple(voxel.T)]
        free = space >= 0
        width = len(self.names)
        votes = np.bincount(surfaces.piece[free] * width + space[free], minlength=len(surfaces.genus) * width).reshape(
            -1, width
        )
        found: Nodes = votes.argmax(axis=1).astype(np.int32)
        return found


def spaces_of(heart: Heart) -> Spaces:
    """Find the spaces, connected through faces, edges and corners, as the certificate of a heart does."""
    from scipy import ndimage

    meshed = heart.meshed
    region = heart.volume.region(meshed)
    inside = np.pad(heart.volume.array[region], 1)
    found, count = ndimage.label(~np.isin(inside, meshed), np.ones((3, 3, 3)))
    rank = np.full(count + 1, -1, np.int32)
    rank[found[0, 0, 0]] = 0
    rank[1:][rank[1:] < 0] = np.arange(1, count)
    number = rank[found]
    closed = number > 0
    width = int(inside.max(initial=0)) + 1
    pairs, voxels = np.unique(number[closed].astype(np.int64) * width + inside[closed], return_counts=True)
    sizes = np.bincount(pairs // width, weights=voxels, minlength=count).astype(np.int64)
    names = [OUTSIDE]
    for space in range(1, count):
        rows = slice(*np.searchsorted(pairs, [space * width, (space + 1) * width]))
        names.append(_name(heart, (pairs[rows] % width).tolist(), space))
    corner = np.array([axis.start - 1 for axis in region])
    return Spaces(number, corner, tuple(_told_apart(names)), tuple(sizes.tolist()))


def _name(heart: Heart, labels: Sequence[int], space: int) -> str:
    lumens = [short(heart.name(label)) for label in labels if label in heart.lumens]
    chambers = [name for name in _CHAMBERS if name in lumens]
    if chambers:
        return f"{'_'.join(chambers)}_endocardium"
    return f"{'_'.join(lumens)}_lumen" if lumens else f"cavity_{space}"


def short(name: str) -> str:
    """The name of a label without its suffixes, fit for the name of a file."""
    return _UNFIT.sub("_", name.removesuffix("_label").removesuffix("_BP"))


def _told_apart(names: Sequence[str]) -> list[str]:
    """The names, with a number after each that was there before."""
    return [f"{name}_{1 + names[:at].count(name)}" if name in names[:at] else name for at, name in enumerate(names)]
