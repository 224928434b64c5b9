"""The steps that close a heart, against brute force on whole arrays; open ends on vessels known by formula."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import pi, radians
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from brute import ADD, EXCEPT, ONLY, Array, Mask, Spacing, all_pairs, limit, write
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pycemrg_core.api import ApplicationStep, Edit, Label, LabelVolume, Mode, Note, WorkingVolume
from pycemrg_core.testing import volumes
from schematics_builtin.catalogue import closing
from schematics_builtin.catalogue.closing_contracts import (
    CloseContract,
    ManifoldContract,
    OpenVesselContract,
    OwnCellRingContract,
    PlaneContract,
    SealLumensContract,
    SeparateLumensContract,
    SkirtContract,
)

Step = Callable[[LabelVolume, Any], Iterable[Edit | Note]]
NEW = 9
MM = st.sampled_from([0.3, 1.0, 1.5, 2.1, 3.9, 30.0])

brute_force = settings(deadline=None, max_examples=60)


@st.composite
def maps(draw: Any, labels: tuple[int, ...] = (1, 2, 3, 4, 5)) -> tuple[Array, Spacing]:
    """A label map of noise or of blobs; labels may be absent and an axis one voxel long; spacing often anisotropic."""
    shape = draw(st.tuples(*[st.integers(1, 8)] * 3))
    coarse = draw(st.sampled_from([1, 2, 3]))
    small = [-(-size // coarse) for size in shape]
    noise = draw(hnp.arrays(np.uint8, small, elements=st.sampled_from([0, 0, *labels]), fill=st.just(0)))
    array = np.kron(noise, np.ones([coarse] * 3, np.uint8))[tuple(slice(0, size) for size in shape)]
    return array, draw(st.tuples(*[st.sampled_from([0.4, 0.7, 1.0, 1.3, 2.0])] * 3))


def label(value: int) -> Label:
    return Label(f"label_{value}", value)


def grown(step: Step, array: Array, spacing: Spacing, contract: Any, before: Array | None = None) -> Array:
    """The label map after a step; ``before`` is what it was before the first step of its kind."""
    work = WorkingVolume(LabelVolume(array, spacing), np.dtype(np.uint8))
    work.reference = None if before is None else LabelVolume(before, spacing)
    work.apply([one for one in step(work, contract) if isinstance(one, Edit)])
    return work.array


def near(mask: Mask, spacing: Spacing, mm: float) -> Mask:
    found: Mask = all_pairs(mask, spacing) <= limit(mm, spacing)
    return found


def beside(mask: Mask) -> Mask:
    """Voxels that share a face with a voxel of the mask."""
    padded = np.pad(mask, 1)
    moved = [np.roll(padded, step, axis) for axis in range(3) for step in (-1, 1)]
    found: Mask = np.any(moved, axis=0)[1:-1, 1:-1, 1:-1]
    return found


@pytest.mark.parametrize("contact", [0, 1])
@brute_force
@given(maps(), MM, st.permutations([1, 2, 3]), st.booleans())
def test_close(contact: int, case: tuple[Array, Spacing], mm: float, labels: list[int], new: bool) -> None:
    array, spacing = case
    one, source, other = labels
    target = NEW if new else other
    contract = CloseContract(
        near=label(one), source=label(source), target=label(target), thickness_mm=mm, contact=contact
    )
    measured = array == one
    if contact:
        measured &= beside(array == source)
    expected = np.where((array == source) & near(measured, spacing, mm), target, array)
    np.testing.assert_array_equal(grown(closing.close, array, spacing, contract), expected)


def test_close_by_contact_leaves_what_has_something_between() -> None:
    array = np.zeros((1, 2, 7), np.uint8)
    array[0, 0] = [1, 1, 2, 2, 2, 2, 2]
    array[0, 1] = [1, 3, 3, 3, 3, 3, 2]
    contract = CloseContract(near=label(1), source=label(2), target=label(NEW), thickness_mm=2.0, contact=1)
    # Measured from the one voxel of 1 that touches 2, not from those behind it.
    assert grown(closing.close, array, (1.0, 1.0, 1.0), contract)[0, 0].tolist() == [1, 1, 9, 9, 2, 2, 2]


@brute_force
@given(maps(), MM)
def test_plane(case: tuple[Array, Spacing], mm: float) -> None:
    array, spacing = case
    contract = PlaneContract(atrium=label(1), vein=label(2), target=label(NEW), thickness_mm=mm)
    expected = np.where((array == 2) & near(array == 1, spacing, mm), NEW, array)
    np.testing.assert_array_equal(grown(closing.plane, array, spacing, contract), expected)


@pytest.mark.parametrize(("length", "noted"), [(4, True), (5, False)])
def test_a_plane_says_when_it_takes_all_of_a_vein(length: int, noted: bool) -> None:
    array = np.zeros((3, 3, 12), np.uint8)
    array[:, :, :4], array[1, 1, 4 : 4 + length] = 1, 2
    contract = PlaneContract(atrium=label(1), vein=label(2), target=label(NEW), thickness_mm=4.0)
    notes = [one.text for one in closing.plane(LabelVolume(array, (1.0, 1.0, 1.0)), contract) if isinstance(one, Note)]
    assert notes == (["nothing is left of label_2: all of it is within 4 mm of the atrium"] if noted else [])


def test_a_plane_says_nothing_of_a_vein_that_is_absent() -> None:
    array = np.ones((3, 3, 3), np.uint8)
    contract = PlaneContract(atrium=label(1), vein=label(2), target=label(NEW), thickness_mm=4.0)
    assert not [one for one in closing.plane(LabelVolume(array, (1.0, 1.0, 1.0)), contract) if isinstance(one, Note)]


@brute_force
@given(maps(labels=(1, 1, 2, 3)), st.sampled_from([0.0, 0.2, 0.5, 1.0]), st.booleans())
def test_skirt(case: tuple[Array, Spacing], ratio: float, new: bool) -> None:
    array, spacing = case
    target = NEW if new else 2
    contract = SkirtContract(vessel=label(1), chamber=label(2), target=label(target), ratio=ratio)
    found = grown(closing.skirt, array, spacing, contract)
    root = np.argwhere((array == 1) & beside(array == 2)) * spacing
    expected, certain = array.copy(), np.ones(array.shape, bool)
    if len(root):
        places = np.argwhere(array == 1)
        axis = (places * spacing).mean(axis=0) - root.mean(axis=0)
        along = [sum((place * spacing - root.mean(axis=0)) * axis) for place in places]
        for place, mm in zip(places, along, strict=True):
            if mm < ratio * max(along):
                expected[tuple(place)] = target
            certain[tuple(place)] = abs(mm - ratio * max(along)) > 1e-9
    np.testing.assert_array_equal(found[certain], expected[certain])


@pytest.mark.slow
@brute_force
@given(maps(), MM, st.sampled_from([(1, 2), (1, 2, 3), (5, 1, 77)]))
def test_separate_lumens(case: tuple[Array, Spacing], mm: float, lumens: tuple[int, ...]) -> None:
    array, spacing = case
    contract = SeparateLumensContract(lumens=tuple(map(label, lumens)), distance_mm=mm)
    expected = array.copy()
    for lumen in lumens:
        others = np.isin(array, lumens) & (array != lumen)
        expected[(array == lumen) & (near(others, spacing, mm) | beside(others))] = 0
    np.testing.assert_array_equal(grown(closing.separate_lumens, array, spacing, contract), expected)


@st.composite
def rules(draw: Any) -> list[tuple[Any, ...]]:
    labels = draw(st.lists(st.sampled_from([2, 3, 5, 6]), max_size=2, unique=True))
    return draw(st.sampled_from([[ADD], [(ONLY, *labels)], [ADD, (ONLY, *labels)], [(EXCEPT, *labels, 1)]]))


def own_cell(array: Array, before: Array, spacing: Spacing, mm: float, rules: Iterable[tuple[Any, ...]]) -> Array:
    """The ring 9 of vein 1 on wall 5: rivals 2 on that wall, 3 and 4 on wall 6."""
    own = all_pairs(before == 1, spacing)
    ring = (own > 0) & (own <= limit(mm, spacing)) & near(array == 5, spacing, mm)
    for rivals, far_wall in (((2,), None), ((3, 4), 6)):
        other = all_pairs(np.isin(before, rivals), spacing)
        claimed = np.ones(array.shape, bool) if far_wall is None else near(array == far_wall, spacing, mm)
        nearer = own <= limit(other, spacing)
        ring &= nearer | ~claimed
        ring &= (array == 0) | (own + 2 * max(spacing) <= limit(other, spacing))
    return write(array, ring, NEW, rules)


@pytest.mark.slow
@settings(deadline=None, max_examples=150)
@given(maps(labels=(1, 2, 3, 4, 5, 6)), MM, rules(), st.data())
def test_ring_in_its_own_cell(
    case: tuple[Array, Spacing], mm: float, rules: list[tuple[Any, ...]], data: st.DataObject
) -> None:
    array, spacing = case
    # Rings made before may have taken some of the veins.
    taken = data.draw(hnp.arrays(bool, array.shape, elements=st.sampled_from([False, False, True])))
    now = np.where(taken & (array > 0) & (array < 5), 8, array).astype(np.uint8)
    contract = OwnCellRingContract(
        vein=label(1),
        atrium_wall=label(5),
        target=label(NEW),
        rivals=(label(1), label(2)),
        far_rivals=(label(3), label(4)),
        far_walls=(label(6),),
        thickness_mm=mm,
        application=tuple(ApplicationStep(Mode(mode), tuple(map(label, rest))) for mode, *rest in rules),
    )
    found = grown(closing.ring_own_cell, now, spacing, contract, before=array)
    np.testing.assert_array_equal(found, own_cell(now, array, spacing, mm, rules))


def sealed(array: Array, spacing: Spacing, mm: float, walls: dict[int, int], open_: tuple[int, ...]) -> Array:
    """Each closed lumen in turn gets its wall where nothing has been written yet; all see the same input."""
    out, free = array.copy(), np.ones(array.shape, bool)
    size = {lumen: int((array == lumen).sum()) for lumen in walls if (array == lumen).any()}
    for lumen in size:
        wall = (array == 0) & beside(array == lumen)
        for other in {*open_, *size} - {lumen}:
            if other not in size or (size[other], other) > (size[lumen], lumen):
                contact = (array == lumen) & beside(array == other)
                wall |= (array == other) & (near(contact, spacing, mm) | beside(contact))
        out[wall & free] = walls[lumen]
        free &= ~wall
    return out


@brute_force
@given(maps(), MM)
def test_seal_lumens(case: tuple[Array, Spacing], mm: float) -> None:
    array, spacing = case
    walls = {1: 11, 2: 12, 77: 13, 3: 14}
    contract = SealLumensContract(
        closed=tuple(map(label, walls)),
        walls=tuple(map(label, walls.values())),
        open=(label(4), label(78)),
        thickness_mm=mm,
    )
    found = grown(closing.seal_lumens, array, spacing, contract)
    np.testing.assert_array_equal(found, sealed(array, spacing, mm, walls, (4, 78)))


def test_a_sealed_lumen_touches_nothing_that_it_leaks_to() -> None:
    array = np.zeros((7, 7, 12), np.uint8)
    array[1:6, 1:6, 1:6], array[1:6, 1:6, 6:11] = 1, 4
    contract = SealLumensContract(closed=(label(1),), walls=(label(11),), open=(label(4),), thickness_mm=2.0)
    found = grown(closing.seal_lumens, array, (1.0, 1.0, 1.0), contract)
    assert not (beside(found == 1) & np.isin(found, [0, 4])).any()
    assert (found[array == 1] == 1).all()


@pytest.mark.slow
@brute_force
@given(maps())
def test_manifold_writes_each_voxel_once_and_leaves_other_labels(case: tuple[Array, Spacing]) -> None:
    """What is left to mend is looked for in ``test_manifold``."""
    array, spacing = case
    contract = ManifoldContract(lumens=(label(1), label(2), label(77)), tissue=(label(3), label(4), label(78)))
    work = WorkingVolume(LabelVolume(array, spacing), np.dtype(np.uint8))
    edits = list(closing.manifold(work, contract))
    written = np.zeros(array.shape, int)
    for edit in edits:
        written[edit.region] += edit.mask
    work.apply(edits)
    assert written.max() <= 1
    np.testing.assert_array_equal(work.array != array, written > 0)
    np.testing.assert_array_equal(work.array == 5, array == 5)
    # What is mended needs no more mending.
    assert not list(closing.manifold(LabelVolume(work.array.copy(), spacing), contract))


# Open ends: label 1 is the root, 2 the lumen and 3 the wall.

OPEN = OpenVesselContract(root=label(1), lumen=label(2), cut=(label(2), label(3)), cut_mm=1.0)
LUMEN_MM, WALL_MM = 6.0, 8.0


def points(shape: tuple[int, ...], spacing: Spacing) -> Array:
    """The centres of all voxels in mm from the middle of the array."""
    return (np.moveaxis(np.indices(shape), 0, -1) - (np.array(shape) - 1) / 2) * spacing


def vessel(along: Array, radius: Array, length: float) -> Array:
    """A vessel of known length from the distance along it and from its middle line; its root is before 0."""
    array = np.zeros(along.shape, np.uint8)
    array[(along >= 0) & (along <= length) & (radius <= WALL_MM)] = 3
    array[(along >= 0) & (along <= length) & (radius <= LUMEN_MM)] = 2
    array[(along >= -3) & (along < 0) & (radius <= LUMEN_MM)] = 1
    return array


def require_flat_cut(array: Array, found: Array, along: Array, length: float, voxel: float) -> None:
    """All that is more than the cut's length from the end is there, and nothing nearer to the end is left."""
    gone = (found == 0) & (array > 0)
    assert gone.any()
    assert along[gone].min() > length - OPEN.cut_mm - 1.2 * voxel
    assert along[(found > 1)].max() <= length - OPEN.cut_mm + 0.5 * voxel
    np.testing.assert_array_equal(found[~gone], array[~gone])


@pytest.mark.slow(every=3)
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.8, 1.2, 1.0)])
@pytest.mark.parametrize("direction", [(1, 0, 0), (0, -1, 0), (1, 1, 0), (2, -1, 3), (-1, 4, 2)], ids=str)
def test_a_straight_vessel_is_cut_at_its_end(direction: tuple[int, ...], spacing: Spacing) -> None:
    where = points(tuple(round(64 / size) for size in spacing), spacing)
    axis = np.array(direction) / np.linalg.norm(direction)
    along = where @ axis + 18
    radius = np.linalg.norm(where - (where @ axis)[..., None] * axis, axis=-1)
    array = vessel(along, radius, 40.0)
    require_flat_cut(array, grown(closing.open_vessel, array, spacing, OPEN), along, 40.0, max(spacing))


@pytest.mark.slow(every=3)
@pytest.mark.parametrize("rotation", volumes.ROTATIONS)
@pytest.mark.parametrize("direction", [(1, 1, 0), (-1, 4, 2)], ids=str)
def test_a_vessel_is_cut_alike_however_the_image_is_stored(direction: tuple[int, ...], rotation: str) -> None:
    where = points((40, 50, 60), (1.2, 1.0, 0.8))
    axis = np.array(direction) / np.linalg.norm(direction)
    radius = np.linalg.norm(where - (where @ axis)[..., None] * axis, axis=-1)
    volume = LabelVolume(vessel(where @ axis + 12, radius, 26.0), (1.2, 1.0, 0.8))

    def cut(one: LabelVolume) -> Array:
        work = WorkingVolume(one, np.dtype(np.uint8))
        work.apply([edit for edit in closing.open_vessel(work, OPEN) if isinstance(edit, Edit)])
        return work.array

    found = cut(volume)
    assert (found != volume.array).any()
    np.testing.assert_array_equal(cut(volumes.rotated(rotation, volume)), volumes.ROTATIONS[rotation](found))


@pytest.mark.slow(every=3)
@pytest.mark.parametrize("turn", [100, 150, 180])
def test_a_curved_vessel_is_cut_at_its_end_and_not_on_its_side(turn: int) -> None:
    """An arch, as of an aorta: its outer side reaches farther than its end in most directions."""
    spacing, bend = (1.0, 1.0, 1.0), 20.0
    where = points((24, 72, 72), spacing)
    z, y, x = np.moveaxis(where, -1, 0)
    angle = np.arctan2(y, x) % (2 * pi)
    angle = np.where(angle > radians(300), angle - 2 * pi, angle)  # the root is a little below 0
    radius = np.hypot(np.hypot(x, y) - bend, z)
    length = bend * radians(turn)
    array = vessel(bend * angle, radius, length)
    found = grown(closing.open_vessel, array, spacing, OPEN)
    # How far past the flat end's plane, which is that of the middle line's last point.
    end = radians(turn)
    past = -np.sin(end) * x + np.cos(end) * y
    near_end = (angle > end - 0.7) & (radius <= WALL_MM)
    gone = (found == 0) & (array > 0)
    assert near_end[gone].all()
    assert past[gone].min() > -OPEN.cut_mm - 1.2
    assert past[near_end & (found > 1)].max() <= -OPEN.cut_mm + 1.0


@pytest.mark.parametrize("absent", [1, 2, 3])
def test_a_vessel_without_a_part(absent: int) -> None:
    where = points((30, 20, 20), (1.0, 1.0, 1.0))
    array = vessel(where[..., 0] + 10, np.hypot(where[..., 1], where[..., 2]), 20.0)
    array[array == absent] = 0
    found = grown(closing.open_vessel, array, (1.0, 1.0, 1.0), OPEN)
    # Without a root or a lumen there is no end; without a wall the lumen alone is cut.
    assert np.array_equal(found, array) is (absent != 3)


@pytest.mark.parametrize(("mm", "noted"), [(2.0, []), (3.0, ["label_2"]), (9.0, ["label_1", "label_2"])])
def test_a_separation_says_when_it_takes_all_of_a_lumen(mm: float, noted: list[str]) -> None:
    array = np.zeros((1, 1, 12), np.uint8)
    array[0, 0, 1:6], array[0, 0, 6:9] = 1, 2
    contract = SeparateLumensContract(lumens=(label(1), label(2), label(3)), distance_mm=mm)
    done = list(closing.separate_lumens(LabelVolume(array, (1.0, 1.0, 1.0)), contract))
    assert [one.text for one in done if isinstance(one, Note)] == [
        f"nothing is left of {name}: all of it is within {mm:g} mm of others" for name in noted
    ]


@pytest.mark.parametrize(("cut_mm", "noted"), [(5.0, False), (60.0, True)])
def test_a_cut_says_when_it_takes_all_of_a_vessel(cut_mm: float, noted: bool) -> None:
    where = points((30, 20, 20), (1.0, 1.0, 1.0))
    array = vessel(where[..., 0] + 10, np.hypot(where[..., 1], where[..., 2]), 20.0)
    contract = evolve(OPEN, cut_mm=cut_mm)
    done = list(closing.open_vessel(LabelVolume(array, (1.0, 1.0, 1.0)), contract))
    notes = [one.text for one in done if isinstance(one, Note)]
    assert notes == (["nothing is left of label_2: all of it is within 60 mm of its end"] if noted else [])
    assert (2 in grown(closing.open_vessel, array, (1.0, 1.0, 1.0), contract)) is not noted


@pytest.mark.slow
@brute_force
@given(maps(labels=(1, 2, 2, 3, 4)))
# Two pieces of lumen on either side of the root: their ends lie round the middle, in no direction.
@example(
    (
        np.array([0, 0, 0, 0, 0, 0, 2, 2, 1, 2, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2], np.uint8).reshape(1, 7, 3),
        (0.4, 0.4, 2.0),
    )
)
def test_open_vessel_clears_its_own_labels_and_nothing_else(case: tuple[Array, Spacing]) -> None:
    array, spacing = case
    found = grown(closing.open_vessel, array, spacing, OPEN)
    changed = found != array
    assert (found[changed] == 0).all()
    assert np.isin(array[changed], [2, 3]).all()
