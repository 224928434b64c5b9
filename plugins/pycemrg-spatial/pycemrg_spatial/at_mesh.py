"""Sample an image at the nodes and cells of a mesh. Meshes are in mm."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pyvista as pv

from pycemrg_core.api import AnyImage, image_given
from pycemrg_spatial.cells import centroids, majority
from pycemrg_spatial.sampling import Sampled, sample_label, sample_linear, sample_nearest

Method = Literal["nearest", "linear", "label"]


def sample_mesh(
    grid: pv.UnstructuredGrid, image: AnyImage, on: Literal["nodes", "cells"], method: Method, outside: float
) -> Sampled:
    """One value per node or cell. For cells with ``nearest`` or ``label``, see :func:`sample_cells`."""
    image = image_given(image)
    if on == "cells" and method != "linear":
        return sample_cells(grid, image, method, int(outside))
    points = np.asarray(grid.points) if on == "nodes" else centroids(grid)
    if method == "linear":
        return sample_linear(image, points, outside)
    return (sample_label if method == "label" else sample_nearest)(image, points, int(outside))


def sample_cells(
    grid: pv.UnstructuredGrid, image: AnyImage, method: Literal["nearest", "label"] = "nearest", outside: int = 0
) -> Sampled:
    """The most frequent value among the voxels whose centres are in a cell; if tied, the smallest value.

    A cell without a voxel centre, such as a small or flat cell, gets the result of ``method`` at its centroid. It
    is outside when its centroid is.
    """
    image = image_given(image)
    at_centroid = (sample_label if method == "label" else sample_nearest)(image, centroids(grid), outside)
    values, beyond = at_centroid.values.copy(), at_centroid.outside.copy()
    cells, winners = majority(grid, image)
    values[cells], beyond[cells] = winners, False
    return Sampled(values, beyond)
