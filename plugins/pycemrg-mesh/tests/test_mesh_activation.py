"""The example that solves activation times, on shapes whose times are known."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from pycemrg_mesh import Mesh, cut

from pycemrg_core.api import LabelVolume

meshio = pytest.importorskip("meshio")

EXAMPLES = Path(__file__).parents[1] / "examples"
Array = np.ndarray[Any, Any]


@pytest.fixture(scope="module")
def example() -> ModuleType:
    import importlib.util

    spec = importlib.util.spec_from_file_location("activation_example", EXAMPLES / "activation.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def mesh_of(voxels: Array, spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Mesh:
    """The voxels as they are, five tetrahedra each; nodes are corners of voxels."""
    return cut(LabelVolume(np.pad(voxels, 1), spacing), [int(one) for one in np.unique(voxels) if one], rounds=0)


def at(mesh: Mesh, place: tuple[float, float, float]) -> Array:
    """The node at a place, in voxels from the first corner."""
    low = np.asarray(mesh.points).min(axis=0)
    return np.flatnonzero(np.isclose(mesh.points - low, place).all(axis=1))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_plane_wave_takes_the_distance_over_the_speed(example: ModuleType, axis: int) -> None:
    shape = [3, 3, 3]
    shape[axis] = 20
    mesh = mesh_of(np.ones(shape, np.uint8), (0.5, 0.5, 0.5))
    along = mesh.points[:, 2 - axis] - mesh.points[:, 2 - axis].min()
    times = example.activation_times(mesh.points, mesh.tetrahedra, np.flatnonzero(along == 0), 0.6)
    assert times == pytest.approx(along / 0.6, abs=1e-5)
    assert times.max() == pytest.approx(10 / 0.6)


@pytest.mark.slow
def test_a_wave_from_a_point_is_late_by_less_than_an_edge(example: ModuleType) -> None:
    mesh = mesh_of(np.ones((16, 16, 16), np.uint8))
    start = at(mesh, (0, 0, 0))
    distance = np.linalg.norm(mesh.points - mesh.points[start], axis=1)
    late = example.activation_times(mesh.points, mesh.tetrahedra, start, 2.0) * 2.0 - distance
    assert late.min() > -1e-5  # a way along a line is the shortest
    assert late.max() < 1.0
    assert late.mean() < 0.5


@pytest.mark.slow
def test_a_wave_goes_round_a_slit(example: ModuleType) -> None:
    voxels = np.ones((3, 18, 30), np.uint8)
    voxels[:, 8:10, :26] = 0
    mesh = mesh_of(voxels)
    times = example.activation_times(mesh.points, mesh.tetrahedra, at(mesh, (0, 0, 0)), 1.0)
    # Straight to the corner of the slit, along its end, and back.
    shortest = 2 * np.hypot(26, 8) + 2
    (there,) = times[at(mesh, (0, 18, 0))]
    assert shortest <= there < 1.03 * shortest


def test_no_node_is_later_than_its_neighbour_by_more_than_the_edge(example: ModuleType) -> None:
    z, y, x = np.indices((14, 14, 14)) - 6.5
    shell = ((np.abs(np.sqrt(x**2 + y**2 + z**2) - 5) < 1.6) & (z < 3)).astype(np.uint8)
    mesh = mesh_of(shell)
    start = np.flatnonzero(mesh.points[:, 2] == mesh.points[:, 2].min())
    times = example.activation_times(mesh.points, mesh.tetrahedra, start, 1.0)
    for a, b in ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)):
        ends = mesh.tetrahedra[:, [a, b]]
        lengths = np.linalg.norm(mesh.points[ends[:, 0]] - mesh.points[ends[:, 1]], axis=1)
        assert (np.abs(times[ends[:, 0]] - times[ends[:, 1]]) <= lengths + 1e-5).all()
    # Round the ball, from the lowest point: at least the arc on its inner side.
    height = mesh.points[:, 2] - mesh.points[:, 2].mean()
    assert times[height.argmax()] > 10


def test_tissue_without_connection_is_refused(example: ModuleType) -> None:
    voxels = np.ones((3, 3, 9), np.uint8)
    voxels[:, :, 4:6] = 0
    mesh = mesh_of(voxels)
    with pytest.raises(ValueError, match="a part of the tissue has no connection with the start"):
        example.activation_times(mesh.points, mesh.tetrahedra, np.array([0]), 1.0)


@pytest.mark.slow
def test_the_script_reads_a_mesh_and_writes_times(tmp_path: Path) -> None:
    from pycemrg_mesh.files.vtk_xml import write_vtu

    voxels = np.ones((4, 4, 24), np.uint8) * 2
    voxels[:, :, 20:] = 201
    write_vtu(mesh_of(voxels), tmp_path / "bar.vtu")

    def script(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(EXAMPLES / "activation.py"), "bar.vtu", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    done = script("--tags", "2", "--away-from", "201", "--speed", "0.5", "-o", "times.vtu")
    assert done.returncode == 0, done.stderr
    assert "tetrahedra: the last is activated at " in done.stdout
    times = meshio.read(tmp_path / "times.vtu")
    longest = times.point_data["activation_ms"].max() * 0.5
    # From within 2 mm of a corner of the bar to its other end.
    assert np.hypot(20, 0) - 2 <= longest <= np.sqrt(20**2 + 4**2 + 4**2) - 1
    refused = script("--tags", "7", "--away-from", "201")
    assert refused.returncode != 0
    assert "no tetrahedron has a tag of 7" in refused.stderr
