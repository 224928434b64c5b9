"""Faces, pinches and components against brute force on small random maps."""

from __future__ import annotations

from functools import cache
from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage

from pycemrg_core.errors import ImageError
from pycemrg_core.images import adjacency
from pycemrg_core.images.adjacency import Adjacency
from pycemrg_core.images.component_map import ComponentMap
from pycemrg_core.images.label_volume import LabelVolume

Array = np.ndarray[Any, Any]
SPACING = (2.0, 1.0, 0.5)

maps = arrays.arrays(
    np.uint16,
    st.tuples(*[st.integers(1, 5)] * 3),
    elements=st.sampled_from([0, 0, 1, 2, 300]),
)


def brute_pinches(inside: Array) -> tuple[int, int, set[tuple[int, ...]]]:
    """Edges, corners and the inside voxels there, from every square and every block, one by one."""
    padded = np.pad(inside, 1).astype(bool)
    z, y, x = padded.shape
    flat, edges, corners = padded.ravel().tolist(), 0, 0
    voxels = set()
    for at in product(range(z - 1), range(y - 1), range(x - 1)):
        block = tuple(flat[((at[0] + k) * y + at[1] + j) * x + at[2] + i] for k, j, i in CORNERS)
        found = pinches_in(block)
        edges, corners = edges + found[0], corners + found[1]
        voxels |= {tuple(i + step - 1 for i, step in zip(at, place, strict=True)) for place in found[2]}
    return edges, corners, voxels


CORNERS = list(product((0, 1), repeat=3))


@cache
def pinches_in(block: tuple[bool, ...]) -> tuple[int, int, set[tuple[int, ...]]]:
    """The same of one block, with the three squares that hold its first corner."""
    cube = dict(zip(CORNERS, block, strict=True))
    edges, corners = 0, 0
    voxels: set[tuple[int, ...]] = set()
    for still in range(3):
        square = {step: value for step, value in cube.items() if step[still] == 0}
        held = [step for step, value in square.items() if value]
        if len(held) == 2 and np.abs(np.subtract(*held)).sum() == 2:
            edges += 1
            voxels |= {*held}
    held = [step for step, value in cube.items() if value]
    rest = [step for step, value in cube.items() if not value]
    for two in (held, rest):
        if len(two) == 2 and np.abs(np.subtract(*two)).sum() == 3:
            corners += 1
            voxels |= {*held}
    return edges, corners, voxels


@pytest.mark.slow
@settings(max_examples=150)
@given(maps)
def test_faces_are_those_of_brute_force(array: Array) -> None:
    blocks = Adjacency.of(LabelVolume(array, SPACING))
    padded = np.pad(array, 1)
    found: dict[tuple[int, int], list[tuple[tuple[int, ...], int]]] = {}
    for at in product(*(range(n - 1) for n in padded.shape)):
        for axis in range(3):
            other = np.array(at)
            other[axis] += 1
            here, there = int(padded[at]), int(padded[tuple(other)])
            if here != there:
                found.setdefault((here, there), []).append((tuple(i - 1 for i in at), axis))
                found.setdefault((there, here), []).append((tuple(int(i) - 1 for i in other), axis))
    assert blocks.touching() == {pair: len(faces) for pair, faces in found.items() if pair[0] < pair[1]}
    for (a, b), faces in found.items():
        ours = blocks.faces((a,), (b,))
        rows = [(tuple(row), axis) for row, axis in zip(ours.voxels.tolist(), ours.axis.tolist(), strict=True)]
        assert sorted(rows) == sorted(faces)
        sizes = (0.5, 1.0, 2.0)  # mm2 of a face across z, y, x
        assert ours.mm2(SPACING) == sum(sizes[axis] for _, axis in faces)


@pytest.mark.slow
@settings(max_examples=150)
@given(maps)
def test_pinches_are_those_of_brute_force(array: Array) -> None:
    blocks = Adjacency.of(LabelVolume(array, SPACING))
    present = sorted(set(np.unique(array).tolist()) - {0})
    for size in (1, 2, 3):
        for labels in combinations(present, size):
            edges, corners, voxels = brute_pinches(np.isin(array, labels))
            ours = blocks.pinches(labels)
            assert (ours.edges, ours.corners) == (edges, corners)
            assert {tuple(row) for row in ours.voxels.tolist()} == voxels


@pytest.mark.slow
@settings(max_examples=100)
@given(maps)
def test_filling_mends_every_pinch_in_the_end(array: Array) -> None:
    """Each filling is not of the label yet; filling one of each pair, again and again, leaves none."""
    inside = np.pad(array == 1, 2)
    for _ in range(inside.size):
        fillings = Adjacency.of(LabelVolume(inside.astype(np.uint8), SPACING)).fillings((1,))
        assert not inside[tuple(np.moveaxis(fillings, 2, 0))].any()
        if not len(fillings):
            break
        inside[tuple(fillings[:, 0].T)] = True
    assert brute_pinches(inside)[:2] == (0, 0)


@pytest.mark.slow
@settings(max_examples=150)
@given(maps)
def test_pieces_are_those_of_scipy(array: Array) -> None:
    volume = LabelVolume(array, SPACING)
    components = ComponentMap.of(volume)
    enclosed = dict(components.enclosed())
    ours = {}
    where, component = components.connected.places(np.ones(len(components.label), bool))
    where += [axis.start for axis in components.connected.runs.region]
    for number, label in enumerate(components.label.tolist()):
        voxels = where[component == number]
        assert len(voxels) == components.voxels[number]
        assert {tuple(row) for row in components.places(np.array([number])).tolist()} <= {
            tuple(row) for row in voxels.tolist()
        }
        ours[frozenset(map(tuple, voxels.tolist()))] = (label, number in enclosed)
    expected = {}
    padded = np.pad(array, 1)
    for label in np.unique(array).tolist() if volume.boxes else []:
        found, count = ndimage.label(padded == label)
        for number in range(1, count + 1):
            mask = found == number
            around = set(padded[ndimage.binary_dilation(mask) & ~mask].tolist())
            within = not mask[0].any() and (label == 0 or (len(around) == 1 and 0 not in around))
            voxels = frozenset(tuple(int(i) - 1 for i in at) for at in np.argwhere(mask))
            if label or not any(-1 in at or at[2] == array.shape[2] for at in voxels):
                expected[voxels] = (label, within)
    # Background that reaches the outside is not told apart: it is cut at the box round the labels.
    assert {v: one for v, one in ours.items() if one[0] or one[1]} == {
        v: one for v, one in expected.items() if one[0] or one[1]
    }


def test_many_labels_and_large_ones() -> None:
    few = np.zeros((3, 3, 3), np.uint32)
    few[1, 1, 1], few[1, 1, 2] = 70_000, 2**31
    assert Adjacency.of(LabelVolume(few, SPACING)).touching() == {(0, 70_000): 5, (0, 2**31): 5, (70_000, 2**31): 1}
    many = np.arange(1, 257, dtype=np.uint16).reshape(1, 16, 16)
    with pytest.raises(
        ImageError, match=r"^the image has 256 different labels; give the labels of a heart, at most 255$"
    ):
        Adjacency.of(LabelVolume(many, SPACING))


def brute_euler(inside: Array) -> int:
    """Vertices - edges + faces - cubes of the voxels, each cell once."""
    cells = {tuple(2 * np.array(at) + 1 + step) for at in np.argwhere(inside) for step in product((-1, 0, 1), repeat=3)}
    return sum((-1) ** sum(i % 2 for i in cell) for cell in cells)  # an odd index is along the cell


@pytest.mark.slow
@settings(max_examples=80)
@given(maps)
def test_the_euler_number_is_that_of_the_cells(array: Array) -> None:
    blocks = Adjacency.of(LabelVolume(array, SPACING))
    for labels in ((1,), (1, 300), (1, 2, 300)):
        assert blocks.euler_number(labels) == brute_euler(np.isin(array, labels))


def test_the_euler_number_of_known_shapes() -> None:
    z, y, x = np.indices((24, 24, 24)) - 11.5
    ring = (np.sqrt(x**2 + y**2) - 7) ** 2 + z**2 <= 9
    ball, inner = (x**2 + y**2 + z**2 <= radius**2 for radius in (10, 5))
    for shape, euler in ((ball, 1), (ball & ~inner, 2), (ring, 0)):
        assert Adjacency.of(LabelVolume(shape.astype(np.uint8), SPACING)).euler_number((1,)) == euler


@settings(max_examples=40)
@given(maps)
def test_the_component_at_a_place(array: Array) -> None:
    found = ComponentMap.of(LabelVolume(array, SPACING))
    places = np.argwhere(np.ones(np.add(array.shape, 2), bool)) - 1
    at = found.at(places)
    box = np.argwhere(array)
    low, high = (box.min(axis=0), box.max(axis=0)) if len(box) else (np.zeros(3), -np.ones(3))
    inside = ((places >= low) & (places <= high)).all(axis=1)
    assert ((at >= 0) == inside).all()
    assert (found.label[at[inside]] == array[tuple(places[inside].T)]).all()
    assert (np.bincount(at[inside], minlength=len(found.label)) == found.voxels).all()


@given(arrays.arrays(np.uint8, st.tuples(*[st.integers(1, 5)] * 3), elements=st.sampled_from([0, 0, 1, 2, 255])))
def test_bytes_are_read_as_wider_integers_are(array: Array) -> None:
    narrow, wide = (Adjacency.of(LabelVolume(one, SPACING)) for one in (array, array.astype(np.uint16)))
    assert narrow.labels == wide.labels
    for name in ("patterns", "places", "starts", "corner"):
        np.testing.assert_array_equal(getattr(narrow, name), getattr(wide, name))


@pytest.mark.parametrize("factor", [None, 0, 2**30 + 1])
@pytest.mark.parametrize(("size", "different"), [(0, 1), (1, 1), (9, 2), (2_000, 40), (500, 5_000)])
def test_codes_are_sorted_as_by_a_stable_sort(
    size: int, different: int, factor: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where codes share a hash, as all do with a factor of 0."""
    if factor is not None:
        monkeypatch.setattr(adjacency, "_HASH", np.uint64(factor))
    rng = np.random.default_rng(size)
    codes = rng.integers(0, 2**63, different, dtype=np.uint64)[rng.integers(0, different, size)]
    order, found, starts = adjacency._sorted(codes)
    np.testing.assert_array_equal(order, np.argsort(codes, kind="stable"))
    known, first = np.unique(np.sort(codes), return_index=True)
    np.testing.assert_array_equal(found, known)
    np.testing.assert_array_equal(starts, [*first, size])
