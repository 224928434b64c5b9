"""On the heart that ships: right voxel by voxel, whatever the threads, the order of plugins or the axes."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import Counter
from functools import cache
from importlib.resources import as_file, files
from itertools import permutations

import brute
import numpy as np
import pytest
import SimpleITK as sitk
from attrs import evolve
from brute import RECIPES, TABLE, Array, Mask, Spacing
from scipy import ndimage

from pycemrg_core import run_recipe
from pycemrg_core.api.records import Recipe, Schematic
from pycemrg_core.images import image_files
from pycemrg_core.plugins.catalogue import Catalogue, compose
from pycemrg_core.recipes.run_record import RunRecord
from pycemrg_core.recipes.runner import RunResult

OBLIQUE = sitk.Euler3DTransform((0, 0, 0), 0.3, -0.2, 0.9).GetMatrix()


@cache
def heart() -> sitk.Image:
    with as_file(files("schematics_builtin") / "demo" / "data" / "rodero01_1.0mm.nrrd") as path:
        return image_files.read_labels(path)[0]


def voxels(image: sitk.Image) -> Array:
    return sitk.GetArrayFromImage(image)


@cache
def grown(recipe: str) -> RunResult:
    return run_recipe(recipe, heart(), brute.catalogue())


def apart_from_the_clock(record: RunRecord) -> RunRecord:
    return evolve(record, steps=tuple(evolve(step, seconds=0.0) for step in record.steps))


_distances: dict[bytes, Array] = {}


def full_volume_transform(mask: Mask, spacing: Spacing) -> Array:
    """scipy's distance transform of the whole volume, kept; farther than any wall is thick, it is infinite."""
    key = hashlib.sha256(mask.tobytes()).digest()
    if key not in _distances:
        (box,) = ndimage.find_objects(mask.astype(np.uint8)) or [(slice(0, 0),) * 3]
        near = tuple(slice(max(axis.start - 8, 0), axis.stop + 8) for axis in box)
        _distances[key] = np.full(mask.shape, np.inf, np.float32)
        _distances[key][near] = brute.transform(mask[near], spacing)
    return _distances[key]


@pytest.mark.slow(every=3)
@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_runs_the_steps_of_its_table(recipe: str) -> None:
    record = grown(recipe).record
    assert [step.name for step in record.steps] == RECIPES[recipe]
    assert [step.step for step in record.steps] == [TABLE[name].kind for name in RECIPES[recipe]]


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["four_chamber_full", "atria_full"])
def test_equals_a_full_volume_distance_transform_voxel_by_voxel(recipe: str) -> None:
    rows = [TABLE[name] for name in RECIPES[recipe]]
    expected = brute.run(voxels(heart()), rows, (1.0, 1.0, 1.0), full_volume_transform)
    np.testing.assert_array_equal(voxels(grown(recipe).image), expected)


def test_the_input_is_not_changed_and_geometry_is_kept_exactly() -> None:
    image = sitk.Image(heart())
    image.SetDirection(OBLIQUE)
    image.SetOrigin((-71.3, 210.1, 1029.7))
    image.SetSpacing((1.1, 0.9, 1.3))
    before = voxels(image).tobytes(), image.GetDirection(), image.GetOrigin(), image.GetSpacing()
    result = run_recipe("atria_full", image, brute.catalogue()).image
    assert (voxels(image).tobytes(), image.GetDirection(), image.GetOrigin(), image.GetSpacing()) == before
    assert (result.GetDirection(), result.GetOrigin(), result.GetSpacing()) == before[1:]
    assert result.GetPixelID() == image.GetPixelID()
    # The result has memory of its own.
    result[0, 0, 0] = 77
    assert voxels(image).tobytes() == before[0]


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["four_chamber_full", "atria_full"])
def test_a_second_run_is_bit_identical(recipe: str) -> None:
    again = run_recipe(recipe, heart(), brute.catalogue())
    assert voxels(again.image).tobytes() == voxels(grown(recipe).image).tobytes()
    assert apart_from_the_clock(again.record) == apart_from_the_clock(grown(recipe).record)


def digest() -> str:
    arrays = [voxels(grown(recipe).image) for recipe in ("four_chamber_full", "atria_full")]
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()


@pytest.mark.slow
@pytest.mark.parametrize("threads", ["1", "4"])
def test_the_number_of_threads_does_not_matter(threads: str) -> None:
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": threads,
        "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": threads,
        "PYTHONPATH": os.path.dirname(__file__),
        "PYTHONHASHSEED": threads,
    }
    code = "import test_real_heart; print(test_real_heart.digest())"
    output = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert output.strip() == digest()


def shuffled(*, reverse: bool) -> Catalogue:
    """The built-in catalogue among plugins of other names, registered in one order or its reverse."""
    strangers = [
        brute.plugin(name, Schematic(name=f"{name}_wall", step="create", labels={f"{name}_label": 208}))
        for name in ("aaa", "zzz")
    ]
    everything = [strangers[0], *brute.built_in(), strangers[1]]
    if reverse:
        everything = [evolve(one, records=one.records[::-1]) for one in reversed(everything)]
    return compose(everything)


@pytest.mark.slow
def test_the_order_of_registration_does_not_matter() -> None:
    forward, backward = shuffled(reverse=False), shuffled(reverse=True)
    assert forward.contributions == backward.contributions
    assert [one.found for one in forward.plugins] == [one.found for one in backward.plugins]
    one, other = (run_recipe("atria_full", heart(), catalogue) for catalogue in (forward, backward))
    assert voxels(one.image).tobytes() == voxels(other.image).tobytes()
    assert voxels(one.image).tobytes() == voxels(grown("atria_full").image).tobytes()
    assert apart_from_the_clock(one.record) == apart_from_the_clock(other.record)


BOTH = Recipe(name="both", steps=[*RECIPES["four_chamber_full"], *RECIPES["atria_full"][1:6]])
SPACING = (1.0, 0.8, 1.3)  # z, y, x


@cache
def both() -> Array:
    return voxels(run_recipe(BOTH, brute.image_of(voxels(heart()), SPACING), brute.catalogue()).image)


@pytest.mark.slow
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_flipped_heart_gives_the_flipped_result(axis: int) -> None:
    flipped = np.ascontiguousarray(np.flip(voxels(heart()), axis))
    result = run_recipe(BOTH, brute.image_of(flipped, SPACING), brute.catalogue(), accept=("situs-inversus",))
    np.testing.assert_array_equal(voxels(result.image), np.flip(both(), axis))


@pytest.mark.slow
@pytest.mark.parametrize("axes", list(permutations(range(3)))[1:])
def test_permuted_axes_give_the_permuted_result(axes: tuple[int, int, int]) -> None:
    permuted = np.ascontiguousarray(voxels(heart()).transpose(axes))
    z, y, x = (SPACING[axis] for axis in axes)
    result = run_recipe(BOTH, brute.image_of(permuted, (z, y, x)), brute.catalogue(), accept=("situs-inversus",))
    np.testing.assert_array_equal(voxels(result.image), both().transpose(axes))


@pytest.mark.slow(every=4)
@pytest.mark.parametrize("recipe", RECIPES)
def test_the_ledger_accounts_for_every_voxel_that_differs(recipe: str) -> None:
    balance: Counter[int] = Counter()
    for step in grown(recipe).record.steps:
        assert step.voxels == sum(entry.voxels for entry in step.ledger)
        for entry in step.ledger:
            assert entry.mm3 == entry.voxels  # 1 mm voxels
            balance[entry.new] += entry.voxels
            balance[entry.old] -= entry.voxels
    before, after = voxels(heart()), voxels(grown(recipe).image)
    difference = np.bincount(after.ravel(), minlength=256) - np.bincount(before.ravel(), minlength=256)
    assert [balance[label] for label in range(256)] == difference.tolist()
    # What is written twice is counted twice, all else once.
    twice = sum(
        entry.voxels
        for number, step in enumerate(grown(recipe).record.steps)
        for entry in step.ledger
        if entry.old in {TABLE[earlier].target for earlier in RECIPES[recipe][:number]}
        and entry.old not in np.unique(before)
    )
    assert (before != after).sum() == sum(step.voxels for step in grown(recipe).record.steps) - twice


def test_the_ledger_names_labels() -> None:
    entries = {
        (step.name, entry.old_name, entry.new_name)
        for step in grown("four_chamber_full").record.steps
        for entry in step.ledger
    }
    assert ("lv_outflow", "background", "LV_myo_label") in entries
    assert ("mitral_valve", "LV_BP_label", "MV_label") in entries
