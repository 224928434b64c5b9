"""The engine ``cgal``: tetrahedra of a free size, by CGAL's Delaunay refinement through the package pygalmesh.

pygalmesh and CGAL's 3-D meshing are under the GPL, so nothing here comes with a plain installation.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from pycemrg_core.api import LabelVolume
from pycemrg_mesh.engines import labels_there
from pycemrg_mesh.errors import MeshingError
from pycemrg_mesh.mending import mended
from pycemrg_mesh.mesh import Mesh, Nodes, Points
from pycemrg_mesh.quality import volumes
from pycemrg_mesh.relaxing import relaxed

_MOST_LABELS = 253
_ANGLE = 30.0  # degrees, the smallest of a surface triangle; CGAL may not end above
_RADIUS_TO_EDGE = 2.0  # CGAL may not end below
# Circumradii over the edge length that comes out, as measured on hearts.
_TRIANGLE, _TETRAHEDRON = 0.65, 0.85
_AROUND = 4.0  # edge lengths, of the tetrahedra that are dropped
_DISTANCE = (
    0.35  # of a voxel, or of half an edge, from the surface: rings keep their volume, and stairs are not followed
)


@frozen(eq=False)
class _Coded:
    """What CGAL meshes: labels as codes 1 to n, enclosed spaces and blood as n + 1, a layer of the outside as n + 2.

    CGAL starts from surfaces that it finds by chance, and takes a shell for nothing when its inside is like its
    outside. With all sides in the mesh, pinches can be mended too. ``corner`` (z, y, x) is the first voxel.
    """

    codes: NDArray[np.uint8]
    spaces: Nodes
    corner: NDArray[np.int64]


def cgal(
    volume: LabelVolume,
    labels: Collection[int],
    *,
    edge_mm: float | None = None,
    told: Callable[[str], None] = lambda text: None,
) -> Mesh:
    """Mesh the voxels of some labels of a label map with tetrahedra whose edges are about ``edge_mm`` long.

    By default, as long as the largest spacing of the voxels. The tags are the labels. What CGAL leaves in loose pieces,
    or touching itself only by an edge or a node, is mended: see :mod:`pycemrg_mesh.mending`. Raises
    :class:`MeshingError` when pygalmesh is not installed, there are more than 253 labels, nothing to mesh or a
    label too large for a tag, or CGAL fails.
    """
    from scipy import ndimage

    require_pygalmesh()
    wanted = labels_there(volume, labels)
    if len(wanted) > _MOST_LABELS:
        raise MeshingError(
            f"the engine cgal meshes {_MOST_LABELS} labels at most, not {len(wanted):,}; give a heart, or use"
            " --engine cut"
        )
    told("meshing with CGAL")
    edge = edge_mm or max(volume.spacing)
    coded = _coded(volume, wanted, edge + 2 * max(volume.spacing))
    points, tetrahedra, found = run_cgal(coded.codes, volume.spacing, edge)
    tags = np.array([0, *wanted, 0, 0], np.int32)[found]
    if not tags.any():
        raise MeshingError(
            f"CGAL made no tetrahedra with edges of {edge:g} mm; give a shorter edge length, or use --engine cut"
        )
    told("mending")
    middle = np.floor(points[tetrahedra].mean(axis=1)[:, ::-1] / np.array(volume.spacing) + 0.5).astype(np.int64)
    voxel = np.clip(middle, 0, np.array(coded.codes.shape) - 1)
    pieces = {label: ndimage.label(volume.mask(label, volume.region(label)))[1] for label in wanted}
    tags = mended(tetrahedra, tags, coded.spaces[tuple(voxel.T)], pieces)
    return _in_world(volume, coded.corner, points, tetrahedra[tags > 0], tags[tags > 0])


def require_pygalmesh() -> None:
    """Refuse to go on without pygalmesh. Raises :class:`MeshingError`."""
    try:
        import pygalmesh  # noqa: F401
    except ImportError as error:
        raise MeshingError(
            f"the engine cgal is unavailable ({error}); install a compiler, CGAL and Eigen (on Debian: apt install"
            " g++ libcgal-dev libeigen3-dev), then, in a checkout of pycemrg: python3 -m pip install ."
            " './plugins/pycemrg-mesh[cgal]'; or use --engine cut"
        ) from error


def run_cgal(
    codes: NDArray[np.uint8], spacing: tuple[float, float, float], edge: float
) -> tuple[Points, Nodes, NDArray[np.int64]]:
    """Mesh an array (z, y, x) of codes: the points (x, y, z) in mm from its first voxel, tetrahedra, and their codes.

    The two largest codes are what is meshed and dropped, with larger tetrahedra.

    CGAL runs in a process of its own, which ends with the command: inside of this one, nothing could stop it.
    """
    last = int(codes.max())
    sizes = {"default": edge * _TETRAHEDRON} | {str(code): edge * _AROUND for code in (last - 1, last)}
    options: dict[str, Any] = {
        "lloyd": False,
        "odt": False,
        # Both take minutes and leave some slivers, where a few nodes that move leave none.
        "perturb": False,
        "exude": False,
        "min_facet_angle": _ANGLE,
        "max_radius_surface_delaunay_ball": edge * _TRIANGLE,
        "max_facet_distance": _DISTANCE * max(*spacing, edge / 2),
        "max_circumradius_edge_ratio": _RADIUS_TO_EDGE,
        "verbose": False,
        "seed": 1,
    }
    with TemporaryDirectory() as folder:
        place = Path(folder)
        np.savez(place / "image.npz", codes=codes, spacing=np.array(spacing))
        # -P: no file of the current folder may stand in for a package.
        command = [sys.executable, "-P", "-m", "pycemrg_mesh.engines.cgal_process", folder]
        command += [json.dumps(sizes), json.dumps(options)]
        there = {**os.environ, "TMPDIR": folder}  # pygalmesh leaves its file when it is stopped
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, env=there)
        if done.returncode:
            said = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
            memory = " (-9: the system stopped it, mostly for want of memory)" if done.returncode == -9 else ""
            raise MeshingError(
                f"CGAL failed with edges of {edge:g} mm: {said}{memory}; give a longer edge length, or use --engine cut"
            )
        with np.load(place / "mesh.npz") as made:
            return made["points"], made["tetrahedra"], made["codes"]


def _coded(volume: LabelVolume, wanted: list[int], layer_mm: float) -> _Coded:
    from scipy import ndimage

    region = volume.region(wanted)
    widths = [int(np.ceil(layer_mm / mm)) + 1 for mm in volume.spacing]
    array = volume.array[region]
    inner = np.zeros(array.shape, np.uint8)
    for code, label in enumerate(wanted, 1):
        inner[array == label] = code
    codes = np.pad(inner, [(width, width) for width in widths])
    spaces, _ = ndimage.label(codes == 0, np.ones((3, 3, 3)))
    outside = spaces == spaces[0, 0, 0]
    near = ndimage.distance_transform_edt(codes == 0, sampling=volume.spacing) <= layer_mm
    codes[(codes == 0) & outside & near] = len(wanted) + 2
    codes[(codes == 0) & ~outside] = len(wanted) + 1
    corner = np.array([axis.start - width for axis, width in zip(region, widths, strict=True)])
    return _Coded(codes, spaces.astype(np.int32), corner)


def _in_world(volume: LabelVolume, corner: NDArray[np.int64], points: Points, tetrahedra: Nodes, tags: Nodes) -> Mesh:
    """The mesh in the frame of the image, without nodes that no tetrahedron has, and all tetrahedra positive."""
    kept, nodes = np.unique(tetrahedra, return_inverse=True)
    positive = nodes.reshape(-1, 4).astype(np.int32)
    grid = points[kept] + (corner * np.array(volume.spacing))[::-1]
    world = np.array(volume.origin) + grid @ volume.orientation.cosines.T
    inverted = volumes(world, positive) < 0
    positive[inverted] = positive[inverted][:, [0, 1, 3, 2]]
    return Mesh(relaxed(world, positive), positive, tags)
