"""Convert meshes to label maps: a volume mesh with region tags, or a closed surface. Meshes are in mm."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyvista as pv
import SimpleITK as sitk
from vtkmodules.vtkCommonDataModel import vtkGenericCell
from vtkmodules.vtkImagingStencil import vtkImageStencilToImage, vtkPolyDataToImageStencil

from pycemrg_core.api import AnyImage, image_from_array, image_given
from pycemrg_spatial.cells import FACES, voxels_in_cells
from pycemrg_spatial.errors import MeshError
from pycemrg_spatial.geometry import point_to_index
from pycemrg_spatial.meshes import SURFACE, surface_of

_LARGEST = 2**32 - 1


def is_volume(grid: pv.UnstructuredGrid) -> bool:
    """Whether the mesh has volume cells, such as tetrahedra; those that are not linear cannot be voxelised."""
    return any(_is_solid(kind) for kind in np.unique(grid.celltypes).tolist())


def _is_solid(kind: int) -> bool:
    """Whether cells of a VTK type have a volume."""
    cell = vtkGenericCell.InstantiateCell(kind)
    return cell is not None and cell.GetCellDimension() == 3


def voxelise_cells(grid: pv.UnstructuredGrid, tags: npt.NDArray[np.int64], like: AnyImage) -> sitk.Image:
    """A label map on the grid of ``like``: each voxel has the tag of the cell that contains its centre, or 0.

    ``tags`` is one integer >= 0 per cell. A centre in several cells (on a shared face, or where the mesh overlaps
    itself) gets the smallest of their tags. Surface and line cells are ignored. The pixel type is the smallest of
    uint8, uint16 and uint32 that holds the tags. Raises :class:`MeshError` for other tags, and for volume cells that
    are not linear: without them the label map would have holes.
    """
    like = image_given(like)
    _require_linear(grid)
    used = tags[np.isin(grid.celltypes, list(FACES))]
    if len(used) and (used.min() < 0 or used.max() > _LARGEST):
        wrong = used.min() if used.min() < 0 else used.max()
        raise MeshError(f"the tag {wrong} is not a label; renumber the tags to 0 (background) to {_LARGEST}")
    nothing = int(used.max(initial=0)) + 1
    labels = np.full(like.GetNumberOfPixels(), nothing, np.min_scalar_type(nothing))
    for cell, place in voxels_in_cells(grid, like):
        np.minimum.at(labels, place, tags[cell].astype(labels.dtype))
    labels[labels == nothing] = 0
    return _image(labels, nothing - 1, like)


def _require_linear(grid: pv.UnstructuredGrid) -> None:
    kinds, counts = np.unique(grid.celltypes, return_counts=True)
    others = [
        f"{count:,} {pv.CellType(kind).name}"
        for kind, count in zip(kinds.tolist(), counts.tolist(), strict=True)
        if kind not in FACES and _is_solid(kind)
    ]
    if others:
        raise MeshError(
            f"only linear tetrahedra, hexahedra, prisms and pyramids can be voxelised, and the mesh has"
            f" {', '.join(others)} cells; convert them to linear cells first"
        )


def voxelise_surface(grid: pv.UnstructuredGrid, like: AnyImage, label: int = 1) -> sitk.Image:
    """A label map on the grid of ``like``: ``label`` where the voxel centre is inside a closed surface, otherwise 0.

    A point is inside if a line from far away to it crosses the surface an odd number of times, so a surface inside
    a surface is a hole. The orientation of the triangles does not matter. A centre exactly on the surface counts as
    inside on one side only, so two bodies that touch share no voxel. Raises :class:`MeshError` for an open surface,
    with its number of open edges.
    """
    like = image_given(like)
    surface = surface_of(grid, "the mesh").triangulate()
    if count := open_edges(surface):
        edges = "1 open edge" if count == 1 else f"{count:,} open edges"
        raise MeshError(f"the surface is not closed: it has {edges}; close its holes first")
    indexed = pv.PolyData(point_to_index(like, surface.points), faces=surface.faces)
    size = like.GetSize()
    stencil = vtkPolyDataToImageStencil()
    stencil.SetInputData(indexed)
    stencil.SetOutputOrigin(0, 0, 0)
    stencil.SetOutputSpacing(1, 1, 1)
    stencil.SetOutputWholeExtent(0, size[0] - 1, 0, size[1] - 1, 0, size[2] - 1)
    stencil.SetTolerance(0)
    painter = vtkImageStencilToImage()
    painter.SetInputConnection(stencil.GetOutputPort())
    painter.SetInsideValue(1)
    painter.SetOutsideValue(0)
    painter.SetOutputScalarTypeToUnsignedChar()
    painter.Update()
    inside = np.asarray(pv.wrap(painter.GetOutput()).point_data.active_scalars)
    return _image(inside.astype(np.min_scalar_type(label)) * np.array(label, np.min_scalar_type(label)), label, like)


def open_edges(surface: pv.PolyData) -> int:
    """The number of edges of a triangulated surface with an odd number of triangles; equal points count as one."""
    _, same = np.unique(surface.points, axis=0, return_inverse=True)
    triangles = same.reshape(-1)[surface.faces.reshape(-1, 4)[:, 1:]]
    edges = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1)
    edges = edges[edges[:, 0] != edges[:, 1]]
    _, counts = np.unique(edges, axis=0, return_counts=True)
    return int((counts % 2).sum())


def is_surface(grid: pv.UnstructuredGrid) -> bool:
    """Whether the mesh has polygons and no volume."""
    return bool(np.isin(grid.celltypes, SURFACE).any()) and not is_volume(grid)


def _image(labels: npt.NDArray[np.generic], largest: int, like: sitk.Image) -> sitk.Image:
    dtype = np.min_scalar_type(largest)
    return image_from_array(labels.astype(dtype).reshape(like.GetSize()[::-1]), like)
