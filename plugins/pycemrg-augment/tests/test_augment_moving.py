"""Affine, elastic and motion: against scipy on an oblique anisotropic image, analytic shapes, and real labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from pycemrg_augment.catalogued import space
from pycemrg_augment.pipelines import Pipeline
from pycemrg_augment.transforms import crumbs, motion, moving, resampling
from sample_images import VOXELS, make
from scipy import interpolate, ndimage
from scipy.spatial.transform import Rotation

from pycemrg_core import AugmentationError, load_catalogue, read_labels
from pycemrg_core.api import Blueprint, Sample
from schematics_builtin.certificate import heart_of

DATA = Path(__file__).resolve().parents[3] / "tests" / "data"
SMOOTH = ndimage.gaussian_filter(VOXELS.astype(np.float32), 1.5) / 20
SPACING = np.array((0.3, 0.7, 1 / 3))  # of ``make``, (x, y, z)
MATRIX = moving.affine_matrix((20, -10, 15), (1.1, 0.9, 1.05), (0.1, -0.05, 0.02))
SHIFT = (0.3, -0.5, 0.2)

Array = np.ndarray[Any, Any]


def values(image: sitk.Image) -> Array:
    array: Array = sitk.GetArrayFromImage(image)
    return array


def cubes(array: Array, spacing: float = 1.0) -> sitk.Image:
    image = sitk.GetImageFromArray(array)
    image.SetSpacing([spacing] * 3)
    image.SetOrigin((-40, 12, 900))
    return image


def places_of_affine() -> Array:
    """Where each voxel of the moved image comes from: indices (z, y, x), by the definition."""
    index = np.indices(VOXELS.shape)[::-1].reshape(3, -1)  # x, y, z
    centre = (np.array(VOXELS.shape[::-1]) - 1) / 2 * SPACING
    mm = index * SPACING[:, None] - centre[:, None] - np.array(SHIFT)[:, None]
    back = np.linalg.solve(MATRIX, mm) + centre[:, None]
    return (back / SPACING[:, None])[::-1].reshape(3, *VOXELS.shape)


def inside(places: Array) -> Array:
    return np.all([(at >= 0) & (at <= n - 1) for at, n in zip(places, VOXELS.shape, strict=True)], axis=0)


def test_an_affine_is_that_of_scipy() -> None:
    image, places = make(SMOOTH), places_of_affine()
    made = moving.move_volume(image, MATRIX, SHIFT)
    expected = ndimage.map_coordinates(SMOOTH, places, order=1)
    known = inside(places)
    assert 0.3 < known.mean() < 0.95
    np.testing.assert_allclose(values(made)[known], expected[known], atol=2e-6)
    beyond = np.any([(at < -0.5) | (at > n - 0.5) for at, n in zip(places, VOXELS.shape, strict=True)], axis=0)
    assert beyond.any()
    assert (values(made)[beyond] == SMOOTH.min()).all()
    assert made.GetOrigin() == image.GetOrigin()
    assert made.GetDirection() == image.GetDirection()


def test_labels_of_an_affine_are_the_nearest() -> None:
    places = places_of_affine()
    made = moving.move_labels(make(), MATRIX, SHIFT, crumbs="keep")
    clear = inside(places) & (np.abs(places - np.floor(places) - 0.5) > 1e-3).all(axis=0)
    expected = ndimage.map_coordinates(VOXELS, places, order=0)
    np.testing.assert_array_equal(values(made)[clear], expected[clear])


def test_cubic_interpolation_is_that_of_scipy_and_stays_in_the_range() -> None:
    image, places = make(SMOOTH), places_of_affine()
    made = moving.move_volume(image, MATRIX, SHIFT, "cubic")
    expected = ndimage.map_coordinates(SMOOTH, places, order=3, mode="mirror")
    known = inside(places)
    np.testing.assert_allclose(values(made)[known], expected[known].clip(SMOOTH.min(), SMOOTH.max()), atol=1e-3)
    assert values(made).min() >= SMOOTH.min()
    assert values(made).max() <= SMOOTH.max()


def test_rotations_are_those_of_scipy() -> None:
    for degrees in ((30, 0, 0), (0, 30, 0), (0, 0, 30), (12, -34, 56)):
        expected = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()  # about x first, then y, then z
        np.testing.assert_allclose(moving.affine_matrix(degrees), expected, atol=1e-12)


def test_a_quarter_turn_turns_the_array() -> None:
    array = np.random.default_rng(0).integers(0, 9, (5, 8, 8)).astype(np.uint8)
    quarter = moving.affine_matrix((0, 0, 90))  # from x to y
    expected = np.rot90(array, -1, (1, 2))
    made = moving.move_labels(cubes(array), quarter, crumbs="keep")
    np.testing.assert_array_equal(values(made), expected)
    np.testing.assert_allclose(values(moving.move_volume(cubes(array), quarter)), expected, atol=1e-4)


def test_a_ball_goes_where_the_matrix_says_and_grows_by_its_determinant() -> None:
    shape, centre, at, radius = (44, 48, 52), np.array((25.5, 23.5, 21.5)), np.array((6.0, -5.0, 4.0)), 9.0
    z, y, x = np.indices(shape)
    away = np.stack([x, y, z], axis=-1) - centre
    ball = (np.linalg.norm(away - at, axis=-1) <= radius).astype(np.uint8)
    matrix = moving.affine_matrix((25, -15, 40), (1.2, 0.9, 1.1))
    made = values(moving.move_labels(cubes(ball, 0.8), matrix, (2.4, 0.8, -1.6))) > 0
    moved = away[made].mean(axis=0)
    np.testing.assert_allclose(moved, matrix @ at + np.array((2.4, 0.8, -1.6)) / 0.8, atol=0.05)
    assert made.sum() / ball.sum() == pytest.approx(np.linalg.det(matrix), rel=0.01)


def test_the_elastic_field_is_a_cubic_spline_of_its_control_points() -> None:
    places = np.linspace(0, 3.7, 23)
    weights = moving._basis(places)
    knots = np.arange(-3.0, weights.shape[1] + 1)
    for number in range(weights.shape[1]):
        element = interpolate.BSpline.basis_element(knots[number : number + 5], extrapolate=False)
        np.testing.assert_allclose(weights[:, number], np.nan_to_num(element(places)), atol=1e-12)


def test_an_elastic_deformation_is_that_of_scipy() -> None:
    image = make(SMOOTH)
    field = moving.elastic_field(image, np.random.default_rng(3), 0.6, 2.0)
    axes = np.reshape(image.GetDirection(), (3, 3))
    local = values(field) @ axes  # world vectors along the axes of the image
    assert 0.2 < np.abs(local).max() <= 0.6
    places = np.indices(VOXELS.shape) + np.moveaxis(local / SPACING, -1, 0)[::-1]
    known = inside(places)
    made = moving.warp_volume(image, field)
    np.testing.assert_allclose(values(made)[known], ndimage.map_coordinates(SMOOTH, places, order=1)[known], atol=5e-6)
    clear = known & (np.abs(places - np.floor(places) - 0.5) > 1e-3).all(axis=0)
    labels = values(moving.warp_labels(make(), field, crumbs="keep"))
    np.testing.assert_array_equal(labels[clear], ndimage.map_coordinates(VOXELS, places, order=0)[clear])


@pytest.mark.slow
def test_an_elastic_deformation_never_folds() -> None:
    """The volume of each voxel, from finite differences, stays positive even for the largest displacement allowed."""
    image = cubes(np.zeros((40, 40, 40), np.float32))
    least = []
    for seed in range(10):
        field = moving.elastic_field(image, np.random.default_rng(seed), moving.FOLD_FREE * 5 * 0.9999, 5.0)
        places = np.stack(np.indices((40, 40, 40))[::-1], axis=-1) + values(field)
        jacobian = np.stack([np.gradient(places, axis=axis) for axis in (2, 1, 0)], axis=-1)
        least.append(np.linalg.det(jacobian).min())
    assert 0 < min(least) < 0.5
    with pytest.raises(AugmentationError, match=r"elastic: displacements of 2.1 mm between control points 5 mm apart"):
        moving.elastic_field(image, np.random.default_rng(0), 2.1, 5.0)
    with pytest.raises(AugmentationError, match=r"could fold; give at most 2.02 mm, or control points further apart"):
        space.elastic(Sample(image=image), np.random.default_rng(0), (0, 2.1), 5.0)


def counts(labels: sitk.Image) -> dict[int, int]:
    """How many components each label has, as the certificate counts them."""
    found = heart_of(labels, Blueprint()).components.label
    return {int(label): int((found == label).sum()) for label in np.unique(found) if label}


MOVES = {
    "rotation": lambda sample, rng: space.rotation(sample, rng, (-15, 15)),
    "affine": lambda sample, rng: space.affine(sample, rng, (-10, 10), (0.8, 1.2), (-0.1, 0.1), (-3, 3)),
    "elastic": lambda sample, rng: space.elastic(sample, rng, (6, 12), 30.0),
    "elastic, smooth": lambda sample, rng: space.elastic(sample, rng, (4, 8), 20.0, smooth=True),
}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", MOVES)
def test_real_chambers_stay_in_one_piece(name: str, seed: int) -> None:
    _one_piece(name, seed)


@pytest.mark.slow
def test_a_real_chamber_stays_in_one_piece() -> None:
    _one_piece("elastic", 7)


def _one_piece(name: str, seed: int) -> None:
    labels, _ = read_labels(DATA / "thorax_ct_labels.nrrd")
    assert set(counts(labels).values()) == {1}
    made, _ = MOVES[name](Sample(labels=labels), np.random.default_rng(seed))
    assert counts(made.labels) == counts(labels)


@pytest.mark.slow
@settings(max_examples=25)
@given(st.integers(0, 10**6))
def test_only_crumbs_change(seed: int) -> None:
    """Brute force on balls with loose voxels: large pieces and other voxels stay, each label ends in one piece."""
    rng = np.random.default_rng(seed)
    z, _, x = np.indices((16, 17, 18))
    before = np.where(x < 9, 1, 2).astype(np.int16) * (z > 2)
    moved = before.copy()
    noise = rng.random(moved.shape) < 0.02
    moved[noise] = rng.integers(0, 3, int(noise.sum()))
    made = values(crumbs.without_crumbs(make(moved), make(before)))
    for label in (1, 2):
        pieces, count = ndimage.label(moved == label)
        sizes = np.bincount(pieces.ravel())
        kept = [piece for piece in range(1, count + 1) if sizes[piece] > 26 or sizes[piece] == sizes[1:].max()]
        assert (made[np.isin(pieces, kept)] == label).all()
        assert ndimage.label(made == label)[1] == len(kept) == 1
    changed = made != moved
    assert not changed[moved == 0].any()


def test_crumbs_at_the_border_and_negative_labels() -> None:
    before = np.full((6, 6, 6), -1, np.int16)
    before[2:4, 2:4, 2:4] = 3
    moved = before.copy()
    moved[0, 0, 0] = 3  # at the corner, surrounded by -1
    made = values(crumbs.without_crumbs(cubes(moved), cubes(before)))
    np.testing.assert_array_equal(made, before)
    alone = np.zeros((3, 3, 3), np.uint8)
    alone[1, 1, 1] = 5
    twice = alone.copy()
    twice[0, 0, 0] = 5
    np.testing.assert_array_equal(
        values(crumbs.without_crumbs(cubes(twice), cubes(alone))).sum(), 5
    )  # one of them joins the background


def test_voxels_from_outside_are_background_whatever_the_smallest_label() -> None:
    labels = np.full((8, 8, 8), 7, np.int32)
    labels[2:5] = -1
    for smooth in (False, True):
        made = values(moving.move_labels(cubes(labels), np.eye(3), (5, 0, 0), smooth=smooth))
        assert (made[:, :, :4] == 0).all()
        np.testing.assert_array_equal(made[:, :, 5:], labels[:, :, :3])


def test_smooth_labels_take_the_largest_share() -> None:
    """Half a voxel of shift between two labels: shares are equal, and the smaller integer wins."""
    labels = np.zeros((4, 4, 6), np.uint8)
    labels[..., 2:4], labels[..., 4:] = 3, 2
    made = resampling.resampled_labels(
        cubes(labels), moving._affine(cubes(labels), np.eye(3), (0.5, 0, 0)), smooth=True
    )
    assert values(made)[0, 0].tolist() == [0, 0, 0, 3, 2, 2]


def brute_motion(array: Array, poses: list[Any], cuts: list[int], axis: int) -> Array:
    """Every line of a whole 3-D spectrum, copied one by one from that of its pose."""
    spectra = []
    for degrees, shift in poses:
        moved = moving.move_volume(make(array), moving.affine_matrix(degrees), shift)
        spectra.append(np.fft.fftshift(np.fft.fftn(values(moved).astype(np.float64)), axes=axis))
    measured = np.zeros_like(spectra[0])
    for line in range(array.shape[axis]):
        pose = sum(line >= cut for cut in cuts)
        place = tuple(line if number == axis else slice(None) for number in range(3))
        measured[place] = spectra[pose][place]
    return np.abs(np.fft.ifftn(np.fft.ifftshift(measured, axes=axis)))


@pytest.mark.slow(every=3)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_motion_takes_each_line_of_k_space_from_its_pose(axis: int) -> None:
    poses = [([0, 0, 0], [0, 0, 0]), ([5, -3, 8], [0.2, 0.3, -0.2]), ([-4, 6, 0], [0.1, 0, 0.4])]
    times = [0.62, 0.85]
    made = values(motion.motion(make(SMOOTH), poses, times, axis))
    lines = VOXELS.shape[2 - axis]
    expected = brute_motion(SMOOTH, poses, [round(time * lines) for time in times], 2 - axis)
    np.testing.assert_allclose(made, expected.clip(0, 1), atol=1e-5)
    assert not np.allclose(made, SMOOTH, atol=1e-3)


def test_motion_without_movement_changes_nothing_and_its_middle_is_at_rest() -> None:
    still = ([0, 0, 0], [0, 0, 0])
    np.testing.assert_allclose(values(motion.motion(make(SMOOTH), [still] * 3, [0.2, 0.7])), SMOOTH, atol=1e-6)
    for times, pose in (([0.2, 0.7], 1), ([0.6, 0.7], 0), ([0.1, 0.3], 2), ([], 0)):
        assert motion.pose_in_the_middle(times) == pose
    with pytest.raises(AugmentationError, match="motion: 2 poses for the times"):
        motion.motion(make(SMOOTH), [still] * 2, [0.7, 0.2])


def test_a_slice_stays_in_its_plane() -> None:
    """One slice is deformed like each of many equal ones."""
    disc = (np.hypot(*(np.indices((20, 24)) - 11.0)) < 7).astype(np.uint8)
    slice_, stack = cubes(disc[None]), cubes(np.stack([disc] * 9))
    turn = moving.affine_matrix((0, 0, 30), (1.2, 0.8, 1))
    made, many = (values(moving.move_labels(one, turn, (2, 1, 0))) for one in (slice_, stack))
    np.testing.assert_array_equal(made[0], many[4])
    field = moving.elastic_field(slice_, np.random.default_rng(1), 4.0, 10.0)
    assert not values(field)[..., 2].any()
    assert values(moving.warp_labels(slice_, field)).sum() == pytest.approx(disc.sum(), rel=0.5)
    with pytest.raises(AugmentationError, match="the movement leaves the plane of the image, which is one slice"):
        moving.move_labels(slice_, moving.affine_matrix((5, 0, 0)))
    with pytest.raises(AugmentationError, match="turn about z only"):
        moving.move_labels(slice_, np.eye(3), (0, 0, 1))


@pytest.mark.slow(every=4)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    "step",
    [
        "rotation",
        "elastic",
        {"isotropic": {"spacing": 0.5}},
        {"downsample": {"spacing": [1, 1, 1]}},
        {"slice_shift": {"thickness": 1}},
        {"centre_patch": {"size": [20, 3, 3]}},
    ],
)
def test_one_voxel_that_is_no_number_does_not_spread(step: Any, value: float) -> None:
    array = SMOOTH.copy()
    array[0, 0, 0] = value
    with pytest.raises(AugmentationError, match="the image has NaN or infinite values; replace them first"):
        Pipeline.build([step], load_catalogue()).apply(Sample(image=make(array)), seed=1)


@pytest.mark.parametrize("step", ["flip", {"centre_patch": {"size": [14, 13, 12]}}])
def test_one_voxel_that_is_no_number_stays_where_voxels_are_copied(step: Any) -> None:
    array = SMOOTH.copy()
    array[0, 0, 0] = np.nan
    made, _ = Pipeline.build([step], load_catalogue()).apply(Sample(image=make(array)), seed=1)
    assert np.isnan(values(made.image)).sum() == 1


def test_refusals() -> None:
    with pytest.raises(AugmentationError, match="affine: the matrix flattens the image; give scales above 0"):
        moving.move_volume(make(SMOOTH), np.diag([1.0, 0, 1]))
    with pytest.raises(AugmentationError, match="no interpolation is called 'sinc'; give 'linear' or 'cubic'"):
        moving.move_volume(make(SMOOTH), np.eye(3), interpolation="sinc")  # type: ignore[arg-type]
