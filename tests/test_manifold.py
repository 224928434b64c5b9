"""The manifold kernel: what is left to mend is looked for voxel by voxel, and as a whole by scipy."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from pycemrg_core.images.label_volume import LabelVolume
from schematics_builtin.manifold import Manifold, each_once, make_manifold

LUMENS, TISSUE, OTHER = (1, 2, 3), (4, 5, 6), 9
SPACING = (1.3, 1.0, 0.7)


def mended(array):
    """The array after all changes, each of which must fit what is there."""
    out = array.astype(np.int64)
    for change in make_manifold(LabelVolume(array, SPACING), LUMENS, TISSUE):
        where = tuple(change.places.T)
        assert np.array_equal(out[where], change.old)
        assert len(np.unique(change.places, axis=0)) == len(change.places)
        out[where] = change.new
    return out


def pieces(array):
    """All pieces of all labels as (label, voxels); of the background all but what is joined with the outside."""
    padded = np.pad(array, 1)
    for label in np.unique(padded):
        found, count = ndimage.label(padded == label)
        sizes = np.bincount(found.ravel(), minlength=count + 1)
        main = found[0, 0, 0] if label == 0 else 1 + int(np.argmax(sizes[1:]))
        for piece in range(1, count + 1):
            if piece != main:
                yield int(label), np.argwhere(found == piece) - 1


def critical(array):
    """Pairs of voxels, either of which would mend a critical configuration of the tissue."""
    codes = block_codes(np.isin(np.pad(array, 1), TISSUE))
    worth = np.array([bool(critical_in(code)) for code in range(256)])
    for first in np.argwhere(worth[codes]):
        for pair in critical_in(int(codes[tuple(first)])):
            yield [at + first - 1 for at in pair]


def block_codes(inside):
    """Which voxels of each block of 2 x 2 x 2 are inside: a bit for each, in array order."""
    corners = enumerate(np.ndindex(2, 2, 2))
    views = [(k, tuple(slice(i, i + n - 1) for i, n in zip(at, inside.shape, strict=True))) for k, at in corners]
    return np.bitwise_or.reduce([inside[view].astype(np.uint8) << k for k, view in views])


@cache
def critical_in(code):
    """The pairs in one block, of which ``code`` says what is tissue."""
    block = (code >> np.arange(8) & 1).astype(bool).reshape(2, 2, 2)
    pairs = []
    for axis in range(3):
        for side in (0, 1):
            square = np.take(block, side, axis=axis)
            if square[0, 0] == square[1, 1] != square[0, 1] == square[1, 0]:
                own = [(0, 0), (1, 1)] if not square[0, 0] else [(0, 1), (1, 0)]
                pairs.append([np.insert(at, axis, side) for at in own])
    for k in range(4):
        a = np.array([k >> 1 & 1, k & 1, 0])
        at = tuple(a), tuple(1 - a)
        rest = int(block.sum()) - int(block[at[0]]) - int(block[at[1]])
        if block[at[0]] and block[at[1]] and rest == 0:
            pairs.append([a + np.array((0, 0, 1)), a + np.array((0, 1, 0)) * (1 - 2 * a[1])])
        if not block[at[0]] and not block[at[1]] and rest == 6:
            pairs.append([a, 1 - a])
    return pairs


def is_mended(array):
    """Nothing is loose, enclosed or critical."""
    loose = [label for label, _ in pieces(array) if label != OTHER]
    # Other labels may stand in the way: what only they touch stays.
    return not loose and not list(critical(array))


def random_map(seed, shape, labels, fill):
    generator = np.random.default_rng(seed)
    noise = generator.choice([0, *labels], shape, p=[1 - fill, *[fill / len(labels)] * len(labels)])
    # Blobs, so that not all is noise.
    grown = np.kron(noise[tuple(slice(0, -(-n // 3)) for n in shape)], np.ones((3, 3, 3), int))
    blobs = grown[tuple(slice(0, n) for n in shape)]
    return np.where(generator.random(shape) < 0.2, noise, blobs).astype(np.uint8)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(*[st.integers(1, 9)] * 3),
    fill=st.sampled_from([0.2, 0.5, 0.9]),
)
def test_nothing_is_left_to_mend(seed, shape, fill):
    array = random_map(seed, shape, (*LUMENS, *TISSUE), fill)
    out = mended(array)
    assert is_mended(out)
    assert np.array_equal(mended(out.astype(np.uint8)), out)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_left_to_mend_in_a_larger_map(seed):
    array = random_map(seed, (40, 37, 45), (*LUMENS, *TISSUE), 0.6)
    assert is_mended(mended(array))


@pytest.mark.slow
def test_tissue_is_only_lost_where_it_touches_no_tissue():
    for seed in range(20):
        array = random_map(seed, (9, 8, 10), (*LUMENS, *TISSUE), 0.5)
        out = mended(array)
        lost = np.isin(array, TISSUE) & ~np.isin(out, TISSUE)
        found, count = ndimage.label(np.isin(array, TISSUE))
        for piece in range(1, count + 1):
            assert lost[found == piece].all() or not lost[found == piece].any()


def test_loose_pieces_go_to_tissue_then_to_a_lumen_then_to_the_background():
    array = np.zeros((7, 7, 24), np.uint8)
    array[1:6, 1:6, 1:6] = 4
    array[3, 3, 3] = 5  # in tissue
    array[1:6, 1:6, 6:11] = 1
    array[3, 3, 8] = 5  # in a lumen
    array[1:6, 1:6, 11:14] = 5
    array[3, 3, 20] = 4  # in the background
    out = mended(array)
    assert (out[3, 3, 3], out[3, 3, 8], out[3, 3, 20]) == (4, 1, 0)


def test_enclosed_background_becomes_the_tissue_beside_it_or_the_lumen():
    array = np.zeros((7, 7, 14), np.uint8)
    array[1:6, 1:6, 1:7] = 4
    array[3, 3, 3] = 0
    array[1:6, 1:6, 7:13] = 1
    array[3, 3, 10] = 0
    out = mended(array)
    assert (out[3, 3, 3], out[3, 3, 10]) == (4, 1)
    assert (out != array).sum() == 2


def test_a_pinch_is_filled_with_background_before_a_lumen():
    array = np.zeros((4, 6, 6), np.uint8)
    array[1:3, 1:3, 1:3], array[1:3, 3:5, 3:5] = 4, 5
    array[1:3, 1:3, 3:5] = 2
    out = mended(array)
    assert (out[array == 2] == 2).all()
    assert np.isin(out[1:3, 3:5, 1:3], TISSUE).any()


def test_a_pinch_between_lumens_is_filled_with_the_larger():
    array = np.zeros((6, 6, 6), np.uint8)
    array[1:3, 1:3, 1:3], array[1:3, 3:5, 3:5] = 4, 5
    array[1:3, 1:3, 3:5] = 2
    array[1:5, 3:5, 1:3] = 1
    out = mended(array)
    assert (out[array == 2] == 2).all()
    assert np.isin(out[array == 1], TISSUE).any()


def test_background_that_a_filling_cuts_off_is_filled_too():
    # A tunnel through a block whose only way out is a diagonal step.
    array = np.full((9, 9, 9), 4, np.uint8)
    array = np.pad(array, 2)
    array[4, 6, 4:7] = 0
    array[5, 6, 6:13] = 0
    out = mended(array)
    assert is_mended(out)


@pytest.mark.slow
def test_other_labels_are_left_alone():
    for seed in range(10):
        array = random_map(seed, (9, 9, 9), (*LUMENS, *TISSUE, OTHER), 0.6)
        out = mended(array)
        assert np.array_equal(out == OTHER, array == OTHER)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 5, 1), (3, 1, 4)])
def test_tiny_and_empty_maps(shape):
    assert not make_manifold(LabelVolume(np.zeros(shape, np.uint8), SPACING), LUMENS, TISSUE)
    assert not make_manifold(LabelVolume(np.full(shape, 4, np.uint8), SPACING), LUMENS, TISSUE)


def test_labels_beyond_one_byte():
    array = np.zeros((5, 5, 5), np.uint16)
    array[1:4, 1:4, 1:4] = 300
    array[2, 2, 2] = 0
    (change,) = make_manifold(LabelVolume(array, SPACING), (7,), (300,))
    assert change.new.tolist() == [300]
    assert change.places.tolist() == [[2, 2, 2]]


def test_where_one_voxel_may_not_be_filled_the_other_is():
    array = np.zeros((6, 6, 6), np.uint8)
    array[1:3, 1:3, 1:3], array[1:3, 3:5, 3:5] = 4, 5
    array[1:3, 1:3, 3:5] = 2
    array[1:5, 3:5, 1:3] = 1  # larger, so it would give
    asked = []

    def permit(mend, group, voxels):
        asked.append(mend)
        return mend.old != 1

    work = Manifold.of(LabelVolume(array, SPACING), LUMENS, TISSUE, permit=permit)
    work.mend()
    out = array.copy()
    for mend in work.mends:
        out[tuple(mend.places.T)] = mend.new
    assert (out[array == 1] == 1).all()
    assert np.isin(out[array == 2], TISSUE).any()
    assert any((mend.old == 1).any() for mend in asked)
    assert is_mended(out)


@pytest.mark.slow
def test_what_is_forbidden_stays_and_the_rounds_end():
    for seed in range(10):
        array = random_map(seed, (12, 11, 13), (*LUMENS, *TISSUE), 0.5)
        work = Manifold.of(LabelVolume(array, SPACING), LUMENS, TISSUE, permit=lambda mend, *_: mend.old == 0)
        work.mend()
        out = array.copy()
        for mend in work.mends:
            out[tuple(mend.places.T)] = mend.new
        assert np.array_equal(out[array > 0], array[array > 0])


@pytest.mark.slow
def test_after_a_change_in_a_mended_map_only_that_is_mended():
    """The same as mending the changed map as a whole, apart from which of two equal voxels is filled."""
    for seed in range(30):
        array = mended(random_map(seed, (16, 15, 17), (*LUMENS, *TISSUE), 0.7)).astype(np.uint8)
        work = Manifold.of(LabelVolume(array, SPACING), LUMENS, TISSUE)
        work.mend()
        assert not work.mends
        generator = np.random.default_rng(seed)
        places = np.unique(generator.integers(1, 14, (6, 3)), axis=0)
        places = places[array[tuple(places.T)] > 0]
        work.write("damage", places, np.full(len(places), 1 + seed % 6))
        work.mend_round(work.mends)
        out = array.copy()
        for mend in work.mends:
            out[tuple(mend.places.T)] = mend.new
        assert is_mended(out)


@given(st.lists(st.tuples(*[st.integers(-9, 9)] * 3), max_size=40), st.integers(-5_000, 5_000))
def test_each_once_is_unique_of_rows(places, corner):
    array = np.array(places, np.int64).reshape(-1, 3) + corner
    np.testing.assert_array_equal(each_once(array), np.unique(array, axis=0))
