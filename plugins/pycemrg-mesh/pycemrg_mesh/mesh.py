"""A mesh of tetrahedra with region tags."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from pycemrg_core.api import LabelVolume, Shown, counted

Points = NDArray[np.float64]
Nodes = NDArray[np.int32]

BLOCK = 1 << 19
"""The number of tetrahedra that are worked on at once, to limit the memory."""


@frozen(eq=False, repr=False)
class Mesh(Shown):
    """Tetrahedra with region tags.

    ``points`` (n, 3) are (x, y, z) in mm, in the frame of the image. ``tetrahedra`` (m, 4) are nodes, counted from 0,
    in the order of VTK: seen from the fourth node, the first three run clockwise, so that the volume is positive.
    ``tags`` (m,) are the labels.
    """

    points: Points
    tetrahedra: Nodes
    tags: Nodes

    @property
    def in_short(self) -> str:
        """How many tetrahedra, points and tags."""
        return f"{len(self.tetrahedra):,} tetrahedra, {counted(len(self.points), 'point')}"

    def with_tags(self, mapping: Mapping[int, int]) -> Mesh:
        """The same mesh with other tags: ``mapping`` has the new tag of each tag of the mesh."""
        old = np.unique(self.tags)
        new = np.array([mapping[tag] for tag in old.tolist()], np.int32)
        return attrs.evolve(self, tags=new[np.searchsorted(old, self.tags)])

    def in_grid_frame(self, volume: LabelVolume) -> Mesh:
        """The same mesh in the frame of the grid of ``volume``: a point is index times spacing, as in an ``.inr``.

        The tetrahedra stay positive, also where the image axes are left-handed.
        """
        points = (self.points - np.array(volume.origin)) @ volume.orientation.cosines
        nodes = self.tetrahedra if np.linalg.det(volume.orientation.cosines) > 0 else self.tetrahedra[:, [0, 1, 3, 2]]
        return Mesh(points, nodes, self.tags)


def voxels_at(points: Points, volume: LabelVolume) -> NDArray[np.int64]:
    """The indices (z, y, x), (n, 3), of the voxels that points (n, 3) of the frame of the image are in."""
    grid = (points - np.array(volume.origin)) @ volume.orientation.cosines / np.array(volume.spacing[::-1])
    found: NDArray[np.int64] = np.floor(grid[:, ::-1] + 0.5).astype(np.int64)
    return found


def blocks(count: int, size: int = BLOCK) -> Iterator[slice]:
    """Slices that cover ``count`` rows, ``size`` at a time."""
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))
