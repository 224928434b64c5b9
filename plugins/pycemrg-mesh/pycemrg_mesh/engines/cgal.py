"""The engine ``cgal``: tetrahedra of a free size, by CGAL's Delaunay refinement through the package pygalmesh.

pygalmesh and CGAL's 3-D meshing are under the GPL, so nothing here comes with a plain installation.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from pycemrg_core.api import LabelVolume
from pycemrg_mesh.errors import MeshingError
from pycemrg_mesh.mesh import Mesh
from pycemrg_mesh.quality import volumes

_MOST_LABELS = 255
_ARRAY = "medit:ref"
_ANGLE = 30.0  # degrees, the smallest of a surface triangle
_DISTANCE = 0.5  # of the edge length, from the surface of the voxels
_RADIUS_TO_EDGE = 2.0
# In a regular tetrahedron, the circumradius is 0.61 of the edge.
_RADIUS = 0.62


def cgal(
    volume: LabelVolume,
    labels: Collection[int],
    *,
    edge_mm: float | None = None,
    told: Callable[[str], None] = lambda text: None,
) -> Mesh:
    """Mesh the voxels of some labels of a label map with tetrahedra whose edges are about ``edge_mm`` long.

    By default, as long as the largest spacing of the voxels. The tags are the labels. Raises :class:`MeshingError` when
    pygalmesh is not installed, there are more than 255 labels, or nothing to mesh.
    """
    pygalmesh = require_pygalmesh()
    wanted = sorted(label for label in {*labels} if label in volume.boxes)
    if not wanted or len(wanted) > _MOST_LABELS:
        raise MeshingError(f"the engine cgal meshes 1 to {_MOST_LABELS} labels, not {len(wanted):,}; give a heart")
    told("meshing with CGAL")
    region = volume.region(wanted)
    array = volume.array[region]
    codes = np.zeros(array.shape, np.uint8)
    for code, label in enumerate(wanted, 1):
        codes[array == label] = code
    edge = edge_mm or max(volume.spacing)
    with TemporaryDirectory() as folder:
        # Not generate_from_array: that of pygalmesh 0.10 gives seed and verbose to other parameters.
        path = str(Path(folder) / "heart.inr")
        pygalmesh.save_inr(np.pad(codes, 1).transpose(2, 1, 0), volume.spacing[::-1], path)
        made = pygalmesh.generate_from_inr(
            path,
            min_facet_angle=_ANGLE,
            max_radius_surface_delaunay_ball=edge * _RADIUS,
            max_facet_distance=edge * _DISTANCE,
            max_circumradius_edge_ratio=_RADIUS_TO_EDGE,
            max_cell_circumradius=edge * _RADIUS,
            verbose=False,
            seed=1,
        )
    return _in_world(volume, np.array([axis.start - 1 for axis in region]), made, np.array(wanted, np.int32))


def require_pygalmesh() -> Any:
    """The module pygalmesh. Raises :class:`MeshingError` when it is not installed."""
    try:
        import pygalmesh
    except ImportError as error:
        raise MeshingError(
            f"the engine cgal is unavailable ({error}); install a compiler, CGAL and Eigen (on Debian: apt install"
            " g++ libcgal-dev libeigen3-dev), then, in a checkout of pycemrg: python3 -m pip install ."
            " './plugins/pycemrg-mesh[cgal]'; or use --engine cut"
        ) from error
    return pygalmesh


def _in_world(volume: LabelVolume, corner: np.ndarray, made: Any, labels: np.ndarray) -> Mesh:
    """The mesh in the frame of the image, without nodes that no tetrahedron has, and all tetrahedra positive."""
    kept, nodes = np.unique(made.cells_dict["tetra"], return_inverse=True)
    tetrahedra = nodes.reshape(-1, 4).astype(np.int32)
    spacing = np.array(volume.spacing[::-1])
    grid = np.asarray(made.points, np.float64)[kept] + corner[::-1] * spacing
    world = np.array(volume.origin) + grid @ volume.orientation.cosines.T
    inverted = volumes(world, tetrahedra) < 0
    tetrahedra[inverted] = tetrahedra[inverted][:, [0, 1, 3, 2]]
    codes = np.asarray(made.cell_data_dict[_ARRAY]["tetra"]).astype(np.int64)
    return Mesh(world, tetrahedra, labels[codes - 1])
