"""Each kind of step, run by a recipe, is what its row says: by brute force, and on shapes known by formula."""

from __future__ import annotations

from collections.abc import Iterator
from math import pi, sqrt
from typing import Any

import brute
import numpy as np
import pytest
import SimpleITK as sitk
from attrs import frozen
from brute import ADD, EXCEPT, MODES, ONLY, Array, Row, Spacing
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pycemrg_core import LabelVolume, Recipe, Schematic, run_recipe
from pycemrg_core.api import Edit, Label, Ref, Step, reads, writes
from pycemrg_core.images.label_volume import as_region

ONE = (1.0, 1.0, 1.0)
INPUTS = {"create": 1, "valve": 2, "ring": 2, "push": 2}


def grown(array: Array, spacing: Spacing, *rows: Row) -> Array:
    recipe, catalogue = brute.recipe(*rows)
    result = run_recipe(recipe, brute.image_of(array, spacing), catalogue, check=False, pad=False)
    return sitk.GetArrayFromImage(result.image)


@st.composite
def applications(draw: Any, modes: tuple[str, ...] = MODES) -> tuple[tuple[Any, ...], ...]:
    """One to three passes; their labels may be absent, or be the step's own."""
    labels = st.lists(st.sampled_from([1, 2, 3, 4, 5, 9, 77]), max_size=3, unique=True)
    steps = st.sampled_from(modes).flatmap(
        lambda mode: labels.map(lambda some: (mode, *some) if mode in (ONLY, EXCEPT) else (mode,))
    )
    return tuple(draw(st.lists(steps, min_size=1, max_size=3)))


@st.composite
def maps(draw: Any) -> tuple[Array, Spacing]:
    """A label map that holds 1, 2 and 3, perhaps 4 and 5; spacing often anisotropic."""
    shape = draw(st.tuples(*[st.integers(2, 9)] * 3))
    array = draw(hnp.arrays(np.uint8, shape, elements=st.sampled_from([0, 0, 1, 2, 3, 4, 5]), fill=st.just(0)))
    array.flat[draw(st.lists(st.integers(0, array.size - 1), min_size=3, max_size=3, unique=True))] = [1, 2, 3]
    return array, draw(st.tuples(*[st.sampled_from([0.4, 0.7, 1.0, 1.3, 2.0])] * 3))


thicknesses = st.sampled_from([2.0, 2.1, 2.6, 2.8, 3.9, 5.5, 30.0])


@pytest.mark.parametrize("kind", INPUTS)
@settings(max_examples=60)
@given(maps(), thicknesses, st.permutations([1, 2, 3]), st.sampled_from([3, 9]), st.data())
def test_a_step_equals_brute_force(
    kind: str, case: tuple[Array, Spacing], mm: float, order: list[int], target: int, data: st.DataObject
) -> None:
    array, spacing = case
    inputs = tuple([label for label in order if label != target][: INPUTS[kind]])
    application = () if kind == "push" else data.draw(applications())
    row = Row("one", kind, inputs, target, mm, application)
    np.testing.assert_array_equal(grown(array, spacing, row), brute.run(array, [row], spacing))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", ["create", "valve", "ring"])
@settings(max_examples=12)
@given(maps(), st.data())
def test_every_mode_equals_brute_force(mode: str, kind: str, case: tuple[Array, Spacing], data: st.DataObject) -> None:
    array, spacing = case
    row = Row("one", kind, (1, 2)[: INPUTS[kind]], 9, 2.1, data.draw(applications((mode,))))
    np.testing.assert_array_equal(grown(array, spacing, row), brute.run(array, [row], spacing))


@pytest.mark.slow
@settings(max_examples=60)
@given(maps(), st.data())
def test_a_recipe_of_all_kinds_equals_brute_force(case: tuple[Array, Spacing], data: st.DataObject) -> None:
    array, spacing = case
    rows = [
        Row("a", "create", (1,), 11, 2.0, data.draw(applications((ONLY, EXCEPT)))),
        Row("b", "ring", (2, 11), 12, 2.6, data.draw(applications())),
        Row("c", "push", (11, 3), 13, 2.1),
        Row("d", "ring", (3, 11), 14, 2.0, data.draw(applications())),
        Row("e", "valve", (13, 2), 15, 2.8, data.draw(applications())),
    ]
    np.testing.assert_array_equal(grown(array, spacing, *rows), brute.run(array, rows, spacing))


def test_a_ring_without_application_steps_adds() -> None:
    array = np.array([[[0, 0, 1, 4, 0, 2, 0, 0, 0]]], np.uint8)
    row = Row("one", "ring", (1, 2), 9, 2.0)
    # On the left it would be within 2 mm of the vein, not of the wall.
    assert grown(array, ONE, row).ravel().tolist() == [0, 0, 1, 4, 9, 2, 0, 0, 0]


def test_a_ring_is_measured_on_the_image_before_the_first_ring() -> None:
    array = np.zeros((1, 1, 12), np.uint8)
    array[0, 0, 2:9] = [1, 3, 3, 2, 2, 2, 2]
    # The first ring takes the whole of vein 3, whose own ring is still measured from there.
    rows = [Row("a", "ring", (1, 2), 8, 2.0, [(ONLY, 3)]), Row("b", "ring", (3, 2), 9, 2.0, [(ONLY, 2)])]
    result = grown(array, ONE, *rows)
    assert result.ravel().tolist() == [0, 0, 1, 8, 8, 9, 9, 2, 2, 0, 0, 0]
    after_first = brute.run(array, rows[:1], ONE)
    # Measured on the image as it is, the vein would be gone.
    np.testing.assert_array_equal(brute.step(after_first, rows[1], ONE, after_first), after_first)


def test_two_modes_that_speak_of_one_label() -> None:
    array = np.zeros((1, 1, 6), np.uint8)
    array[0, 0, :4] = [1, 4, 5, 0]
    row = Row("one", "create", (1,), 9, 5.0, [(ONLY, 5), (EXCEPT, 4, 5)])
    assert grown(array, ONE, row).ravel().tolist() == [1, 4, 9, 9, 9, 9]


@pytest.mark.parametrize("kind", ["create", "valve", "ring"])
def test_labels_of_application_steps_may_be_absent(kind: str) -> None:
    array = np.zeros((5, 6, 7), np.uint8)
    array[1:4, 1:4, 1:3], array[1:4, 1:4, 3:5] = 1, 2
    row = Row("one", kind, (1, 2)[: INPUTS[kind]], 9, 2.0, [(ONLY, 50, 51), (EXCEPT, 52)])
    np.testing.assert_array_equal(grown(array, ONE, row), brute.run(array, [row], ONE))


@frozen
class Pair:
    source: Label = reads("SOURCE")
    one: Label = writes("ONE")
    two: Label = writes("TWO")


def everything_then_what_is_left(volume: LabelVolume, contract: Pair) -> Iterator[Edit]:
    full = as_region(slice(0, size) for size in volume.array.shape)
    yield Edit(full, volume.mask(contract.source.value), contract.one.value)
    # Asked for after the first edit was handed over, and still the image as it was.
    yield Edit(full, volume.mask(0), contract.two.value)
    yield Edit(full, volume.mask(contract.one.value), contract.two.value)


def test_all_edits_of_a_step_see_the_same_input() -> None:
    step = Step(
        name="pair",
        summary="two edits",
        run=Ref(f"{__name__}:everything_then_what_is_left"),
        contract=Ref(f"{__name__}:Pair"),
    )
    schematic = Schematic(
        name="both",
        step="pair",
        labels={"a": 1, "b": 2, "c": 3},
        semantic_map={"SOURCE": "a", "ONE": "b", "TWO": "c"},
    )
    array = np.array([[[0, 1, 2]]], np.uint8)
    result = run_recipe(
        Recipe(name="r", steps=["both"]), brute.image_of(array), brute.catalogue(step, schematic), check=False
    )
    assert sitk.GetArrayFromImage(result.image).ravel().tolist() == [3, 2, 3]


def centres(shape: tuple[int, ...], size: float) -> tuple[Array, ...]:
    """Coordinates in mm from the array's middle, deliberately between voxel centres."""
    return tuple((np.indices(shape)[axis] - (n - 1) / 2 + 0.2) * size for axis, n in enumerate(shape))


def test_the_shell_of_a_sphere_has_its_volume() -> None:
    radius, thick, size = 10.0, 3.0, 0.25
    z, y, x = centres((112, 112, 112), size)
    rho = np.sqrt(z**2 + y**2 + x**2)
    array = (rho <= radius).astype(np.uint8)
    wall = grown(array, (size,) * 3, Row("wall", "create", (1,), 9, thick, [ADD])) == 9
    # No point is farther than half a voxel's diagonal from a centre. So a voxel of the wall lies in
    # (r, r + t], one in (r, r + t - 2 half] is in the wall, and n centres within R of the middle have
    # voxels whose union holds the ball of R - half and lies in that of R + half.
    half = sqrt(3) / 2 * size
    assert not wall[(rho <= radius) | (rho > radius + thick + 0.001)].any()
    assert wall[(rho > radius) & (rho <= radius + thick - 2 * half)].all()

    def ball(r: float) -> float:
        return 4 / 3 * pi * r**3

    volume = wall.sum() * size**3
    low = ball(radius + thick - 3 * half) - ball(radius + half)
    high = ball(radius + thick + half) - ball(radius - half)
    assert low < volume < high


@pytest.mark.parametrize("spacing", [(0.4, 1.0, 1.0), (0.7, 0.5, 2.0), (1.0, 0.3, 0.3)])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_wall_of_a_slab_is_exactly_as_thick(axis: int, spacing: Spacing) -> None:
    array = np.zeros([5 if other != axis else 41 for other in range(3)], np.uint8)
    np.moveaxis(array, axis, 0)[18:21] = 1
    wall = grown(array, spacing, Row("wall", "create", (1,), 9, 4.0, [ADD])) == 9
    layers = {0.4: 10, 1.0: 4, 0.7: 5, 0.5: 8, 2.0: 2, 0.3: 13}[spacing[axis]]
    expected = np.zeros(array.shape, bool)
    np.moveaxis(expected, axis, 0)[18 - layers : 18] = True
    np.moveaxis(expected, axis, 0)[21 : 21 + layers] = True
    np.testing.assert_array_equal(wall, expected)


def test_the_wall_of_a_tube_is_a_tube() -> None:
    radius, thick, size = 6.0, 2.0, 0.25
    _, y, x = centres((9, 80, 80), size)
    rho = np.hypot(y, x)
    wall = grown((rho <= radius).astype(np.uint8), (size,) * 3, Row("w", "create", (1,), 9, thick, [ADD])) == 9
    half = sqrt(2) / 2 * size  # as for the sphere, in the plane
    assert not wall[(rho <= radius) | (rho > radius + thick + 0.001)].any()
    assert wall[(rho > radius) & (rho <= radius + thick - 2 * half)].all()
    assert (wall == wall[0]).all()
    area = wall[0].sum() * size**2
    low = pi * ((radius + thick - 3 * half) ** 2 - (radius + half) ** 2)
    high = pi * ((radius + thick + half) ** 2 - (radius - half) ** 2)
    assert low < area < high
