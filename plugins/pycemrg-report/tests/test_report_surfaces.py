"""Surfaces of labels and pictures of walls against analytic shapes and geometry worked out here."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import trimesh
from pycemrg_report import surfaces as surfaces_module
from pycemrg_report import walls
from pycemrg_report.pictures import around, through
from pycemrg_report.run import read_run
from pycemrg_report.surfaces import Surface, covered, label_surface, surfaces, viewer_page
from report_runs import make_run
from scipy.ndimage import binary_dilation

from pycemrg_core import load_catalogue
from pycemrg_core.api import LabelVolume, image_of, volume_of

SPACING = (0.8, 1.0, 1.3)  # x, y, z in mm
# Columns are the image's axes; the second is mirrored, which SimpleITK allows.
RIGHT_HANDED = (0.6, -0.8, 0.0, 0.8, 0.6, 0.0, 0.0, 0.0, 1.0)
LEFT_HANDED = (0.6, 0.8, 0.0, 0.8, -0.6, 0.0, 0.0, 0.0, 1.0)


def balls(direction: tuple[float, ...]) -> sitk.Image:
    """Label 3 is a ball of 12 mm radius, label 9 one of 6 mm that the border of the image cuts in half."""
    z, y, x = np.meshgrid(*(np.arange(n) * mm for n, mm in ((40, 1.3), (44, 1.0), (56, 0.8))), indexing="ij")
    array = np.zeros(z.shape, np.uint8)
    array[(x - 20) ** 2 + (y - 22) ** 2 + (z - 26) ** 2 <= 12**2] = 3
    array[x**2 + (y - 10) ** 2 + (z - 10) ** 2 <= 6**2] = 9
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(SPACING)
    image.SetOrigin((5.0, -7.0, 11.0))
    image.SetDirection(direction)
    return image


def mesh_of(surface: Surface) -> trimesh.Trimesh:
    return trimesh.Trimesh(surface.points, surface.triangles, process=False)


@pytest.mark.slow(every=3)
@pytest.mark.parametrize("direction", [RIGHT_HANDED, LEFT_HANDED])
@pytest.mark.parametrize("triangles", [10**6, 2000])
def test_surfaces_are_closed_and_hold_the_volume_of_their_voxels(direction: tuple[float, ...], triangles: int) -> None:
    image = balls(direction)
    found = surfaces(image, volume_of(image), triangles)
    array = sitk.GetArrayFromImage(image)
    assert set(found) == {3, 9}
    for label, surface in found.items():
        mesh = mesh_of(surface)
        assert mesh.is_watertight
        # Positive: every triangle looks outward, whichever way the image's axes turn.
        # Smoothing rounds what is a few voxels small, and the edge where the border cuts label 9.
        assert mesh.volume == pytest.approx((array == label).sum() * np.prod(SPACING), rel={3: 0.05, 9: 0.2}[label])
    centre = image.TransformContinuousIndexToPhysicalPoint((20 / 0.8, 22.0, 26 / 1.3))
    assert mesh_of(found[3]).center_mass == pytest.approx(centre, abs=0.2)
    radii = np.linalg.norm(found[3].points - centre, axis=1)
    assert np.abs(radii - 12).max() <= max(SPACING)
    assert sum(len(surface.triangles) for surface in found.values()) <= triangles


def test_the_viewer_holds_every_surface_under_its_label() -> None:
    image = balls(RIGHT_HANDED)
    found = surfaces(image, volume_of(image), 2000)
    shades = {9: np.linspace(-1, 1, len(found[9].points)).astype(np.float32)}
    page = viewer_page(found, {3: (200, 10, 20), 9: (1, 2, 3)}, shades)
    data = re.search(r'base64_data="([^"]+)"', page)
    assert data
    scene = trimesh.load(io.BytesIO(base64.b64decode(data[1])), file_type="glb")
    assert set(scene.geometry) == {"label_3", "label_9"}
    for label, surface in found.items():
        assert scene.geometry[f"label_{label}"].volume == pytest.approx(mesh_of(surface).volume, rel=1e-3)
    np.testing.assert_array_equal(scene.geometry["label_9"].vertex_attributes["_shade"].ravel(), shades[9])
    assert "_shade" not in scene.geometry["label_3"].vertex_attributes
    assert tuple(scene.geometry["label_3"].visual.material.baseColorFactor[:3]) == (200, 10, 20)


@pytest.mark.slow
def test_points_of_a_wall_are_where_its_thickness_is_on_the_scale(tmp_path: Path) -> None:
    run = read_run(make_run(tmp_path), load_catalogue())
    found = [*walls.walls(run)]
    assert len(found) >= 8
    for wall in found:
        points = [
            run.image.TransformIndexToPhysicalPoint([int(i) for i in index[::-1]]) for index in wall.measured.voxels
        ]
        expected = np.interp(wall.measured.mm, [wall.low, wall.high], [0, 1])
        np.testing.assert_allclose(walls.shade(run, wall, np.array(points)), expected, atol=1e-6)
        assert (walls.shade(run, wall, np.array(points) + 1000) == -1).all()


# The eye's direction and what is up on the picture, in x (left), y (back), z (head).
EYES = {
    "from below": ((0, 0, 1), (0, -1, 0)),
    "from above": ((0, 0, -1), (0, -1, 0)),
    "from the front": ((0, 1, 0), (0, 0, 1)),
    "from the back": ((0, -1, 0), (0, 0, 1)),
    "from the right": ((1, 0, 0), (0, 0, 1)),
    "from the left": ((-1, 0, 0), (0, 0, 1)),
}


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_walls_are_seen_as_by_an_eye(axis: int) -> None:
    """Each pixel against the first voxel on a ray that goes forward from a picture of right = forward x up."""
    rng = np.random.default_rng(4)
    mask = rng.random((5, 6, 7)) < 0.2
    mm = np.where(mask & (rng.random(mask.shape) < 0.8), rng.random(mask.shape), np.nan)
    for side, (values, wall) in zip(walls._SIDES[axis], walls._seen(mask, mm, axis), strict=True):
        forward, up = (np.array(vector) for vector in EYES[side])
        right = np.cross(forward, up)
        size = np.array(mask.shape[::-1])
        start = np.where(forward + right - up < 0, size - 1, 0)  # the far, upper, left corner that the eye sees first
        rows, columns, depth = (int(np.abs(vector @ size)) for vector in (up, right, forward))
        assert values.shape == wall.shape == (rows, columns)
        for row in range(rows):
            for column in range(columns):
                ray = [tuple((start - up * row + right * column + forward * step)[::-1]) for step in range(depth)]
                first = next((voxel for voxel in ray if mask[voxel]), None)
                assert wall[row, column] == (first is not None)
                expected = np.nan if first is None else mm[first]
                assert values[row, column] == expected or (np.isnan(values[row, column]) and np.isnan(expected))


@pytest.mark.slow
def test_a_window_keeps_its_place_in_the_middle() -> None:
    array = np.random.default_rng(1).integers(0, 9, (6, 7, 8)).astype(np.uint8)
    padded = np.pad(array, 12)
    # Also round voxels outside of the image, which a certificate of another heart may name.
    for at in np.ndindex(18, 19, 20):
        z, y, x = (index - 6 for index in at)
        expected = padded[z + 11 : z + 14, y + 9 : y + 16, x + 8 : x + 17]
        assert np.array_equal(around(array, (z, y, x), (1, 3, 4)), expected), (z, y, x)


def test_the_slice_of_a_step_goes_through_the_middle_of_a_shell() -> None:
    z, y, x = np.ogrid[:41, :41, :41]
    radius = np.sqrt((z - 20) ** 2 + (y - 18) ** 2 + (x - 22) ** 2)
    axis, at = through((radius < 15) & (radius > 12), (1.0, 1.0, 1.0))
    assert at == (20, 18, 22)
    # A plate along y and z is seen whole across x.
    plate = np.zeros((20, 20, 20), bool)
    plate[3:18, 2:19, 11] = True
    axis, at = through(plate, (1.0, 1.0, 1.0))
    assert (axis, at[2]) == (2, 11)


@pytest.mark.parametrize("size", [(1, 1, 1), (1, 5, 4), (3, 1, 4), (6, 5, 1)])
def test_a_label_that_is_one_voxel_thick_has_a_surface(size: tuple[int, int, int]) -> None:
    """VTK makes no surface of a flat image, and one stray voxel is one."""
    array = np.zeros((9, 9, 9), np.uint8)
    array[tuple(slice(2, 2 + length) for length in size)] = 7
    volume = LabelVolume(array, (1.0, 1.0, 1.0))
    (surface,) = surfaces(image_of(volume), volume).values()
    assert len(surface.triangles) > 0
    low, high = surface.points.min(axis=0), surface.points.max(axis=0)
    assert (low >= 1.4).all()
    assert (high <= np.array(size[::-1]) + 1.6).all()


@pytest.mark.parametrize("first", [0, 1])
def test_a_surface_of_voxels_twice_as_large_is_in_the_same_place(first: int) -> None:
    spacing = (0.5, 0.6, 0.4)  # (z, y, x)
    centre = np.array([9.0, 10.2, 8.0]) + first * np.array(spacing)
    mm = np.stack(np.meshgrid(*(np.arange(42) * one for one in spacing), indexing="ij"), -1) - centre
    ball = (np.linalg.norm(mm, axis=-1) <= 6).astype(np.uint8)
    surface = label_surface(LabelVolume(ball, spacing), 1, 2)
    points = np.asarray(surface.points)
    assert abs(points.mean(axis=0) - centre[::-1]).max() < 0.15  # a third of a voxel
    radius = np.linalg.norm(points - centre[::-1], axis=1)
    assert abs(radius.mean() - 6) < 0.3  # smoothing takes a little of a small ball
    assert abs(radius - 6).max() < 0.8
    assert surface.is_manifold
    assert surface.n_open_edges == 0


def test_only_large_labels_of_fine_hearts_are_made_of_larger_voxels(monkeypatch: pytest.MonkeyPatch) -> None:
    array = np.zeros((60, 60, 60), np.uint8)
    array[5:55, 5:55, 5:40], array[5:12, 5:12, 45:52] = 1, 2
    volume, asked = LabelVolume(array, (1.0, 1.0, 1.0)), {}
    make = surfaces_module.label_surface
    monkeypatch.setattr(surfaces_module, "_LARGE", 1000)
    monkeypatch.setattr(
        surfaces_module, "label_surface", lambda v, label, step: asked.update({label: step}) or make(v, label, step)
    )
    for triangles, steps in ((1000, {1: 2, 2: 1}), (100_000, {1: 1, 2: 1})):
        found = surfaces(image_of(volume), volume, triangles)
        assert asked == steps
        assert sum(len(surface.triangles) for surface in found.values()) < 1.1 * triangles


@pytest.mark.parametrize(("spacing", "voxels"), [(1.0, 2), (1.6, 2), (0.5, 4)])
def test_a_thin_wall_is_drawn_thicker_into_its_own_lumens_only(spacing: float, voxels: int) -> None:
    rng = np.random.default_rng(3)
    array = rng.choice([0, 1, 2, 5], (13, 14, 15), p=[0.3, 0.4, 0.25, 0.05]).astype(np.uint8)
    volume = LabelVolume(array, spacing=(spacing,) * 3)
    shown = covered(volume, {5}, {1}).array
    grown = binary_dilation(array == 5, iterations=voxels, mask=(array == 1) | (array == 5))
    np.testing.assert_array_equal(shown, np.where(grown, 5, array))
    np.testing.assert_array_equal(volume.array, array)
