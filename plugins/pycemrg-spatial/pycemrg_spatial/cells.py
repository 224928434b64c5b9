"""Find the voxel centres in the cells of a volume mesh.

A cell is convex and has flat faces. A warped quadrilateral face is replaced by the plane through its centre
parallel to its diagonals, which is the same plane for both cells at the face. A centre on a face is in both cells.
Flat cells contain no centre.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyvista as pv
import SimpleITK as sitk

from pycemrg_core.api import voxel_array
from pycemrg_spatial.geometry import Floats, point_to_index

Places = npt.NDArray[np.int64]

# For each VTK cell type, the nodes of each face, in the order of VTK.
FACES: dict[int, tuple[tuple[int, ...], ...]] = {
    10: ((0, 1, 2), (0, 1, 3), (1, 2, 3), (0, 2, 3)),
    11: ((0, 1, 3, 2), (4, 5, 7, 6), (0, 1, 5, 4), (1, 3, 7, 5), (3, 2, 6, 7), (2, 0, 4, 6)),
    12: ((0, 1, 2, 3), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7)),
    13: ((0, 1, 2), (3, 4, 5), (0, 1, 4, 3), (1, 2, 5, 4), (2, 0, 3, 5)),
    14: ((0, 1, 2, 3), (0, 1, 4), (1, 2, 4), (2, 3, 4), (3, 0, 4)),
}
# In voxels; much larger than rounding errors, much smaller than the details of a mesh.
_ON_FACE = 1e-9
_CHUNK = 2_000_000


def voxels_in_cells(grid: pv.UnstructuredGrid, image: sitk.Image) -> Iterator[tuple[Places, Places]]:
    """Pairs of a cell and a voxel whose centre is in it, in chunks; all pairs of a cell are in one chunk.

    ``grid`` is in mm. Yields cell numbers (n,) and indices into the flattened (z, y, x) array of the image (n,).
    Cells without volume, and voxels in no cell, are left out.
    """
    indices, starts = point_to_index(image, grid.points), np.asarray(grid.cell_offsets, np.int64)
    for cell_type, faces in FACES.items():
        cells = np.flatnonzero(grid.celltypes == cell_type).astype(np.int64)
        if len(cells):
            size = int(max(map(max, faces))) + 1
            nodes = grid.cell_connectivity[starts[cells][:, None] + np.arange(size)]
            yield from _pairs(cells, indices[nodes], faces, np.array(image.GetSize()))


def centroids(grid: pv.UnstructuredGrid) -> Floats:
    """The mean of the nodes of each cell, (n, 3)."""
    points, starts = np.asarray(grid.points, float)[grid.cell_connectivity], np.asarray(grid.cell_offsets, np.int64)
    means: Floats = np.add.reduceat(points, starts[:-1], axis=0) / np.diff(starts)[:, None]
    return means


def majority(grid: pv.UnstructuredGrid, image: sitk.Image) -> tuple[Places, npt.NDArray[np.generic]]:
    """Cells with a voxel centre inside, and the most frequent value of their voxels; if tied, the smallest value."""
    array = voxel_array(image).reshape(-1)
    cells, winners = [np.empty(0, np.int64)], [np.empty(0, array.dtype)]
    for cell, place in voxels_in_cells(grid, image):
        values, codes = np.unique(array[place], return_inverse=True)
        votes, counts = np.unique(cell * len(values) + codes, return_counts=True)
        voters, code = np.divmod(votes, max(len(values), 1))
        order = np.lexsort((code, -counts, voters))
        first = order[np.flatnonzero(np.diff(voters[order], prepend=-1))]
        cells.append(voters[first])
        winners.append(values[code[first]])
    return np.concatenate(cells), np.concatenate(winners)


def _pairs(
    cells: Places, corners: Floats, faces: tuple[tuple[int, ...], ...], size: Places
) -> Iterator[tuple[Places, Places]]:
    """The pairs of cells of one type; ``corners`` are (cells, nodes, 3) continuous indices."""
    low = np.maximum(np.ceil(corners.min(axis=1) - _ON_FACE), 0).astype(np.int64)
    high = np.minimum(np.floor(corners.max(axis=1) + _ON_FACE), size - 1).astype(np.int64)
    there = (high >= low).all(axis=1)
    cells, corners, low, high = cells[there], corners[there], low[there], high[there]
    # The memory for a cell is for its voxels and its faces.
    work = np.cumsum(np.prod(high - low + 1, axis=1) + 8)
    start = 0
    while start < len(cells):
        done = work[start - 1] if start else 0
        stop = max(int(np.searchsorted(work, done + _CHUNK, side="right")), start + 1)
        part = slice(start, stop)
        cell, place = _centres_inside(*_planes(corners[part], faces), low[part], high[part], size)
        yield cells[part][cell], place
        start = stop


def _planes(corners: Floats, faces: tuple[tuple[int, ...], ...]) -> tuple[Floats, Floats]:
    """Unit normals (cells, faces, 3) and offsets (cells, faces): a point p is inside where normal . p <= offset."""
    middle = corners.mean(axis=1)
    normals, offsets = np.empty((len(corners), len(faces), 3)), np.empty((len(corners), len(faces)))
    for number, face in enumerate(faces):
        nodes = corners[:, face]
        first, second = nodes[:, -1] - nodes[:, 1], nodes[:, 2] - nodes[:, 0]
        normal = np.cross(first, second)
        length = np.linalg.norm(normal, axis=1, keepdims=True)
        normal = np.divide(normal, length, out=np.zeros_like(normal), where=length > 0)
        offset = (normal * nodes.mean(axis=1)).sum(axis=1)
        depth = offset - (normal * middle).sum(axis=1)
        outward = np.where(depth < 0, -1.0, 1.0)
        # A face that is only a line is no boundary; if a face goes through the middle, the cell is flat.
        offset = np.where((length[:, 0] > 0) & (np.abs(depth) <= _ON_FACE), -np.inf, offset * outward)
        normals[:, number], offsets[:, number] = normal * outward[:, None], offset
    return normals, offsets


def _centres_inside(normals: Floats, offsets: Floats, low: Places, high: Places, size: Places) -> tuple[Places, Places]:
    """Work row by row: the faces of a convex cell cut one interval out of each line of voxel centres along x."""
    extent = high - low + 1
    rows = extent[:, 1] * extent[:, 2]
    cell = np.repeat(np.arange(len(rows)), rows)
    within = np.arange(len(cell)) - np.repeat(np.cumsum(rows) - rows, rows)
    z, y = np.divmod(within, extent[cell, 1])
    y, z = y + low[cell, 1], z + low[cell, 2]
    first, last = low[cell, 0].astype(float), high[cell, 0].astype(float)
    for face in range(normals.shape[1]):
        normal = normals[cell, face]
        rest = offsets[cell, face] + _ON_FACE - normal[:, 1] * y - normal[:, 2] * z
        slope = normal[:, 0]
        bound = np.divide(rest, slope, out=np.where(rest >= 0, np.inf, -np.inf), where=slope != 0)
        last = np.minimum(last, np.where(slope >= 0, bound, np.inf))
        first = np.maximum(first, np.where(slope < 0, bound, -np.inf))
    first, last = np.ceil(first), np.floor(last)
    row = np.flatnonzero(last >= first)
    begin = first[row].astype(np.int64)
    count = last[row].astype(np.int64) - begin + 1
    begin += size[0] * (y[row] + size[1] * z[row])
    along = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return np.repeat(cell[row], count), np.repeat(begin, count) + along
