"""Dilation by a ball is exact: equal to all-pairs distances and to two distance transforms."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import edt
import numpy as np
import pytest
from brute import Array, Mask, Spacing, all_pairs, limit, transform
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from pycemrg_core.images.dilation import dilate

# Lines of one, two and three words, and around their borders.
WIDTHS = st.one_of(st.integers(1, 12), st.sampled_from([63, 64, 65, 100, 127, 128, 129, 150]))
SIZES = st.sampled_from([0.1, 0.25, 0.3, 0.4, 0.5, 0.7, 1.0, 1.25, 2.5])


@st.composite
def cases(draw: Any) -> tuple[Mask, Spacing, float]:
    shape = (draw(st.integers(1, 7)), draw(st.integers(1, 7)), draw(WIDTHS))
    shape = tuple(shape[axis] for axis in draw(st.permutations(range(3)))) if shape[2] <= 12 else shape
    voxels = draw(st.sets(st.integers(0, int(np.prod(shape)) - 1), max_size=6))
    mask = np.zeros(shape, bool)
    mask.flat[list(voxels)] = True
    spacing = (draw(SIZES), draw(SIZES), draw(SIZES))
    # From less than a voxel to more than the image, half of them whole numbers of voxels.
    radius = draw(st.one_of(st.floats(0.01, 20.0), st.integers(1, 80).map(lambda n: n * spacing[2])))
    return mask, spacing, radius


def unambiguous(distance: Array, far: float, tolerance: float) -> bool:
    """Whether no distance is so near the limit that rounding decides."""
    return not (np.abs(distance - far) < tolerance).any()


@pytest.mark.slow
@settings(max_examples=250)
@given(cases())
@example((np.ones((1, 1, 1), bool), (1.0, 1.0, 1.0), 0.5))
@example((np.zeros((2, 3, 70), bool), (1.0, 1.0, 1.0), 5.0))
def test_equals_all_pairs_distances(case: tuple[Mask, Spacing, float]) -> None:
    mask, spacing, radius = case
    distance, far = all_pairs(mask, spacing), limit(radius, spacing)
    assume(unambiguous(distance, far, 1e-9))
    np.testing.assert_array_equal(dilate(mask, spacing, radius), distance <= far)


@settings(max_examples=60)
@given(
    st.integers(0, 2**32 - 1),
    st.tuples(*[st.integers(1, 24)] * 2, st.integers(1, 140)),
    st.floats(0.0, 0.2),
    st.tuples(SIZES, SIZES, SIZES),
    st.floats(0.05, 6.0),
)
def test_equals_two_distance_transforms(
    seed: int, shape: tuple[int, int, int], density: float, spacing: Spacing, radius: float
) -> None:
    mask = np.random.default_rng(seed).random(shape) < density
    mask.flat[seed % mask.size] = True
    far = limit(radius, spacing)
    exact, single = transform(mask, spacing), edt.edt(~mask, anisotropy=spacing, black_border=False)
    # The second one is in single precision.
    assume(unambiguous(exact, far, 1e-5 * (1 + radius)))
    dilated = dilate(mask, spacing, radius)
    np.testing.assert_array_equal(dilated, exact <= far)
    np.testing.assert_array_equal(dilated, single <= far)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize(
    ("size", "radius", "voxels"),
    [(0.4, 2.0, 5), (0.1, 0.3, 3), (0.7, 2.1, 3), (0.35, 2.45, 7), (1.1, 3.3, 3), (0.3, 0.9, 3), (0.5, 1.99, 3)],
)
def test_ties_are_within(axis: int, size: float, radius: float, voxels: int) -> None:
    shape = [1, 1, 1]
    shape[axis] = 2 * voxels + 5
    mask = np.zeros(shape, bool)
    mask.flat[voxels + 2] = True
    expected = np.abs(np.arange(2 * voxels + 5) - voxels - 2) <= voxels
    np.testing.assert_array_equal(dilate(mask, (size, size, size), radius).ravel(), expected)


def test_a_tie_off_the_axes_is_within() -> None:
    mask = np.zeros((1, 5, 7), bool)
    mask[0, 0, 0] = True
    assert dilate(mask, (0.1, 0.1, 0.1), 0.5)[0, 4, 3]  # 3, 4, 5
    assert not dilate(mask, (0.1, 0.1, 0.1), 0.49)[0, 4, 3]


@pytest.mark.parametrize("width", [64, 128, 129, 300])
def test_a_line_crosses_the_borders_of_words(width: int) -> None:
    for start in {0, 62, 63, 64, 65, 127, 128, width - 1} & set(range(width)):
        mask = np.zeros((1, 1, width), bool)
        mask[0, 0, start] = True
        for radius in (1, 2, 63, 64, 65, 130, 400):
            expected = np.abs(np.arange(width) - start) <= radius
            np.testing.assert_array_equal(dilate(mask, (1.0, 1.0, 1.0), radius).ravel(), expected)


def test_a_radius_below_a_voxel_changes_nothing() -> None:
    mask = np.random.default_rng(0).random((5, 6, 70)) < 0.3
    np.testing.assert_array_equal(dilate(mask, (1.0, 1.0, 1.0), 0.9), mask)
    along_x = dilate(mask, (2.0, 2.0, 0.5), 0.9)
    np.testing.assert_array_equal(along_x, transform(mask, (2.0, 2.0, 0.5)) <= 0.9)


def test_a_limit_on_a_voxel_centre_is_no_error() -> None:
    # Radius plus slack is 33 voxels, and its square minus theirs rounds to less than nothing.
    mask = np.zeros((40, 3, 3), bool)
    mask[0, 1, 1] = True
    dilated = dilate(mask, (0.39, 1.43, 1.25), 12.86961)
    assert dilated[32, 1, 1]
    assert not dilated[34, 1, 1]


def test_a_radius_far_larger_than_the_image_costs_no_more_than_the_image() -> None:
    # 2000 for 2000 micrometres: the loop must end at the image's border.
    code = (
        "import numpy as np; from pycemrg_core.images.dilation import dilate; m = np.zeros((3, 4, 5), bool);"
        "m[0, 0, 0] = True; assert dilate(m, (0.1, 0.1, 0.1), 2000.0).all()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=15)


def test_the_mask_is_not_changed() -> None:
    mask = np.random.default_rng(0).random((5, 6, 70)) < 0.1
    before = mask.copy()
    mask.flags.writeable = False
    dilate(mask, (1.0, 1.0, 1.0), 2.5)
    np.testing.assert_array_equal(mask, before)
