"""The engine ``cut``: five tetrahedra for each voxel, with the surfaces between the labels smoothed."""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np
from numpy.typing import NDArray

from pycemrg_core.api import LabelVolume
from pycemrg_mesh.engines import labels_there
from pycemrg_mesh.lattice import Lattice, cut_voxels
from pycemrg_mesh.mesh import Mesh, Nodes, Points
from pycemrg_mesh.smoothing import ROUNDS, require_rounds, smoothed


def cut(
    volume: LabelVolume,
    labels: Collection[int],
    *,
    rounds: int = ROUNDS,
    told: Callable[[str], None] = lambda text: None,
) -> Mesh:
    """Mesh the voxels of some labels of a label map.

    The tetrahedra conform, each has the label of its voxel as tag, and all are positive in the frame of the image.
    ``rounds`` is how often the surfaces are smoothed; 0 leaves the stairs of the voxels. ``told`` is called with what
    is done next. Raises :class:`MeshingError` when ``rounds`` is not from 0 to 1,000, no voxel has one of the
    labels, or a label is too large for a tag.
    """
    require_rounds(rounds)
    wanted = labels_there(volume, labels)
    told("cutting voxels")
    region = volume.region(wanted)
    array = volume.array[region]
    codes = np.zeros(array.shape, np.uint8 if len(wanted) < 256 else np.uint16)
    for code, label in enumerate(wanted, 1):
        codes[array == label] = code
    lattice = cut_voxels(codes)
    codes = codes[codes > 0]
    tags = np.repeat(np.array(wanted, np.int32)[codes - 1], 5)
    told("smoothing surfaces")
    points = smoothed(lattice, codes, volume.spacing, rounds)
    return _in_world(volume, np.array([axis.start for axis in region]), lattice, points, tags)


def _in_world(volume: LabelVolume, corner: NDArray[np.int64], lattice: Lattice, points: Points, tags: Nodes) -> Mesh:
    """The mesh in the frame of the image; the lattice begins half a voxel before the voxel ``corner`` (z, y, x)."""
    cosines = volume.orientation.cosines
    first = (corner - 0.5) * np.array(volume.spacing)
    world = np.array(volume.origin) + (points + first[::-1]) @ cosines.T
    nodes = lattice.tetrahedra
    if np.linalg.det(cosines) < 0:
        nodes[:, [2, 3]] = nodes[:, [3, 2]]
    return Mesh(world, nodes, tags)
