"""Components and cleanups equal what scipy and loops over single voxels say; cleaning twice changes no more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from importlib.resources import as_file, files
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from brute import Array, Spacing
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage, sparse

from pycemrg_core.errors import StepError
from pycemrg_core.images.components import (
    CONNECTIVITIES,
    components,
    fill_holes,
    keep_largest_component,
    keep_largest_structure,
    reassign_islands,
    remove_small,
)
from pycemrg_core.images.edits import Edit, WorkingVolume
from pycemrg_core.images.label_volume import LabelVolume
from pycemrg_core.images.linking import graph_components
from pycemrg_core.images.run_lengths import pairs_of, runs_of

ONE = (1.0, 1.0, 1.0)
WIDE = 70_000  # more than 16 bits
LABELS = (1, 2, 3, WIDE)
STRUCTURE = {c: ndimage.generate_binary_structure(3, n) for n, c in enumerate(CONNECTIVITIES, 1)}

connectivities = st.sampled_from(CONNECTIVITIES)
spacings = st.tuples(*[st.sampled_from([0.1, 0.4, 0.7, 1.0, 2.0])] * 3)
chosen_labels = st.lists(st.sampled_from([*LABELS, 9]), unique=True, max_size=5)  # 9 is never there


@st.composite
def arrays(draw: Any) -> Array:
    """A few boxes of labels and background on noise or background, so that there are islands, shells and holes."""
    shape = draw(st.tuples(*[st.integers(1, 7)] * 3))
    if draw(st.booleans()):
        return draw(hnp.arrays(np.uint32, shape, elements=st.sampled_from((0, *LABELS)), fill=st.just(0)))
    array = np.zeros(shape, np.uint32)
    for _ in range(draw(st.integers(1, 8))):
        box = tuple(slice(*sorted(draw(st.tuples(*[st.integers(0, size)] * 2)))) for size in shape)
        array[box] = draw(st.sampled_from((0, *LABELS)))
    return array


def cleaned(array: Array, clean: Callable[[LabelVolume], Iterable[Edit]], spacing: Spacing = ONE) -> Array:
    """The array after the edits, which must not touch a voxel twice, nor write what is there already."""
    work = WorkingVolume(LabelVolume(array, spacing), array.dtype)
    edits = list(clean(work))
    touched = np.zeros(array.shape, int)
    for edit in edits:
        touched[edit.region] += edit.mask
        assert edit.mask.any()
        assert not (edit.mask & (array[edit.region] == edit.label)).any()
    assert touched.max(initial=0) <= 1
    work.apply(edits)
    return work.array


def parts(mask: Array, connectivity: int) -> list[Array]:
    """The components of a mask, the largest first, of equal ones the first in array order first."""
    found, count = ndimage.label(mask, STRUCTURE[connectivity])
    masks = [found == n for n in range(1, count + 1)]
    return sorted(masks, key=lambda part: (-part.sum(), np.flatnonzero(part)[0]))


def islands(array: Array, labels: Iterable[int], connectivity: int) -> list[tuple[int, Array]]:
    return [(label, part) for label in labels for part in parts(array == label, connectivity)[1:]]


def slow_fill(array: Array, labels: Iterable[int]) -> Array:
    """Every voxel of background: the smallest closed cavity that holds it, label by label. One slice has no ends."""
    ends = 1 if len(array) > 1 else 0
    width = [(ends, ends), (1, 1), (1, 1)]
    best = np.full(array.shape, np.inf)
    out = array.copy()
    for label in sorted(labels):
        for cavity in parts(np.pad(array != label, width, constant_values=True), 6) if label in array else []:
            inside = cavity[ends : len(cavity) - ends, 1:-1, 1:-1]
            if not cavity[0, 0, 0]:
                take = inside & (array == 0) & (inside.sum() < best)
                out[take], best[take] = label, inside.sum()
    return out


def slow_reassign(array: Array, labels: Iterable[int], connectivity: int, spacing: Spacing) -> Array:
    """Voxel by voxel, round by round."""
    size_z, size_y, size_x = spacing
    faces = {(0, 0, 1): size_z * size_y, (0, 1, 0): size_z * size_x, (1, 0, 0): size_y * size_x}
    left = islands(array, labels, connectivity)
    # What is settled: the largest components, and islands once they have gone to a label.
    settled = np.where(np.isin(array, list(labels)), array, 0)
    for _, part in left:
        settled[part] = 0
    out = array.copy()
    while True:
        moves = []
        for _, part in left:
            areas: dict[int, float] = defaultdict(float)
            for voxel in np.argwhere(part):
                for step, area in faces.items():
                    for beside in (voxel + step, voxel - step):
                        if (beside >= 0).all() and (beside < array.shape).all() and settled[tuple(beside)]:
                            areas[int(settled[tuple(beside)])] += area
            if areas:
                most = max(areas.values())
                moves.append((part, min(label for label, area in areas.items() if area > most - 1e-7)))
        if not moves:
            break
        for part, label in moves:
            out[part] = settled[part] = label
        left = [(label, part) for label, part in left if not settled[part].any()]
    for _, part in left:
        out[part] = 0
    return out


@pytest.mark.slow
@settings(max_examples=150)
@given(arrays(), connectivities, spacings)
def test_components_are_those_of_scipy(array: Array, connectivity: int, spacing: Spacing) -> None:
    volume = LabelVolume(array, spacing)
    for label in (*LABELS, 9):
        expected = parts(array == label, connectivity)
        found = components(volume, label, connectivity)
        assert [one.voxels for one in found] == [int(part.sum()) for part in expected]
        assert [one.region for one in found] == [ndimage.find_objects(part.astype(int))[0] for part in expected]
        assert [one.first for one in found] == [tuple(np.argwhere(part)[0].tolist()) for part in expected]
        assert [one.mm3 for one in found] == pytest.approx([one.voxels * np.prod(spacing) for one in found])
        assert {one.label for one in found} <= {label}
    assert components(volume, 1) == components(volume, 1, 6)


@pytest.mark.slow
@settings(max_examples=150)
@given(arrays(), chosen_labels, connectivities)
def test_keep_largest_component_keeps_the_largest_of_each(array: Array, labels: list[int], connectivity: int) -> None:
    expected = array.copy()
    for _, part in islands(array, labels, connectivity):
        expected[part] = 0
    found = cleaned(array, lambda volume: keep_largest_component(volume, labels, connectivity))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.slow
@settings(max_examples=150)
@given(arrays(), chosen_labels, connectivities)
def test_keep_largest_structure_takes_the_labels_as_one(array: Array, labels: list[int], connectivity: int) -> None:
    expected = array.copy()
    for part in parts(np.isin(array, labels), connectivity)[1:]:
        expected[part] = 0
    found = cleaned(array, lambda volume: keep_largest_structure(volume, labels, connectivity))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.slow
@settings(max_examples=150)
@given(arrays(), chosen_labels, connectivities, spacings, st.integers(0, 30), st.booleans())
def test_remove_small_removes_what_is_smaller_but_never_the_largest(
    array: Array, labels: list[int], connectivity: int, spacing: Spacing, voxels: int, just: bool
) -> None:
    # Exactly so many voxels in mm3, summed as a user would, or a bit more.
    mm3 = round(voxels * float(np.prod(spacing)), 9) + (0 if just else 0.01 * float(np.prod(spacing)))
    expected = array.copy()
    for _, part in islands(array, labels, connectivity):
        if part.sum() < voxels + (not just):
            expected[part] = 0
    found = cleaned(array, lambda volume: remove_small(volume, labels, mm3, connectivity), spacing)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.slow
@settings(max_examples=300)
@given(arrays(), chosen_labels)
def test_fill_holes_fills_closed_cavities_of_single_labels(array: Array, labels: list[int]) -> None:
    found = cleaned(array, lambda volume: fill_holes(volume, labels))
    np.testing.assert_array_equal(found, slow_fill(array, labels))


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("side", [(axis, end) for axis in range(3) for end in (0, -1)])
def test_a_hole_that_is_open_on_one_side_only_is_not_filled(side: tuple[int, int], size: int) -> None:
    array = np.zeros((9, 9, 9), np.uint16)
    array[1:-1, 1:-1, 1:-1] = 1
    middle = slice(4 - size // 2, 5 + size // 2)
    array[middle, middle, middle] = 0
    closed, way = array.copy(), [middle] * 3
    way[side[0]] = slice(0, 5) if side[1] == 0 else slice(4, 9)
    array[tuple(way)] = 0
    np.testing.assert_array_equal(cleaned(array, lambda volume: fill_holes(volume, [1])), slow_fill(array, [1]))
    np.testing.assert_array_equal(cleaned(array, lambda volume: fill_holes(volume, [1])), array)
    assert cleaned(closed, lambda volume: fill_holes(volume, [1]))[4, 4, 4] == 1


@pytest.mark.slow
@settings(max_examples=300)
@given(arrays(), chosen_labels, connectivities, spacings)
def test_reassign_islands_follows_the_shared_area(
    array: Array, labels: list[int], connectivity: int, spacing: Spacing
) -> None:
    found = cleaned(array, lambda volume: reassign_islands(volume, labels, connectivity), spacing)
    np.testing.assert_array_equal(found, slow_reassign(array, labels, connectivity, spacing))


def every_cleanup(labels: list[int], connectivity: int) -> list[Callable[[LabelVolume], Iterable[Edit]]]:
    return [
        lambda volume: keep_largest_component(volume, labels, connectivity),
        lambda volume: keep_largest_structure(volume, labels, connectivity),
        lambda volume: remove_small(volume, labels, 3.5, connectivity),
        lambda volume: fill_holes(volume, labels),
        lambda volume: reassign_islands(volume, labels, connectivity),
    ]


@pytest.mark.slow
@settings(max_examples=100)
@given(arrays(), chosen_labels, connectivities)
def test_cleaning_twice_or_in_another_order_changes_nothing_more(
    array: Array, labels: list[int], connectivity: int
) -> None:
    backwards = every_cleanup(labels[::-1], connectivity)
    for clean, same in zip(every_cleanup(labels, connectivity), backwards, strict=True):
        once = cleaned(array, clean)
        np.testing.assert_array_equal(cleaned(once, clean), once)
        np.testing.assert_array_equal(cleaned(array, same), once)
        others = ~np.isin(array, [0, *labels])
        np.testing.assert_array_equal(once[others], array[others])
        assert set(np.unique(once[~others])) <= {0, *labels}


@pytest.mark.slow
@settings(max_examples=100)
@given(arrays(), connectivities)
def test_after_reassigning_each_label_is_in_one_piece(array: Array, connectivity: int) -> None:
    once = cleaned(array, lambda volume: reassign_islands(volume, LABELS, connectivity))
    for label in LABELS:
        assert len(parts(once == label, connectivity)) == int(label in array)
        kept = parts(array == label, connectivity)[:1]
        assert all((once[part] == label).all() for part in kept)


@pytest.mark.slow
def test_large_images_are_cleaned_in_several_edits_with_the_same_result() -> None:
    noise = np.random.default_rng(0).random((70, 81, 140))
    array = np.select([noise < 0.28, noise < 0.5, noise < 0.6], [1, 2, 3], 0).astype(np.uint8)
    expected = array.copy()
    for label in (1, 2, 3):
        found, count = ndimage.label(array == label)
        sizes = np.bincount(found.ravel())[1:]
        assert count > 1000
        expected[(array == label) & (found != 1 + np.argmax(sizes))] = 0
    edits = list(keep_largest_component(LabelVolume(array, ONE), (1, 2, 3)))
    assert len(edits) > 1
    assert all(max(edit.mask.shape) <= 200 for edit in edits)
    found = cleaned(array, lambda volume: keep_largest_component(volume, (1, 2, 3)))
    np.testing.assert_array_equal(found, expected)


def line(*values: int) -> Array:
    """One line of voxels along x, below two lines of background."""
    array = np.zeros((1, 3, len(values)), np.uint8)
    array[0, 0] = values
    return array


def test_an_island_goes_where_most_of_its_surface_is() -> None:
    # Column by column: three voxels of 1, an island of 2 over 3, and what is left of 2.
    array = np.array([[[1, 1, 1, 0, 2, 2], [1, 2, 3, 3, 2, 2], [1, 1, 3, 3, 2, 2]]], np.uint8)
    found = cleaned(array, lambda volume: reassign_islands(volume, [1, 2, 3]))
    assert found[0, 1, 1] == 1  # three faces against one


@pytest.mark.parametrize(
    ("spacing", "label"),
    [((1.0, 1.0, 1.0), 1), ((1.0, 1.0, 3.0), 3), ((1.0, 2.5, 1.0), 1), ((1.0, 1.0, 2.0), 1)],
)
def test_surface_is_measured_in_mm2(spacing: Spacing, label: int) -> None:
    # The island, the 2 in the middle, touches 1 by two faces across x and 3 by one across y.
    array = np.array([[[1, 2, 1], [1, 3, 1], [1, 3, 1], [1, 1, 1], [0, 0, 0], [2, 2, 2]]], np.uint8)
    assert cleaned(array, lambda volume: reassign_islands(volume, [1, 2, 3]), spacing)[0, 0, 1] == label


def test_equal_surface_goes_to_the_smaller_integer_whatever_floating_point_says() -> None:
    # The island of 7, three voxels along y: three faces of 0.1 mm2 with 9, which add up to
    # 0.30000000000000004, and one of 0.3 mm2 with 4.
    array = np.zeros((1, 8, 3), np.uint8)
    array[0, :4] = [[4, 4, 0], [0, 7, 9], [0, 7, 9], [0, 7, 9]]
    array[0, 6:] = 7
    found = cleaned(array, lambda volume: reassign_islands(volume, [4, 7, 9]), (1.0, 0.1, 0.3))
    assert (found[0, 1:4, 1] == 4).all()
    tie = line(5, 5, 8, 3, 3, 8, 8)
    assert cleaned(tie, lambda volume: reassign_islands(volume, [3, 5, 8]))[0, 0, 2] == 3


def test_islands_that_touch_each_other_do_not_swap() -> None:
    # The single 2 and the single 1 touch; only the 1 touches a largest component, that of 3.
    array = line(1, 1, 0, 2, 1, 3, 3, 0, 2, 2)
    found = cleaned(array, lambda volume: reassign_islands(volume, [1, 2, 3]))
    np.testing.assert_array_equal(found, line(1, 1, 0, 3, 3, 3, 3, 0, 2, 2))


def test_islands_that_touch_nothing_or_only_labels_not_given_become_background() -> None:
    array = line(1, 1, 0, 2, 1, 0, 2, 2, 9, 1, 9)
    found = cleaned(array, lambda volume: reassign_islands(volume, [1, 2]))
    np.testing.assert_array_equal(found, line(1, 1, 0, 0, 0, 0, 2, 2, 9, 0, 9))


def box(*layers: int) -> Array:
    """Nested cubes, the first label outermost, each shell one voxel thick, with background all round."""
    size = 2 * len(layers) + 1
    array = np.zeros([size] * 3, np.uint8)
    for depth, label in enumerate(layers, 1):
        array[depth:-depth, depth:-depth, depth:-depth] = label
    return array


def test_a_hole_goes_to_the_innermost_label_and_other_labels_stay() -> None:
    nested = box(1, 0, 2, 0)
    found = cleaned(nested, lambda volume: fill_holes(volume, [1, 2]))
    np.testing.assert_array_equal(found, box(1, 1, 2, 2))
    found = cleaned(nested, lambda volume: fill_holes(volume, [1]))
    np.testing.assert_array_equal(found, box(1, 1, 2, 1))


def test_only_a_label_by_itself_encloses() -> None:
    half = box(1, 0)
    half[:, :, 2:] = np.where(half[:, :, 2:] == 1, 2, 0)
    np.testing.assert_array_equal(cleaned(half, lambda volume: fill_holes(volume, [1, 2])), half)


def test_a_hole_that_an_edge_closes_is_a_hole_and_one_open_to_the_border_is_not() -> None:
    closed = box(1, 0)
    closed[1, 1, :] = 0  # an edge of the cube: its faces still close the hole
    assert cleaned(closed, lambda volume: fill_holes(volume, [1]))[2, 2, 2] == 1
    opened = box(1, 0)[:, :, 2:]  # the hole lies on the border of the image
    assert opened[2, 2, 0] == 0
    np.testing.assert_array_equal(cleaned(opened, lambda volume: fill_holes(volume, [1])), opened)


@pytest.mark.parametrize("clean", every_cleanup([0, 1], 6))
def test_background_cannot_be_cleaned(clean: Callable[[LabelVolume], Iterable[Edit]]) -> None:
    with pytest.raises(StepError, match=r"label 0 is the background, which cannot be cleaned; give labels from 1"):
        list(clean(LabelVolume(box(1), ONE)))


def test_unknown_connectivity_is_refused() -> None:
    with pytest.raises(StepError, match=r"unknown connectivity 4; give 6, 18 or 26"):
        components(LabelVolume(box(1), ONE), 1, 4)


@pytest.fixture(scope="module")
def heart() -> tuple[Array, Spacing]:
    """The real heart, its labels one component each and without holes."""
    with as_file(files("schematics_builtin") / "demo" / "data" / "rodero01_1.0mm.nrrd") as path:
        image = sitk.ReadImage(path)
    labels = range(1, 15)
    array = cleaned(sitk.GetArrayFromImage(image), lambda volume: reassign_islands(volume, labels))
    return cleaned(array, lambda volume: fill_holes(volume, labels)), image.GetSpacing()[::-1]


@pytest.mark.slow
def test_islands_put_into_a_real_heart_are_found(heart: tuple[Array, Spacing]) -> None:
    clean, spacing = heart
    labels = range(1, 15)
    for label in labels:
        assert ndimage.label(clean == label)[1] == 1
    rng = np.random.default_rng(1)
    far = ndimage.distance_transform_cdt(clean == 0, "chessboard") > 4
    loose, embedded = clean.copy(), clean.copy()
    for label in labels:
        places = np.flatnonzero(far)
        z, y, x = np.unravel_index(places[rng.integers(len(places))], far.shape)
        far[z - 5 : z + 6, y - 5 : y + 6, x - 5 : x + 6] = False
        loose[z : z + 2, y, x] = label
    for within, label in ((1, 2), (2, 1), (3, 5), (4, 9), (5, 4)):
        deep = eroded(clean == within, 3 if within != 2 else 2)
        embedded[tuple(np.argwhere(deep)[deep.sum() // 2])] = label
    assert (loose != clean).sum() == 28
    assert (embedded != clean).sum() == 5
    for connectivity in CONNECTIVITIES:
        for clean_up in (keep_largest_component, reassign_islands):
            found = cleaned(loose, lambda v, f=clean_up, c=connectivity: f(v, labels, c), spacing)
            np.testing.assert_array_equal(found, clean)
        found = cleaned(loose, lambda v, c=connectivity: keep_largest_structure(v, labels, c), spacing)
        np.testing.assert_array_equal(found, clean)
        found = cleaned(embedded, lambda v, c=connectivity: reassign_islands(v, labels, c), spacing)
        np.testing.assert_array_equal(found, clean)
        found = cleaned(loose, lambda v, c=connectivity: remove_small(v, labels, 2.5, c), spacing)
        np.testing.assert_array_equal(found, clean)


def eroded(mask: Array, voxels: int) -> Array:
    """Without so many layers of voxels; only its box is looked at."""
    (box,) = ndimage.find_objects(mask.astype(np.uint8))
    found = np.zeros_like(mask)
    found[box] = ndimage.binary_erosion(mask[box], iterations=voxels)
    return found


def test_holes_put_into_a_real_heart_are_filled(heart: tuple[Array, Spacing]) -> None:
    clean, _ = heart
    holed = clean.copy()
    for within in (1, 2, 3, 4, 5):
        deep = eroded(clean == within, 2)
        z, y, x = np.argwhere(deep)[deep.sum() // 2]
        holed[z, y, x : x + 2] = 0
    assert (holed != clean).sum() == 10
    found = cleaned(holed, lambda volume: fill_holes(volume, range(1, 15)))
    np.testing.assert_array_equal(found, clean)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[int, list[tuple[int, int]]]:
    nodes = draw(st.integers(0, 40))
    ends = st.integers(0, max(nodes - 1, 0))
    return nodes, draw(st.lists(st.tuples(ends, ends), max_size=60 if nodes else 0))


@settings(max_examples=60)
@given(graphs())
def test_components_of_a_graph_are_those_of_scipy(graph: tuple[int, list[tuple[int, int]]]) -> None:
    nodes, links = graph
    a, b = np.array(links, np.int64).reshape(-1, 2).T
    matrix = sparse.coo_array((np.ones(len(a), np.int8), (a, b)), shape=(nodes, nodes))
    expected = sparse.csgraph.connected_components(matrix, directed=False)[1] if nodes else []
    assert graph_components(nodes, a, b).tolist() == list(expected)


def test_a_long_chain_in_any_order_is_one_component() -> None:
    order = np.random.default_rng(0).permutation(20_000)
    assert not graph_components(20_000, order[1:], order[:-1]).any()
    assert graph_components(0, np.zeros(0, np.int64), np.zeros(0, np.int64)).shape == (0,)


@given(
    hnp.arrays(np.uint8, st.tuples(*[st.integers(1, 6)] * 3), elements=st.sampled_from([0, 1, 1, 2])),
    st.sampled_from([2, 6, 1 << 15]),
)
def test_pairs_of_runs_that_fill_their_box_are_all_that_share_a_face(array: Array, at_once: int) -> None:
    runs = runs_of(LabelVolume(array, ONE), np.unique(array[array > 0]).tolist())
    number = np.repeat(np.arange(len(runs.line)), runs.voxels).reshape(runs.shape)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pycemrg_core.images.run_lengths._AT_ONCE", at_once)
        found = [pair for a, b in pairs_of(runs, 6) for pair in zip(a.tolist(), b.tolist(), strict=True)]
    truth = set()
    for axis in range(3):
        low, high = (np.moveaxis(number, axis, 0)[part].ravel() for part in (slice(None, -1), slice(1, None)))
        truth |= {(int(a), int(b)) for a, b in zip(low, high, strict=True) if a != b}
    assert set(found) == truth
    assert len(found) == len(truth)
