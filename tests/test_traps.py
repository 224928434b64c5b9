"""The wrong walls that steps of this kind are known to make: ours does not, and the tests would notice."""

from __future__ import annotations

from functools import cache
from importlib.resources import as_file, files

import brute
import numpy as np
import pytest
import SimpleITK as sitk
from brute import ADD, EXCEPT, ONLY, RECIPES, TABLE, Array, Row
from scipy import ndimage

from pycemrg_core import run_recipe
from pycemrg_core.images import image_files
from pycemrg_core.recipes.runner import StepFinished

ONE = (1.0, 1.0, 1.0)


@cache
def heart() -> sitk.Image:
    with as_file(files("schematics_builtin") / "demo" / "data" / "rodero01_1.0mm.nrrd") as path:
        return image_files.read_labels(path)[0]


@cache
def steps(recipe: str) -> list[tuple[Row, Array, Array]]:
    """Each step of a recipe on the real heart: its row, the image before it and after it."""
    before, found = sitk.GetArrayFromImage(heart()), []
    for event in brute.events(recipe, heart(), brute.catalogue()):
        if isinstance(event, StepFinished):
            after = event.volume.array.copy()
            after.flags.writeable = False
            found.append((TABLE[event.record.name], before, after))
            before = after
    return found


def around(mask: Array) -> tuple[slice, ...]:
    """A box with room for a wall, and for the voxels next to it."""
    (box,) = ndimage.find_objects(mask.astype(np.uint8))
    return tuple(slice(max(axis.start - 8, 0), axis.stop + 8) for axis in box)


def grown(array: Array, spacing: brute.Spacing, *rows: Row) -> Array:
    recipe, catalogue = brute.recipe(*rows)
    return sitk.GetArrayFromImage(
        run_recipe(recipe, brute.image_of(array, spacing), catalogue, check=False, pad=False).image
    )


def signed_distance(mask: Array) -> Array:
    """Approximate, and 0 on the first layer inside: what the traps are made of."""
    image = sitk.GetImageFromArray(mask.astype(np.uint8))
    return sitk.GetArrayFromImage(sitk.SignedDanielssonDistanceMap(image, False, False, True))


@pytest.mark.slow
def test_a_wall_does_not_eat_the_first_layer_of_its_own_lumen() -> None:
    row = TABLE["pulmonary_artery"]
    before, after = next((b, a) for r, b, a in steps("four_chamber_full") if r is row)
    assert (before == 7).sum() == 5898
    assert (after == 7).sum() == 5898

    near = before[around(before == 7)]
    d = signed_distance(near == 7)
    wrong = brute.write(near, (d >= 0) & (d <= row.mm), row.target, row.application)
    assert 5898 - (wrong == 7).sum() == 2355


@pytest.mark.parametrize("mode", [("REPLACE",), (EXCEPT, 2), (ONLY, 1)])
def test_no_mode_lets_a_wall_into_its_own_source(mode: tuple[object, ...]) -> None:
    array = np.zeros((7, 7, 7), np.uint8)
    array[2:5, 2:5, 2:5] = 1
    after = grown(array, ONE, Row("wall", "create", (1,), 9, 2.0, [mode]))
    np.testing.assert_array_equal(after == 1, array == 1)
    d = signed_distance(array == 1)
    assert (brute.write(array, (d >= 0) & (d <= 2), 9, [mode]) == 1).sum() == 1


@pytest.mark.slow(every=3)
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_lumen_loses_voxels_only_where_a_rule_says_so(recipe: str) -> None:
    for row, before, after in steps(recipe):
        lost = set(np.unique(before[before != after]).tolist()) - {0}
        if row.kind in ("valve", "push"):
            allowed = {row.inputs[1]}
        elif row.application and row.application[0][0] == EXCEPT:
            allowed = set(range(1, 256)) - {row.inputs[0], *row.application[0][1:]}
        else:
            allowed = {label for _, *labels in row.application for label in labels}
        assert lost <= allowed, row.name
        # Nor does it grow anything but its target.
        assert set(np.unique(after[before != after]).tolist()) <= {row.target}, row.name


def test_a_diagonal_neighbour_is_sqrt_3_away() -> None:
    array = np.zeros((9, 9, 9), np.uint8)
    array[[3, 3, 4, 5], [3, 5, 4, 3], [4, 5, 5, 5]] = 1
    there = (5, 5, 4)
    assert brute.all_pairs(array == 1, ONE)[there] == pytest.approx(3**0.5)
    assert signed_distance(array == 1)[there] == pytest.approx(5**0.5)
    row = Row("wall", "create", (1,), 9, 2.0, [ADD])
    after = grown(array, ONE, row)
    assert after[there] == 9
    np.testing.assert_array_equal(after, brute.run(array, [row], ONE))


@pytest.mark.slow
def test_a_wall_has_no_holes_from_approximate_distance() -> None:
    row = TABLE["rv_myocardium"]
    before, after = next((b, a) for r, b, a in steps("biventricular_basic") if r is row)
    box = around(before == 3)
    wall = np.zeros(before.shape, np.bool_)
    wall[box] = (before[box] == 0) & (brute.transform(before[box] == 3, ONE) <= 3.501)
    np.testing.assert_array_equal(after == 103, wall)
    d = signed_distance(before[box] == 3)
    assert ((after[box] == 103) & (d > row.mm)).sum() > 100


@pytest.mark.slow(every=3)
@pytest.mark.parametrize("recipe", [name for name in RECIPES if "veins" in name or "atria" in name])
def test_a_ring_turns_nothing_into_background(recipe: str) -> None:
    for row, before, after in steps(recipe):
        assert not ((before != 0) & (after == 0)).any(), row.name


@pytest.mark.slow
def test_trimming_a_ring_afterwards_would_delete_veins() -> None:
    before_rings, deleted = None, 0
    for row, before, after in steps("atria_full"):
        if row.kind != "ring":
            continue
        before_rings = before if before_rings is None else before_rings
        vein, wall = row.inputs
        box = around(before_rings == vein)
        d = brute.transform(before_rings[box] == vein, ONE)
        wrong = before.copy()
        wrong[box] = brute.write(before[box], (d > 0) & (d <= 2.001), row.target, row.application or [ADD])
        wrong[box][(wrong[box] == row.target) & (brute.transform(before[box] == wall, ONE) > 2.001)] = 0
        deleted += int(((before != 0) & (wrong == 0)).sum())
        assert ((before != 0) & (after == before))[wrong != after].all(), row.name
    assert deleted > 100


@pytest.mark.parametrize(("size", "voxels", "mm"), [(0.1, 3, 0.3), (0.1, 6, 0.6), (1.1, 3, 3.3)])
def test_a_tie_belongs_to_the_wall(size: float, voxels: int, mm: float) -> None:
    array = np.zeros((1, 1, 2 * voxels + 5), np.uint8)
    array[0, 0, voxels + 2] = 1
    after = grown(array, (size, size, size), Row("wall", "create", (1,), 9, mm, [ADD]))
    assert (after == 9).sum() == 2 * voxels
    naive = brute.all_pairs(array == 1, (size, size, size)) <= mm
    assert naive.sum() - 1 < 2 * voxels


def test_spacing_is_not_taken_in_the_wrong_order() -> None:
    array = np.zeros((9, 9, 9), np.uint8)
    array[4, 4, 4] = 1
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((0.5, 1.0, 2.0))  # x, y, z
    row = Row("wall", "create", (1,), 9, 2.0, [ADD])
    recipe, catalogue = brute.recipe(row)
    after = sitk.GetArrayFromImage(run_recipe(recipe, image, catalogue, check=False, pad=False).image)
    assert [(after == 9).any(axis=axes).sum() for axes in ((1, 2), (0, 2), (0, 1))] == [3, 5, 9]
    assert (after != brute.run(array, [row], (0.5, 1.0, 2.0))).any()


def test_direction_and_origin_do_not_matter_to_walls() -> None:
    oblique = sitk.Image(heart())
    oblique.SetDirection(sitk.Euler3DTransform((0, 0, 0), 0.3, -0.2, 0.9).GetMatrix())
    oblique.SetOrigin((-71.3, 210.1, 1029.7))
    one, other = (run_recipe("atria_full", image, brute.catalogue(), check=False).image for image in (heart(), oblique))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(one), sitk.GetArrayFromImage(other))


def test_a_labels_last_voxels_do_not_wrap_in_8_bits() -> None:
    array = np.zeros((1, 1, 5), np.uint8)
    array[0, 0, 0] = 1
    after = grown(array, ONE, Row("wall", "create", (1,), 256 + 1, 2.0, [ADD]))
    assert after.dtype == np.uint16
    assert after.ravel().tolist() == [1, 257, 257, 0, 0]
    assert np.array(257).astype(np.uint8) == 1  # it would have been the lumen's own label
