"""Tunnels and narrow gaps: against chains of cells, against a ball moved everywhere, and on shapes that are known."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise, product
from typing import Any

import attrs
import numpy as np
import pytest
from closed_heart import VEIN, Array, array, certificate, heart
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, sparse

from pycemrg_core.api import Finding, Heart, LabelType, LabelVolume, Severity
from pycemrg_core.images.blueprint import Blueprint
from schematics_builtin.certificate import Certificate, grouped, repair_options
from schematics_builtin.certificate.cavities import flood
from schematics_builtin.certificate.gaps import gaps_of
from schematics_builtin.certificate.tunnels import tunnels
from schematics_builtin.manifold import narrow_places

BLOOD, TISSUE, OTHER = 1, 2, 3


def of(voxels: Array, spacing: tuple[float, float, float] = (1.0, 1.0, 1.0), edge_mm: float = 0.0) -> Heart:
    """Blood and two tissues."""
    blueprint = Blueprint(types={BLOOD: LabelType.LUMEN}, edge_mm=edge_mm)
    return Heart(volume=LabelVolume(voxels.astype(np.uint8), spacing, blueprint=blueprint))


def loops(inside: Array) -> int:
    """The first Betti number of the voxels as closed cubes: edges, less the ranks of the two boundaries at edges."""
    cells = {
        tuple(int(i) for i in 2 * at + 1 + step) for at in np.argwhere(inside) for step in product((-1, 0, 1), repeat=3)
    }
    of_size: list[list[tuple[int, ...]]] = [[], [], [], []]
    for cell in sorted(cells):
        of_size[sum(i % 2 for i in cell)].append(cell)

    def rank(size: int) -> int:
        row = {cell: k for k, cell in enumerate(of_size[size - 1])}
        matrix = np.zeros((len(row), len(of_size[size])))
        for column, cell in enumerate(of_size[size]):
            for turn, axis in enumerate(axis for axis in range(3) if cell[axis] % 2):
                for end in (-1, 1):
                    side = tuple(i + end * (k == axis) for k, i in enumerate(cell))
                    matrix[row[side], column] = end * (-1) ** turn
        return int(np.linalg.matrix_rank(matrix)) if matrix.size else 0

    return len(of_size[1]) - rank(1) - rank(2)


def cubes(shape: tuple[int, ...], size: tuple[int, ...]) -> Iterator[list[tuple[int, ...]]]:
    """The voxels of each block of a size."""
    for low in product(*(range(n - s + 1) for n, s in zip(shape, size, strict=True))):
        yield list(product(*(range(start, start + step) for start, step in zip(low, size, strict=True))))


def brute_openings(voxels: Array) -> int:
    """The loops of patches, bodies of blood and bodies of background, face by face."""
    padded = np.pad(voxels, 2)
    bodies: dict[tuple[int, ...], int] = {tuple(at): k for k, at in enumerate(np.argwhere(padded < TISSUE).tolist())}
    faces: dict[tuple[tuple[int, ...], tuple[int, ...]], int] = {}
    beyond: dict[tuple[int, ...], list[tuple[int, ...]]] = {}
    same, links = [], []
    for axis in range(3):
        for a, b in cubes(padded.shape, tuple(np.eye(3, dtype=int)[axis] + 1)):
            if padded[a] == padded[b] and a in bodies:
                same.append((bodies[a], bodies[b]))
            elif a in bodies and b in bodies:
                faces[a, b] = len(faces)
                beyond.setdefault(a, []).append(b)
    for size in ((2, 2, 1), (2, 1, 2), (1, 2, 2), (2, 2, 2)):
        for block in cubes(padded.shape, size):
            if not all(place in bodies for place in block):
                continue
            empty = [place for place in block if padded[place] == 0]
            same += [(bodies[a], bodies[b]) for a, b in pairwise(empty)]  # the background goes on across
            here = [(a, b) for a in block for b in beyond.get(a, ()) if b in block]
            if len(here) == 2 or (len(block) == 8 and len(empty) == 2 and len(here) == 6):
                links += [(faces[a], faces[b]) for a, b in pairwise(here)]
            elif len(block) == 4:
                at_blood = [place for place in block if padded[place] == BLOOD]
                links += [(faces[a], faces[b]) for a, b in combinations(here, 2) if {*a} & {*b} & {*at_blood}]
    body, patch = groups(len(bodies), same), groups(len(faces), links)
    edges = {patch[k]: (body[bodies[a]], body[bodies[b]]) for (a, b), k in faces.items()}
    nodes = sorted({node for pair in edges.values() for node in pair})
    graph = groups(len(nodes), [(nodes.index(a), nodes.index(b)) for a, b in edges.values()])
    return len(edges) - len(nodes) + len(set(graph))


def groups(count: int, pairs: list[tuple[int, int]]) -> list[int]:
    matrix = sparse.lil_array((count, count), dtype=np.int8)
    for a, b in pairs:
        matrix[a, b] = 1
    found: list[int] = sparse.csgraph.connected_components(matrix.tocsr(), directed=False)[1].tolist() if count else []
    return found


small = st.builds(
    lambda seed, shape, fill: np.random.default_rng(seed).choice(
        [0, BLOOD, TISSUE, OTHER], shape, p=[(1 - fill) * 0.6, (1 - fill) * 0.4, fill * 0.7, fill * 0.3]
    ),
    st.integers(0, 2**32 - 1),
    st.tuples(*[st.integers(1, 4)] * 3),
    st.sampled_from([0.4, 0.6, 0.8]),
)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(small)
def test_tunnels_are_the_loops_of_the_cells(voxels: Array) -> None:
    found = tunnels(of(voxels))
    assert found.all == loops(voxels >= TISSUE)
    assert found.all >= found.through_lumens >= 0
    if found.all:
        assert found.through_lumens == brute_openings(voxels)


def ball(size: int = 30) -> Array:
    z, y, x = np.indices((size, size, size)) - (size - 1) / 2
    found: Array = np.sqrt(x**2 + y**2 + z**2)
    return found


@pytest.mark.parametrize("holes", [0, 1, 2, 5])
def test_a_lumen_with_n_openings_makes_one_tunnel_less(holes: int) -> None:
    distance = ball()
    voxels = np.where(distance <= 9, BLOOD, np.where(distance <= 13, TISSUE, 0))
    along = [np.s_[:15, 14:16, 14:16], np.s_[15:, 14:16, 14:16], np.s_[14:16, :15, 14:16], np.s_[14:16, 15:, 14:16]]
    for place in [*along, np.s_[14:16, 14:16, :15]][:holes]:
        voxels[place] = np.where(voxels[place] == TISSUE, BLOOD, voxels[place])
    found = tunnels(of(voxels))
    assert (found.all, found.through_lumens, found.between_walls) == (max(holes - 1, 0), max(holes - 1, 0), 0)
    assert len(found.openings) == (holes if holes > 1 else 0)
    assert (voxels[tuple(found.openings.T)] == BLOOD).all()


def test_a_torus_has_a_tunnel_and_a_full_one_in_a_shell_none() -> None:
    z, y, x = np.indices((24, 24, 24)) - 11.5
    ring = (np.sqrt(x**2 + y**2) - 7) ** 2 + z**2 <= 9
    assert tunnels(of(np.where(ring, TISSUE, 0))).between_walls == 1
    # Two rings side by side, of two labels, that touch: two tunnels through them, and one piece.
    pair = np.concatenate([np.where(ring, TISSUE, 0)[:, :, :22], np.where(ring, OTHER, 0)[:, :, 2:]], axis=2)
    assert ndimage.label(pair)[1] == 1
    assert tunnels(of(pair)).all == 2
    loose = np.concatenate([np.where(ring, TISSUE, 0), np.where(ring, TISSUE, 0)], axis=2)  # two pieces of a label
    assert tunnels(of(loose)).all == 2
    assert tunnels(of(np.zeros((3, 3, 3)))).all == tunnels(of(np.ones((3, 3, 3)))).all == 0


def slabs(gap: int, axis: int = 0) -> Array:
    """Two walls with a gap between them, and two pillars that join them: the mesh would have a handle."""
    voxels = np.zeros((20, 14, 12), np.uint8)
    voxels[2:6, 2:12, 2:10], voxels[6 + gap : 10 + gap, 2:12, 2:10] = TISSUE, OTHER
    voxels[6 : 6 + gap, 2:4, 2:10] = voxels[6 : 6 + gap, 9:12, 2:10] = TISSUE
    return np.ascontiguousarray(np.moveaxis(voxels, 0, axis))


def found_by(name: str, of_it: Heart) -> list[Any]:
    return [one for one in certificate(of_it).findings if one.check == name]


def test_a_tunnel_is_shown_at_its_gap_with_what_to_do() -> None:
    (found,) = found_by("tunnels", of(slabs(1)))
    assert found.severity is Severity.WARNING
    assert found.what == (
        "the walls have 1 tunnel between them, and so will a mesh; fill 1 gap thinner than 2 mm in their way with"
        " pycemrg repair --gap 2"
    )
    assert (found.voxels, found.box) == (5 * 8, ((2, 4, 6), (9, 8, 6)))
    assert slabs(1)[found.voxel[::-1]] == 0
    (found,) = found_by("tunnels", of(slabs(3), (0.5, 0.5, 0.5)))
    assert found.what.endswith("fill 1 gap thinner than 2 mm in their way with pycemrg repair --gap 2")
    (found,) = found_by("tunnels", of(slabs(5)))
    assert found.what == (
        "the walls have 1 tunnel between them, and so will a mesh; none has a gap thinner than 4 mm in its way"
    )
    assert slabs(5)[found.voxel[::-1]]


def test_tunnels_through_open_lumens_are_expected() -> None:
    voxels = array()
    voxels[3:8, 11:13, 20:22] = VEIN  # a second way out of B, which may be open through the vein
    (found,) = found_by("tunnels", heart(voxels))
    assert (found.severity, found.labels) == (Severity.EXPECTED, ("vein",))
    assert found.what == "1 tunnel through open lumens, which have 2 openings"
    assert found_by("tunnels", heart()) == []


@pytest.mark.slow(every=6)
@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize(
    ("gap", "edge_mm", "is_narrow"),
    [(1, 0.6, True), (1, 0.5, False), (2, 1.0, False), (2, 1.01, True), (3, 1.4, False), (3, 2.0, True)],
)
def test_a_gap_is_narrow_if_it_is_thinner_than_the_edge(gap: int, edge_mm: float, is_narrow: bool, axis: int) -> None:
    voxels = slabs(gap, axis)
    found = found_by("narrow_gap", of(voxels, (0.5, 0.5, 0.5), edge_mm))
    assert bool(found) == is_narrow
    if is_narrow:
        (one,) = found
        # At each of the two open ends, a ball of four voxels reaches in by one.
        assert 5 * 6 * gap <= one.voxels <= 5 * 8 * gap
        amount = f"{one.voxels} voxels in 1 place"
        assert one.what == f"background between 2 and 3 is thinner than {edge_mm:g} mm: {amount}"
        assert (one.severity, one.values) == (Severity.WARNING, (TISSUE, OTHER))
        assert voxels[one.voxel[::-1]] == 0
    assert found_by("narrow_gap", of(voxels, (0.5, 0.5, 0.5))) == []


def test_a_fold_of_one_wall_is_named() -> None:
    voxels = np.where(slabs(1) > 0, TISSUE, 0)
    (found,) = found_by("narrow_gap", of(voxels, edge_mm=2.0))
    assert found.what == "background in folds of 2 is thinner than 2 mm: 40 voxels in 1 place"


def test_labels_of_32_bits_take_no_more_memory_than_others() -> None:
    """Nothing has one place for each integer up to the largest label."""
    small = np.pad(slabs(1), 2)
    large = small.astype(np.uint32)
    large[small == OTHER] = 4_000_000_000
    a, b = (Heart(volume=LabelVolume(voxels, (1.0, 1.0, 1.0))) for voxels in (small, large))
    one, two = gaps_of(a, 2.0), gaps_of(b, 2.0)
    assert (one.between, two.between) == (((TISSUE, OTHER),), ((TISSUE, 4_000_000_000),))
    assert (two.places == one.places).all()
    assert (two.euler == one.euler).all()
    assert tunnels(b).all == tunnels(a).all
    assert flood(b).outside.voxels == flood(a).outside.voxels


def reach(size: tuple[int, int, int]) -> Iterator[tuple[int, ...]]:
    """The voxels of a ball so many voxels across."""
    for at in np.ndindex(size):
        if sum(((i - (n - 1) / 2) / (n / 2)) ** 2 for i, n in zip(at, size, strict=True)) <= 1:
            yield at


def brute_narrow(voxels: Array, spacing: tuple[float, ...], edge_mm: float) -> Array:
    size = tuple(next(n for n in range(1, 99) if n * one >= edge_mm - 1e-3 * min(spacing)) for one in spacing)
    margin = max(size)
    free = np.pad(voxels < TISSUE, margin, constant_values=True)
    covered, within = np.zeros_like(free), np.array(list(reach(size)))  # type: ignore[arg-type]
    for corner in np.ndindex(tuple(n - s + 1 for n, s in zip(free.shape, size, strict=True))):
        place = tuple((within + corner).T)
        if free[place].all():
            covered[place] = True
    inner = (slice(margin, -margin),) * 3
    narrow: Array = ~covered[inner] & (voxels == 0)
    return narrow


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([(1, 1, 1), (7, 8, 9), (5, 2, 70), (9, 1, 6), (3, 4, 64)]),
    st.tuples(*[st.sampled_from([0.5, 1.0, 1.3, 2.0])] * 3),
    st.sampled_from([0.3, 1.0, 2.0, 2.5, 3.1]),
)
def test_narrow_is_where_no_ball_fits(
    seed: int, shape: tuple[int, ...], spacing: tuple[float, float, float], edge_mm: float
) -> None:
    voxels = np.random.default_rng(seed).choice(4, shape, p=[0.8, 0.1, 0.06, 0.04]).astype(np.uint8)
    found = np.zeros(shape, bool)
    found[tuple(narrow_places(voxels, np.arange(4) >= TISSUE, spacing, edge_mm).T)] = True
    assert np.array_equal(found, brute_narrow(voxels, spacing, edge_mm))


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_gaps_are_the_connected_narrow_places_and_what_filling_them_does(seed: int) -> None:
    voxels = np.random.default_rng(seed).choice(4, (8, 7, 9), p=[0.7, 0.1, 0.1, 0.1]).astype(np.uint8)
    found = gaps_of(of(voxels), 2.0)
    narrow = brute_narrow(voxels, (1.0, 1.0, 1.0), 2.0)
    truth, count = ndimage.label(narrow, np.ones((3, 3, 3)))
    assert len(found.between) == len(found.euler) == count
    pairs = set(zip(found.of.tolist(), truth[tuple(found.places.T)].tolist(), strict=True))
    assert len(pairs) == count == len({a for a, _ in pairs})
    for gap, number in pairs:
        filled = np.where(truth == number, TISSUE, voxels)
        before, after = (of(one).adjacency.euler_number((TISSUE, OTHER)) for one in (voxels, filled))
        assert found.euler[gap] == after - before
        faces = {
            label: sum(int(voxels[tuple(a)] == label) for a in beside(truth == number)) for label in (TISSUE, OTHER)
        }
        assert found.between[gap] == tuple(label for label in (TISSUE, OTHER) if faces[label])


def beside(mask: Array) -> Iterator[tuple[int, ...]]:
    for at, axis, step in product(np.argwhere(mask), range(3), (-1, 1)):
        there = at + step * np.eye(3, dtype=int)[axis]
        if ((there >= 0) & (there < mask.shape)).all():
            yield tuple(there)


def test_the_options_of_a_repair_fill_the_gap_that_was_found() -> None:
    gap = Finding(severity=Severity.WARNING, what="thin", check="narrow_gap", mm=1.4)
    wide, weld = attrs.evolve(gap, check="tunnels", mm=None), attrs.evolve(gap, check="edge_contact")
    pinch, strange = attrs.evolve(weld, severity=Severity.ERROR), attrs.evolve(gap, check="of a plugin")
    certificate = Certificate(checks=(), findings=(gap, attrs.evolve(gap, mm=0.7), wide, weld, pinch, strange))
    options = {(one.check.name, one.severity.value): repair_options(one) for one in grouped(certificate)}
    assert options == {
        ("narrow_gap", "warning"): "--gap 1.4",
        ("tunnels", "warning"): None,
        ("edge_contact", "warning"): "--weld",
        ("edge_contact", "error"): "",
        ("of a plugin", "warning"): None,
    }
