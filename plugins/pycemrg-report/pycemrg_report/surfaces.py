"""Make surfaces of labels, and the page that shows them in 3-D.

Surfaces are made by surface nets (Gibson 1998, constrained smoothing; VTK's ``vtkSurfaceNets3D``) and thinned by
quadric decimation (Garland and Heckbert 1997). Points are (x, y, z) in mm, in the LPS frame of the image.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyvista as pv
from attrs import frozen
from fast_simplification import simplify  # type: ignore[import-untyped]
from numpy.typing import NDArray
from trimesh import Scene, Trimesh
from trimesh.viewer import scene_to_html
from trimesh.visual import TextureVisuals
from trimesh.visual.material import PBRMaterial

from schematics_builtin.pictures import Colour

if TYPE_CHECKING:
    import SimpleITK as sitk

    from pycemrg_core.api import LabelVolume

# For all labels together: with this number, the page of a whole heart stays below 8 MB.
TRIANGLES = 150_000
_COVER_MM = 2.0
_LARGE = 40_000  # faces of voxels; what is smaller is always made of its own voxels


@frozen(eq=False)
class Surface:
    """A closed surface: ``points`` (n, 3) are (x, y, z) in mm, ``triangles`` (m, 3) are indices of points."""

    points: NDArray[np.float64]
    triangles: NDArray[np.int64]


def surfaces(
    image: sitk.Image, volume: LabelVolume, triangles: int = TRIANGLES, shown: LabelVolume | None = None
) -> dict[int, Surface]:
    """The surface of every label of ``image``, whose voxels are ``volume``; about ``triangles`` in total.

    Each label gets a share of the triangles in proportion to the size of its surface. If ``shown`` is given, its labels
    are shown instead, and of ``volume`` what is not in it.
    """
    shown = shown or volume
    of = {label: shown if label in shown.boxes else volume for label in volume.boxes}
    faces = {label: _faces(its.mask(label, its.region(label))) for label, its in of.items()}
    # What is thinned to less than an eighth may as well be made of voxels twice as large, in a quarter of the time.
    fine = 2 * sum(faces.values()) <= 8 * triangles
    steps = {label: 1 if fine or count < _LARGE else 2 for label, count in faces.items()}
    made = {label: label_surface(of[label], label, step) for label, step in steps.items()}
    whole = {label: surface.n_cells * steps[label] ** 2 for label, surface in made.items()}
    kept = min(1.0, triangles / max(sum(whole.values()), 1))
    return {
        label: _placed(*_thinned(surface, min(1.0, kept * steps[label] ** 2)), image) for label, surface in made.items()
    }


def covered(volume: LabelVolume, walls: Collection[int], lumens: Collection[int]) -> LabelVolume:
    """The same heart with walls that are some 2 mm thicker on the side of the lumens, at least two voxels.

    For surfaces to look at: those of a wall of one voxel have gaps after smoothing and thinning, through which one
    would see the lumen. A lumen that no wall covers stays as it is.
    """
    padded = np.pad(volume.array, 1)
    flat = padded.reshape(-1)
    border = np.flatnonzero(np.isin(flat, [*walls]))
    for _ in range(max(2, round(_COVER_MM / min(volume.spacing)))):
        grown = []
        for stride in np.divide(padded.strides, padded.itemsize).astype(int):
            for beside in (border - stride, border + stride):
                inside = np.isin(flat[beside], [*lumens])
                flat[beside[inside]] = flat[border[inside]]
                grown.append(beside[inside])
        border = np.concatenate(grown)
    return volume.with_array(padded[1:-1, 1:-1, 1:-1])


def label_surface(volume: LabelVolume, label: int, step: int = 1) -> pv.PolyData:
    """The closed surface of a label as triangles; points are (x, y, z) in voxel indices times the spacing.

    With a ``step`` of 2, it is that of the label in voxels twice as large, each of what most of its eight voxels are.
    """
    region = volume.region(label)
    mask = volume.mask(label, region).astype(np.uint8)
    spacing = np.array(volume.spacing[::-1])
    corner = np.array([axis.start for axis in region], float)[::-1]
    if step == 2:
        mask, corner, spacing = _halved(mask), (corner - 1.5) / 2, 2 * spacing
    if 1 in mask.shape:  # VTK makes no surface of a flat image
        mask, corner = np.pad(mask, 1), corner - 1
    grid = pv.ImageData(dimensions=mask.shape[::-1], spacing=spacing, origin=corner * spacing)
    grid.point_data["label"] = mask.ravel()
    # Twice as many passes do not look smoother, and shrink small and thin labels.
    return grid.contour_labels(output_mesh_type="triangles", scalars="label", smoothing_iterations=8)


def _faces(mask: NDArray[np.bool_]) -> int:
    """The number of faces between the voxels of a mask and others."""
    return sum(int(np.count_nonzero(np.diff(mask, axis=axis, prepend=False, append=False))) for axis in range(3))


def _halved(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What most of each 2 x 2 x 2 voxels are; of two halves, the first voxel decides, so that no label grows."""
    mask = np.pad(mask, [(2, 2 + size % 2) for size in mask.shape])
    parts = [mask[z::2, y::2, x::2] for z in (0, 1) for y in (0, 1) for x in (0, 1)]
    total = np.add.reduce(parts)
    return np.asarray((total > 4) | ((total == 4) & (parts[0] == 1)), np.uint8)


def _thinned(surface: pv.PolyData, kept: float) -> tuple[NDArray[Any], NDArray[Any]]:
    points, triangles = np.asarray(surface.points), surface.regular_faces
    if kept < 1 and len(triangles):
        points, triangles = simplify(points, triangles, 1 - kept)
    return points, triangles


def _placed(points: NDArray[Any], triangles: NDArray[Any], image: sitk.Image) -> Surface:
    direction = np.reshape(image.GetDirection(), (3, 3))
    placed = points.astype(np.float64) @ direction.T + np.array(image.GetOrigin())
    # A left-handed direction turns every triangle inside out.
    turned = triangles[:, ::-1] if np.linalg.det(direction) < 0 else triangles
    return Surface(placed, turned.astype(np.int64))


def viewer_page(
    found: Mapping[int, Surface], colours: Mapping[int, Colour], shades: Mapping[int, NDArray[np.float32]]
) -> str:
    """A self-contained page that shows the surfaces with three.js; the object of label n is ``label_n``.

    ``shades`` (n,) are numbers at the points of some labels, for the vertex attribute ``_shade``.
    """
    page: str = scene_to_html(
        Scene({f"label_{label}": _mesh(surface, colours[label], shades.get(label)) for label, surface in found.items()})
    )
    return page


def _mesh(surface: Surface, colour: Colour, shade: NDArray[np.float32] | None) -> Trimesh:
    material = PBRMaterial(baseColorFactor=[*colour, 255], metallicFactor=0.0, roughnessFactor=0.9)
    return Trimesh(
        surface.points.astype(np.float32),
        surface.triangles,
        process=False,
        visual=TextureVisuals(material=material),
        vertex_attributes={} if shade is None else {"_shade": shade},
    )
