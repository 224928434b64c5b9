"""The engine ``cgal``: what is given to pygalmesh, and where its mesh is put. Another mesher stands in for CGAL."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from mesh_shapes import COVER, LEFT, WALL, determinants, shells
from pycemrg_mesh import MeshingError, cut
from pycemrg_mesh.engines.cgal import cgal

from pycemrg_core import LabelVolume

SPACING = (1.0, 0.8, 1.25)
GIVEN: dict[str, Any] = {}


def save_inr(array: np.ndarray, spacing: tuple[float, ...], path: str) -> None:
    """As pygalmesh: an array (x, y, z)."""
    GIVEN.update(array=array, spacing=spacing, path=path)


def generate_from_inr(path: str, **options: Any) -> Any:
    """As pygalmesh: points in the frame where a voxel is at index times spacing."""
    assert path == GIVEN["path"]
    GIVEN.update(options)
    array, spacing = GIVEN["array"], GIVEN["spacing"]
    mesh = cut(LabelVolume(array.transpose(2, 1, 0), spacing[::-1]), np.unique(array[array > 0]).tolist())
    nodes = mesh.tetrahedra.copy()
    nodes[::2] = nodes[::2, [1, 0, 2, 3]]
    points = np.concatenate([[[1e3, 1e3, 1e3]], mesh.points])  # a point of no tetrahedron
    return SimpleNamespace(
        points=points, cells_dict={"tetra": nodes + 1}, cell_data_dict={"medit:ref": {"tetra": mesh.tags}}
    )


@pytest.fixture(autouse=True)
def pygalmesh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        sys.modules, "pygalmesh", SimpleNamespace(save_inr=save_inr, generate_from_inr=generate_from_inr)
    )


def test_the_mesh_is_in_its_place_with_its_labels() -> None:
    volume = LabelVolume(shells(16, SPACING), SPACING, direction=LEFT, origin=(3.0, -4.0, 5.0))
    mesh, expected = cgal(volume, [WALL, COVER], edge_mm=1.5), cut(volume, [WALL, COVER])
    assert (determinants(mesh) > 0).all()
    assert len(mesh.points) == len(expected.points)
    assert sorted(np.unique(mesh.tags).tolist()) == [WALL, COVER]
    for tag in (WALL, COVER):
        centres = [one.points[one.tetrahedra[one.tags == tag]].mean(axis=(0, 1)) for one in (mesh, expected)]
        assert np.allclose(*centres)
    assert (GIVEN["spacing"], GIVEN["array"].dtype) == (SPACING[::-1], np.uint8)
    assert GIVEN["max_cell_circumradius"] == pytest.approx(0.62 * 1.5)


def test_by_default_edges_are_as_long_as_the_largest_spacing() -> None:
    cgal(LabelVolume(shells(16, SPACING), SPACING), [WALL])
    assert GIVEN["max_cell_circumradius"] == pytest.approx(0.62 * 1.25)


def test_too_many_labels() -> None:
    volume = LabelVolume(np.arange(512, dtype=np.uint16).reshape(8, 8, 8), (1.0, 1.0, 1.0))
    with pytest.raises(MeshingError, match="the engine cgal meshes 1 to 255 labels, not 511; give a heart"):
        cgal(volume, range(1, 512))
