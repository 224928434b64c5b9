"""Simulated failures: the ground truth is exactly what changed, and the damage is what it says."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from command_line import HEART
from phantom import heart_phantom
from pycemrg_augment.transforms import failures
from scipy import ndimage

from pycemrg_core import AugmentationError, load_catalogue, run_recipe

Maker = Callable[[sitk.Image, np.random.Generator], tuple[sitk.Image, failures.Damage]]

PHANTOM = heart_phantom(64, (1.8, 1.5, 2.0))

KINDS: dict[str, Maker] = {
    "drop_structure": lambda image, rng: failures.drop_structure(image, rng, (8, 9, 10)),
    "swap_labels": lambda image, rng: failures.swap_labels(image, rng, (4, 5)),
    "islands": lambda image, rng: failures.islands(image, rng, 4, 3, 2.5),
    "staircase": lambda image, rng: failures.staircase(image, rng, 4.0),
    "leak": lambda image, rng: failures.leak(image, rng, (1, 0), 2.5),
}


def values(made: sitk.Image) -> np.ndarray[Any, Any]:
    array: np.ndarray[Any, Any] = sitk.GetArrayFromImage(made)
    return array


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


@cache
def grown() -> sitk.Image:
    """The real heart with walls and valves."""
    return run_recipe("four_chamber_full", sitk.ReadImage(str(HEART)), load_catalogue()).image


def contacts(array: np.ndarray[Any, Any], a: int, b: int) -> int:
    """Faces that two labels share, by shifting the array."""
    found = 0
    for axis in range(3):
        one, next_one = np.delete(array, -1, axis), np.delete(array, 0, axis)
        found += int(((one == a) & (next_one == b)).sum() + ((one == b) & (next_one == a)).sum())
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [1, 2])
def test_the_ground_truth_is_what_changed(kind: str, seed: int) -> None:
    before = values(PHANTOM)
    image, damage = KINDS[kind](PHANTOM, rng(seed))
    after = values(image)
    z, y, x = np.nonzero(before != after)
    assert damage.kind == kind
    assert damage.voxels == len(x) > 0
    assert damage.box == ((x.min(), y.min(), z.min()), (x.max(), y.max(), z.max()))
    assert damage.voxel in set(zip(x.tolist(), y.tolist(), z.tolist(), strict=True))
    assert set(np.unique(after)) <= set(np.unique(before))
    assert image.GetPixelID() == PHANTOM.GetPixelID()
    assert image.GetSpacing() == PHANTOM.GetSpacing()
    np.testing.assert_array_equal(values(PHANTOM), before)


@pytest.mark.slow(every=5)
@pytest.mark.parametrize("kind", KINDS)
def test_the_generator_decides(kind: str) -> None:
    (first, one), (again, two) = (KINDS[kind](PHANTOM, rng()) for _ in range(2))
    np.testing.assert_array_equal(values(first), values(again))
    assert one == two
    if kind != "swap_labels":  # which draws nothing
        assert len({KINDS[kind](PHANTOM, rng(seed))[1] for seed in range(8)}) > 1


def test_drop_and_swap() -> None:
    before = values(PHANTOM)
    dropped, damage = failures.drop_structure(PHANTOM, rng(), (77, 9))
    np.testing.assert_array_equal(values(dropped), np.where(before == 9, 0, before))
    assert damage.labels == (9,)
    swapped, damage = failures.swap_labels(PHANTOM, rng(), (4, 5))
    np.testing.assert_array_equal(values(swapped), np.choose(before, [0, 1, 2, 3, 5, 4, *range(6, 15)]))
    assert damage.labels == (4, 5)


@pytest.mark.parametrize(("count", "radius"), [(1, 0.5), (3, 2.5), (6, 4.0)])
def test_islands_are_loose_and_as_many_as_asked_for(count: int, radius: float) -> None:
    image, damage = failures.islands(PHANTOM, rng(), 4, count, radius)
    touching = np.ones((3, 3, 3))  # across corners too
    before, after = values(PHANTOM), values(image)
    assert ndimage.label(after == 4, touching)[1] == ndimage.label(before == 4, touching)[1] + count
    assert (before[before != after] == 0).all()
    z, y, x = np.indices((21, 21, 21)) - 10
    one_ball = ((2.0 * z) ** 2 + (1.5 * y) ** 2 + (1.8 * x) ** 2 <= radius**2).sum()
    assert damage.voxels == count * one_ball


def test_a_staircase_moves_whole_slices() -> None:
    image, damage = failures.staircase(PHANTOM, rng(), 4.0)
    before, after = values(PHANTOM), values(image)
    shifts = set()
    for old, new in zip(before, after, strict=True):
        if not old.any():
            continue
        # The heart is far from the border, so that a roll is the same as a shift. 4 mm are 2 voxels in x and y.
        found = [
            (dy, dx) for dy in range(-2, 3) for dx in range(-2, 3) if (np.roll(old, (dy, dx), (0, 1)) == new).all()
        ]
        assert found
        shifts.add(found[0])
    assert len(shifts) > 5
    assert damage.labels == tuple(range(1, 15))


def test_a_staircase_may_shift_slices_out_of_the_image() -> None:
    array = np.full((40, 2, 3), 5, np.uint8)
    image, damage = failures.staircase(sitk.GetImageFromArray(array), rng(), 50.0)
    left = (values(image) == 5).reshape(40, -1).sum(axis=1)
    assert set(left.tolist()) <= {0, 1, 2, 3, 4, 6}  # what is left of 2 x 3 voxels is a box
    assert 0 in left
    assert damage.voxels == 240 - left.sum()


@pytest.mark.slow
@pytest.mark.parametrize("between", [(1, 4), (4, 1), (3, 5), (1, 3), (4, 0), (0, 1), (6, 0)])
@pytest.mark.parametrize("radius", [1.0, 2.0])
def test_a_leak_makes_lumens_touch_where_they_did_not(between: tuple[int, int], radius: float) -> None:
    heart = grown()
    image, damage = failures.leak(heart, rng(3), between=between, radius_mm=radius)
    before, after = values(heart), values(image)
    lumen, other = damage.labels[:2]
    assert (lumen, other) == (between if between[0] else between[::-1])
    (x0, y0, z0), (x1, y1, z1) = damage.box
    near = (slice(max(z0 - 1, 0), z1 + 2), slice(max(y0 - 1, 0), y1 + 2), slice(max(x0 - 1, 0), x1 + 2))
    assert contacts(before[near], lumen, other) == 0
    assert contacts(after[near], lumen, other) > 0
    assert contacts(after, lumen, other) > contacts(before, lumen, other)
    changed = before != after
    assert set(np.unique(after[changed])) == {lumen}
    assert set(np.unique(before[changed])) == set(damage.labels[2:])
    assert not {0, lumen, other} & set(damage.labels[2:])
    # The hole is one piece with the lumen, not with a stray piece of it.
    pieces = ndimage.label(after == lumen)[0]
    assert set(np.unique(pieces[changed])) == {np.bincount(pieces[pieces > 0]).argmax()}


@pytest.mark.slow
def test_a_leak_goes_through_the_valve_that_is_named() -> None:
    mitral_valve = 201  # in the built-in catalogue
    for seed in range(5):
        assert failures.leak(grown(), rng(seed), (1, 4), 2.0, through=(mitral_valve,))[1].labels == (1, 4, mitral_valve)
    # Left to itself it also goes through the walls beside the valve, but never through a blood pool.
    opened = {label for seed in range(8) for label in failures.leak(grown(), rng(seed), (1, 4), 2.0)[1].labels[2:]}
    assert mitral_valve in opened
    assert not opened & {1, *range(3, 15)}


def test_a_wall_between_two_plates() -> None:
    """Two lumens with a wall of 4 voxels: the hole is a cylinder with round ends of the radius given."""
    array = np.full((20, 41, 41), 9, np.uint8)
    array[:8], array[12:] = 1, 2
    image = sitk.GetImageFromArray(array)
    made, damage = failures.leak(image, rng(), (1, 2), 3.0)
    changed = np.argwhere(array != values(made))
    middle = np.median(changed, axis=0)
    y, x = np.indices((41, 41))
    disc = (y - middle[1]) ** 2 + (x - middle[2]) ** 2 <= 9
    np.testing.assert_array_equal(values(made)[8:12], np.where(disc, 1, array[8:12]))
    assert damage.labels == (1, 2, 9)
    assert damage.voxels == 4 * disc.sum()


@pytest.mark.parametrize("seed", range(10))
def test_a_leak_keeps_away_from_holes_that_are_there(seed: int) -> None:
    """The wall is full of holes but for one corner of 11 x 11 voxels."""
    array = np.full((9, 40, 40), 9, np.uint8)
    array[:4], array[5:] = 1, 2
    array[4, ::3, ::3] = 1
    array[4, :11, :11] = 9
    made, damage = failures.leak(sitk.GetImageFromArray(array), rng(seed), (1, 2), 1.0)
    (x0, y0, z0), (x1, y1, z1) = damage.box
    assert (z0, z1) == (4, 4)
    around = array[4, max(y0 - 1, 0) : y1 + 2, max(x0 - 1, 0) : x1 + 2]
    assert (around == 9).all()
    assert values(made)[4, y0 : y1 + 1, x0 : x1 + 1].any()


def test_a_leak_is_not_into_a_stray_voxel_of_a_lumen() -> None:
    array = np.full((16, 25, 25), 9, np.uint8)
    array[:4], array[10:] = 1, 2
    array[8, 1::4, 1::4] = 1  # one voxel from the other lumen, where the wall looks thinnest
    array[5, 3::4, 3::4] = 2
    before = ndimage.label(array == 1)[0] == 1
    for seed in range(5):
        made = values(failures.leak(sitk.GetImageFromArray(array), rng(seed), (1, 2), 0.4)[0])
        lumen, other = (ndimage.label(made == label)[0] for label in (1, 2))
        main, away = (made == 1) & (lumen == lumen[0, 0, 0]), (made == 2) & (other == other[-1, 0, 0])
        assert contacts(main + 2 * away, 1, 2) == 1
        assert main.sum() >= before.sum() + 6  # the wall is six voxels thick


def test_an_island_touches_its_label_nowhere_not_across_a_corner() -> None:
    array = np.zeros((5, 5, 5), np.uint8)
    array[2, 2, 2] = 1
    for seed in range(20):
        made, damage = failures.islands(sitk.GetImageFromArray(array), rng(seed), 1, 1, 0.5)
        assert ndimage.label(values(made), np.ones((3, 3, 3)))[1] == 2
        assert damage.voxels == 1


def thin_shell() -> sitk.Image:
    array = np.zeros((9, 9, 9), np.uint8)
    array[3:6, 3:6, 3:6] = 1
    return sitk.GetImageFromArray(array)


@pytest.mark.slow(every=3)
@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            lambda: failures.drop_structure(PHANTOM, rng(), (77, 78)),
            "drop_structure: none of the labels 77, 78 is in the image; name labels that are",
        ),
        (
            lambda: failures.swap_labels(PHANTOM, rng(), (1, 77)),
            "swap_labels: label 77 is not in the image; name labels",
        ),
        (
            lambda: failures.swap_labels(PHANTOM, rng(), (1, 1)),
            "swap_labels: 1 and 1 are the same label; give two different ones",
        ),
        (lambda: failures.islands(PHANTOM, rng(), 77), "islands: label 77 is not in the image"),
        (lambda: failures.islands(PHANTOM, rng(), 4, 3, 0), "islands: the radius is 0 mm; give a positive one"),
        (
            lambda: failures.islands(thin_shell(), rng(), 1, 2, 2.0),
            "islands: the background has room for only 0 of 2 loose balls",
        ),
        (lambda: failures.staircase(PHANTOM, rng(), 1.0), "staircase: 1 mm is less than one voxel (1.5 mm); give more"),
        (lambda: failures.leak(PHANTOM, rng(), (77, 1)), "leak: label 77 is not in the image"),
        (lambda: failures.leak(PHANTOM, rng(), (1, 1)), "leak: 1 and 1 are the same label; give two different ones"),
        (
            lambda: failures.leak(thin_shell(), rng(), (1, 0)),
            "leak: no wall of up to 20 mm separates labels 1 and 0 (background); grow walls and valves first",
        ),
        (
            lambda: failures.leak(grown(), rng(), (1, 4), through=(202,)),
            "leak: no wall of up to 20 mm of the labels 202 separates labels 1 and 4; grow walls",
        ),
        (lambda: failures.leak(PHANTOM, rng(), (1, 6)), "leak: no wall of up to 20 mm separates labels 1 and 6; grow"),
    ],
)
def test_refusals(call: Callable[[], Any], said: str) -> None:
    with pytest.raises(AugmentationError) as caught:
        call()
    assert str(caught.value).startswith(said)
