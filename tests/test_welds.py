"""Filling narrow gaps and welding labels: nothing is left to do, and no other fault is made."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import ndimage
from test_adjacency import brute_pinches
from test_manifold import LUMENS, TISSUE, critical, pieces, random_map

from pycemrg_core.api import LabelVolume
from pycemrg_core.images.adjacency import Adjacency
from schematics_builtin.manifold import GAP, WELD, Manifold, Mend, narrow_places

Array = np.ndarray[Any, Any]
BLOOD, A, B, C = 1, 2, 3, 4


def small(seed: int, shape: tuple[int, int, int], fill: float) -> Array:
    """A map in which nothing is to be mended."""
    array = random_map(seed, shape, (*LUMENS, *TISSUE), fill)
    work = Manifold.of(LabelVolume(array, (1.0, 1.0, 1.0)), LUMENS, TISSUE)
    work.mend()
    return applied(array, work.mends)


def applied(array: Array, mends: list[Mend]) -> Array:
    wider, margin = np.pad(array, 4), 4
    for mend in mends:
        assert (wider[tuple((mend.places + margin).T)] == mend.old).all()
        wider[tuple((mend.places + margin).T)] = mend.new
    return wider


def pinches_of(array: Array) -> dict[int, int]:
    """Edges and corners at which each label meets itself, from every square and block."""
    found = {int(label): sum(brute_pinches(array == label)[:2]) for label in np.unique(array) if label}
    return {label: count for label, count in found.items() if count}


maps = st.builds(
    small, st.integers(0, 2**32 - 1), st.tuples(*[st.integers(3, 7)] * 3), st.sampled_from([0.3, 0.5, 0.7])
)


def is_sound(array: Array) -> bool:
    """Each label in one piece, no enclosed background, no pinch of the tissue."""
    return not [label for label, _ in pieces(array)] and not list(critical(array))


def lumen_contacts(array: Array) -> set[tuple[int, int]]:
    blocks = Adjacency.of(LabelVolume(array, (1.0, 1.0, 1.0)))
    return {pair for pair in blocks.touching() if not {*pair} & {*TISSUE}}


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@given(maps)
def test_welding_makes_no_other_fault(array: Array) -> None:
    before = array.astype(np.uint8)
    work = Manifold.of(LabelVolume(before, (1.0, 1.0, 1.0)), LUMENS, TISSUE)
    mends = work.weld(LUMENS[:1])
    after = applied(before, mends)[4:-4, 4:-4, 4:-4]
    assert {mend.rule for mend in mends} <= {WELD}
    assert is_sound(before) == is_sound(after)
    left, had = pinches_of(after), pinches_of(before)
    assert sum(left.values()) <= sum(had.values())
    assert bool(mends) == (sum(left.values()) < sum(had.values()))
    # The tissue keeps its shape but for voxels that change no tunnel; no wall is lost, no lumen is joined to another.
    euler = [Adjacency.of(LabelVolume(one, (1.0, 1.0, 1.0))).euler_number(TISSUE) for one in (before, after)]
    assert euler[0] == euler[1]
    assert not (np.isin(before, TISSUE) & ~np.isin(after, TISSUE)).any()
    assert lumen_contacts(after) <= lumen_contacts(before)
    for label in LUMENS[1:]:  # only the lumens that are named may grow
        assert not ((after == label) & (before != label)).any()
    assert {*np.unique(before)} == {*np.unique(after)}


def test_a_label_that_meets_itself_at_an_edge_is_welded() -> None:
    array = np.zeros((8, 8, 8), np.uint8)
    array[1:7, 1:7, 1:7] = A
    array[1:7, 1:4, 1:4] = array[1:7, 4:7, 4:7] = B
    assert pinches_of(array) == {A: 6, B: 6}
    work = Manifold.of(LabelVolume(array, (1.0, 1.0, 1.0)), (BLOOD,), (A, B))
    after = applied(array, work.weld())[4:-4, 4:-4, 4:-4]
    # Each of A and B is split from end to end by the other: no change joins one and leaves the other whole.
    assert pinches_of(after).keys() <= {A, B}
    array[3:5, 3:5, 3:5] = C
    array[2, 3, 4] = B
    work = Manifold.of(LabelVolume(array, (1.0, 1.0, 1.0)), (BLOOD,), (A, B, C))
    after = applied(array, work.weld())[4:-4, 4:-4, 4:-4]
    assert sum(pinches_of(after).values()) < sum(pinches_of(array).values())


def steps() -> Array:
    """Two walls side by side, and two steps of the first into the second that meet at an edge."""
    array = np.zeros((9, 9, 9), np.uint8)
    array[1:8, 1:8, 1:4], array[1:8, 1:8, 4:8] = A, B
    array[4, 3, 4] = array[5, 4, 4] = A
    return array


def test_a_single_contact_between_two_walls_goes() -> None:
    array = steps()
    before = pinches_of(array)
    assert before.keys() == {A, B}
    work = Manifold.of(LabelVolume(array, (1.0, 1.0, 1.0)), (BLOOD,), (A, B))
    after = applied(array, work.weld())[4:-4, 4:-4, 4:-4]
    assert pinches_of(after) == {}
    assert (after > 0).sum() == (array > 0).sum()
    assert all(ndimage.label(after == label)[1] == 1 for label in (A, B))


def test_a_label_of_one_voxel_stays() -> None:
    array = np.zeros((7, 7, 7), np.uint8)
    array[1:6, 1:6, 1:6] = A
    array[3, 3, 3] = C
    array[2, 2, 3] = B  # meets C only at an edge; A goes round both
    work = Manifold.of(LabelVolume(array, (1.0, 1.0, 1.0)), (BLOOD,), (A, B, C))
    assert {*np.unique(applied(array, work.weld()))} == {0, A, B, C}


def test_what_may_not_change_stays() -> None:
    array = steps()
    volume = LabelVolume(array, (1.0, 1.0, 1.0))
    work = Manifold.of(volume, (BLOOD,), (A, B), permit=lambda mend, *_: np.zeros(len(mend.places), np.bool_))
    assert work.weld() == []


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@given(maps, st.sampled_from([1.5, 2.5]))
@example(small(2286889, (7, 4, 6), 0.3), 2.5)  # a voxel between corners
def test_after_filling_and_mending_nothing_is_narrow(array: Array, edge_mm: float) -> None:
    before = array.astype(np.uint8)
    work = Manifold.of(LabelVolume(before, (1.0, 1.0, 1.0)), LUMENS, TISSUE)
    rounds = 0
    while done := work.fill_gaps(edge_mm):
        work.mend_round(done)
        rounds += 1
        assert rounds < 20
    after = applied(before, work.mends)
    is_tissue = np.isin(np.arange(int(after.max()) + 1), TISSUE)
    left = narrow_places(after, is_tissue, (1.0, 1.0, 1.0), edge_mm)
    beside = ndimage.binary_dilation(is_tissue[after], ndimage.generate_binary_structure(3, 1))
    assert not beside[tuple(left.T)].any()  # what is left has no face with tissue
    assert is_sound(after)
    filled = [mend for mend in work.mends if mend.rule == GAP]
    assert all((mend.old == 0).all() and np.isin(mend.new, TISSUE).all() for mend in filled)


def test_a_gap_becomes_the_tissue_beside_it() -> None:
    array = np.zeros((14, 8, 8), np.uint8)
    array[1:5, 1:7, 1:7], array[7:13, 1:7, 1:7] = A, B
    work = Manifold.of(LabelVolume(array, (0.5, 0.5, 0.5)), (BLOOD,), (A, B))
    assert work.fill_gaps(1.0) == []
    after = applied(array, work.fill_gaps(1.2))[4:-4, 4:-4, 4:-4]
    assert (after[1:6, 2:6, 2:6] == A).all()
    assert (after[6:13, 2:6, 2:6] == B).all()
    assert (after > 0).sum() == 12 * 36 - 4 * 2  # a ball of three voxels reaches in at the corners
