"""Each check on a heart that has exactly its fault, and on one that has none."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from itertools import permutations, product
from typing import Any

import numpy as np
import pytest
from attrs import frozen
from closed_heart import (
    RING,
    VALVE,
    VEIN,
    WALL_A,
    WALL_B,
    WALL_C,
    A,
    Array,
    B,
    C,
    array,
    catalogue,
    certificate,
    changed,
    faults,
    heart,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from pycemrg_core import __version__
from pycemrg_core.api.contracts import LabelType
from pycemrg_core.api.records import Check
from pycemrg_core.api.refs import Ref
from pycemrg_core.errors import PycemrgError
from pycemrg_core.images.blueprint import Blueprint, Wall
from pycemrg_core.images.heart import Finding, Heart, Severity
from pycemrg_core.images.label_volume import LabelVolume
from pycemrg_core.plugins.catalogue import Catalogue, Contribution
from pycemrg_core.plugins.loading import Found
from schematics_builtin.certificate.certification import certificate_of, certify
from schematics_builtin.certificate.checks.rings import ring_loop
from schematics_builtin.certificate.groups import grouped
from schematics_builtin.certificate.hearts import asked_of

SPACINGS = [(1.0, 1.0, 1.0), (1.5, 1.0, 0.8), (0.7, 2.0, 1.2)]


@frozen
class Damage:
    """What is done to the voxels, which check finds it, and what it must say besides its place.

    ``places`` are the voxels, (z, y, x), that may be named as the place.
    """

    check: str
    do: Callable[[Array], Array | None]
    values: tuple[int, ...]
    where: Callable[[Array], Array]
    severities: tuple[str, ...] = ("error",)


def brute_faces(voxels: Array, a: int, b: int) -> list[tuple[tuple[int, ...], int]]:
    """Voxels of ``a`` with a face to ``b``, and the face's axis; outside of the array is 0."""
    padded = np.pad(voxels, 1)
    found = []
    for at in np.argwhere(padded == a):
        for axis, step in product(range(3), (1, -1)):
            beside = at.copy()
            beside[axis] += step
            if (beside >= 0).all() and (beside < padded.shape).all() and padded[tuple(beside)] == b:
                found.append((tuple(int(i) for i in at - 1), axis))
    return found


def of_label(label: int, box: tuple[slice, ...]) -> Callable[[Array], Array]:
    def where(voxels: Array) -> Array:
        return np.argwhere(voxels[box] == label) + [axis.start for axis in box]

    return where


def touching(a: int, b: int) -> Callable[[Array], Array]:
    return lambda voxels: np.array(sorted({at for at, _ in brute_faces(voxels, a, b)}))


def box(*bounds: tuple[int, int]) -> tuple[slice, ...]:
    return tuple(slice(*one) for one in bounds)


def put(label: int, *bounds: tuple[int, int]) -> Callable[[Array], None]:
    def do(voxels: Array) -> None:
        voxels[box(*bounds)] = label

    return do


def both(*steps: Callable[[Array], None]) -> Callable[[Array], None]:
    def do(voxels: Array) -> None:
        for step in steps:
            step(voxels)

    return do


def wide(voxels: Array) -> Array:
    """A label that needs two bytes, on the outside of a wall."""
    wider = voxels.astype(np.uint16)
    wider[12, 5, 22] = 300
    return wider


EVERYWHERE = box((0, 32), (0, 24), (0, 38))

DAMAGES = {
    "a channel between two lumens": Damage(
        "lumen_contact",
        both(put(A, (16, 18), (11, 13), (11, 13)), put(C, (18, 20), (11, 13), (11, 13))),
        (A, C),
        touching(A, C),
    ),
    "a hole in a wall": Damage("lumen_open", put(0, (6, 8), (11, 13), (11, 13)), (A,), touching(A, 0)),
    "a hole in a valve": Damage(
        "valve_seal",
        both(put(A, (11, 13), (11, 13), (16, 17)), put(B, (11, 13), (11, 13), (17, 18))),
        (VALVE, A, B),
        touching(A, B),
    ),
    "a valve away from a lumen": Damage(
        "valve_seal", put(WALL_B, (8, 16), (8, 16), (17, 18)), (VALVE, B), of_label(VALVE, EVERYWHERE)
    ),
    "a dent in a wall": Damage(
        "wall_thickness", put(0, (6, 7), (11, 13), (11, 13)), (A, WALL_A), of_label(0, box((6, 7), (11, 13), (11, 13)))
    ),
    "a lumen near another": Damage(
        "wall_thickness",
        put(C, (17, 20), (11, 13), (11, 13)),
        (A, WALL_A, C),
        of_label(C, box((17, 18), (11, 13), (11, 13))),
        ("warning",),
    ),
    "an open ring": Damage(
        "ring_loop", put(0, (10, 14), (14, 16), (28, 30)), (RING, VEIN, WALL_B), touching(RING, WALL_B)
    ),
    "two voxels at an edge": Damage(
        "edge_contact",
        both(put(WALL_A, (5, 6), (10, 11), (10, 11)), put(WALL_A, (5, 6), (11, 12), (11, 12))),
        (),
        of_label(WALL_A, box((5, 6), (10, 12), (10, 12))),
        ("error", "warning"),
    ),
    "a loose voxel": Damage(
        "components",
        put(WALL_A, (12, 13), (5, 6), (22, 23)),
        (WALL_A,),
        of_label(WALL_A, box((12, 13), (5, 6), (22, 23))),
    ),
    "a hole": Damage(
        "holes", put(0, (4, 5), (12, 13), (22, 23)), (WALL_B,), of_label(0, box((4, 5), (12, 13), (22, 23)))
    ),
    "another label inside": Damage(
        "holes",
        put(99, (4, 5), (12, 13), (22, 24)),
        (WALL_B, 99),
        of_label(99, EVERYWHERE),
        ("warning",),
    ),
    "an arch on a wall": Damage(
        "tunnels",
        both(put(WALL_B, (12, 13), (4, 6), (20, 25)), put(0, (12, 13), (5, 6), (21, 24))),
        (),
        of_label(0, box((12, 13), (5, 6), (21, 24))),
        ("warning",),
    ),
    "a label over 255": Damage("tag_range", wide, (300,), of_label(300, EVERYWHERE)),
    "no room": Damage(
        "image_border",
        lambda voxels: voxels[:, 6:],
        (WALL_A, WALL_B, WALL_C),
        lambda voxels: np.insert(np.argwhere(voxels[:, 0]), 1, 0, axis=1),
    ),
    "no valve": Damage("not_made", lambda voxels: np.where(voxels == VALVE, WALL_A, voxels), (VALVE,), np.argwhere),
}


def damaged(damage: Damage) -> Array:
    voxels = array()
    return voxels if (result := damage.do(voxels)) is None else result


def test_nothing_is_wrong_with_the_clean_heart() -> None:
    found = certificate(heart())
    assert [(one.check, one.severity, one.values) for one in found.findings] == [
        ("closed_lumens", Severity.EXPECTED, (B,)),
        ("closed_lumens", Severity.EXPECTED, (VEIN,)),
        ("lumen_contact", Severity.EXPECTED, (B, VEIN)),
        ("lumen_open", Severity.EXPECTED, (VEIN,)),
    ]
    assert found.verdict == "PASS"
    assert [check.name for check in found.checks] == sorted(
        {"closed_lumens", "open_end", "heart_sides", "narrow_gap", *(one.check for one in DAMAGES.values())}
    )


@pytest.mark.parametrize("name", DAMAGES)
def test_a_fault_is_found_where_it_is_and_nothing_else(name: str) -> None:
    damage = DAMAGES[name]
    voxels = damaged(damage)
    found = faults(heart(voxels))
    assert [one.check for one in found] == [damage.check] * len(damage.severities)
    assert tuple(one.severity.value for one in found) == damage.severities
    assert found[0].values == damage.values
    assert certificate(heart(voxels)).verdict == ("FAIL" if "error" in damage.severities else "PASS")
    if damage.check == "not_made":
        assert (found[0].voxel, found[0].box, found[0].point_mm) == (None, None, None)
        return
    allowed = {tuple(int(i) for i in place[::-1]) for place in damage.where(voxels)}
    corners = np.array(sorted(allowed))
    for one in found:
        assert one.voxel in allowed
        assert one.box == (tuple(corners.min(axis=0)), tuple(corners.max(axis=0)))
        assert one.point_mm == tuple(float(i) for i in one.voxel or ())


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize(("name", "a", "b"), [("a channel between two lumens", A, C), ("a hole in a wall", A, 0),
                                        ("a hole in a valve", A, B)])  # fmt: skip
def test_contacts_are_counted_and_measured(name: str, a: int, b: int, spacing: tuple[float, float, float]) -> None:
    voxels = damaged(DAMAGES[name])
    (found,) = (one for one in faults(heart(voxels, spacing)) if one.check == DAMAGES[name].check)
    faces = brute_faces(voxels, a, b)
    area = sum(np.prod(spacing) / spacing[axis] for _, axis in faces)
    assert found.faces == len(faces) > 0
    assert found.mm2 == pytest.approx(area)
    assert f"{len(faces)} faces" in found.what


def test_the_thickness_of_a_wall_is_measured() -> None:
    voxels = damaged(DAMAGES["a dent in a wall"])
    (found,) = faults(heart(voxels))
    distances = cdist(np.argwhere(voxels == 0), np.argwhere(voxels == A)).min(axis=1)
    assert found.voxels == (distances <= 2.0).sum() == 4
    assert distances.min() == 2.0  # one voxel of wall between the two centres
    assert found.mm == 1.0
    assert found.what == "the wall of A is 1 mm thin, not 2 mm"


@pytest.mark.parametrize("spacing", [*SPACINGS, (0.4, 0.4, 0.4), (3.0, 0.5, 0.7)])
@pytest.mark.parametrize("thickness", [0.9, 2.0, 3.3])
def test_a_wall_as_it_is_grown_passes_and_one_voxel_less_does_not(
    spacing: tuple[float, float, float], thickness: float
) -> None:
    rng = np.random.default_rng(0)
    voxels = np.zeros((30, 30, 30), np.uint8)
    voxels[12:18, 12:18, 12:18] = rng.random((6, 6, 6)) < 0.7
    inside, outside = np.argwhere(voxels == 1), np.argwhere(voxels == 0)
    distances = cdist(outside * spacing, inside * spacing).min(axis=1)
    grown = outside[distances <= thickness + 1e-6]
    voxels[tuple(grown.T)] = WALL_A
    one = changed(heart(), walls=(Wall(A, WALL_A, thickness),))

    def thin(values: Array) -> list[Finding]:
        found = faults(Heart(volume=heart(values, spacing).volume.with_blueprint(one.blueprint)))
        return [f for f in found if f.check == "wall_thickness"]

    assert thin(voxels) == []
    # The outermost voxel that the thickness still asks for.
    far = outside[np.argmax(np.where(distances <= thickness + 1e-6, distances, 0))]
    if distances.min() <= thickness and np.all(distances[(outside == far).all(axis=1)] > max(spacing)):
        voxels[tuple(far)] = 0
        (found,) = thin(voxels)
        assert (found.voxels, found.voxel) == (1, tuple(far[::-1]))


def test_pieces_and_holes_are_counted() -> None:
    spacing = (1.5, 1.0, 0.8)
    voxels = array()
    voxels[12, 5, 22:24] = WALL_A
    voxels[4, 12, 20] = voxels[4, 9, 22] = 0
    found = {one.check: one for one in faults(heart(voxels, spacing)) if one.check in ("components", "holes")}
    assert (found["components"].voxels, found["holes"].voxels) == (2, 2)
    assert found["components"].what == "A_wall is in 2 components; all but the largest have 2 voxels (2.4 mm3)"
    assert found["holes"].what == (
        "background is enclosed, most of it next to B_wall: 2 components of 2 voxels (2.4 mm3)"
    )


def test_the_gap_of_a_ring_is_measured() -> None:
    spacing = (1.5, 1.0, 0.8)
    (found,) = (f for f in faults(heart(damaged(DAMAGES["an open ring"]), spacing)) if f.check == "ring_loop")
    # The outermost voxels of the ring on both sides of the cut, z 10 to 13, are 9 and 14 at y 15.
    assert found.mm == pytest.approx(5 * 1.5)


SAID = {
    "a hole in a valve": ["valve does not separate A from B: they touch on 4 faces"],
    "no valve": ["valve is absent; the recipe makes it"],
    "two voxels at an edge": [
        "the meshed labels as one: voxels meet only at 1 edge",
        "A_wall: voxels meet only at 1 edge: there VTK's SurfaceNets leaves points unwelded,"
        " and a mesher may merge labels; repair --weld welds them",
    ],
}


@pytest.mark.parametrize("name", SAID)
def test_what_is_said(name: str) -> None:
    found = faults(heart(damaged(DAMAGES[name])))
    assert [one.what.partition(" (")[0] for one in found] == SAID[name]


def test_the_voxels_of_a_pinch_are_counted() -> None:
    voxels = damaged(DAMAGES["two voxels at an edge"])
    assert [one.voxels for one in faults(heart(voxels))] == [2, 2]


def test_voxels_that_meet_at_a_corner_only_are_said() -> None:
    voxels = array()
    voxels[5, 10, 10] = WALL_A
    voxels[5, 12, 11] = voxels[4, 12, 11] = voxels[4, 11, 11] = WALL_A
    said = [one.what for one in faults(heart(voxels)) if one.check == "edge_contact"]
    assert said[0] == "the meshed labels as one: voxels meet only at 1 corner"


def test_a_hole_in_a_lumen_that_may_be_open_is_a_warning() -> None:
    voxels = array()
    voxels[11:13, 11:13, 11:13] = 0
    closed = heart(voxels)
    for one, severity in ((closed, Severity.ERROR), (changed(closed, open=frozenset({A, VEIN})), Severity.WARNING)):
        (found,) = (finding for finding in certificate(one).findings if finding.check == "holes")
        assert (found.severity, found.values) == (severity, (A,))


def test_a_ring_in_two_halves_or_away_from_the_wall_does_not_go_round() -> None:
    halves = array()
    halves[10:14, 8:16, 28:30][halves[10:14, 8:16, 28:30] == RING] = 0
    away = array()
    away[8:16, 8:16, 28][away[8:16, 8:16, 28] == RING] = 0
    assert [f.what for f in faults(heart(halves)) if f.check == "ring_loop"] == [
        "ring does not go round vein: where it touches B_wall it has a gap of 5 mm, filled by background"
    ]
    (found,) = (f for f in faults(heart(away)) if f.check == "ring_loop")
    assert found.what == "ring does not go round vein: it does not touch B_wall"
    assert found.voxels == (away == RING).sum()


@pytest.mark.slow(every=4)
@pytest.mark.parametrize("cut", range(1, 16))
@pytest.mark.parametrize(("filling", "name"), [(0, "background"), (WALL_A, "A_wall"), (A, "A"), (WALL_C, "C_wall")])
def test_a_round_ring_is_closed_until_it_is_cut(cut: int, filling: int, name: str) -> None:
    """Round and oblique, as real ones are: a tube through a slanted wall, with some holes in the ring.

    Other tissue in the cut does the ring's work; blood does not.
    """
    z, y, x = np.indices((40, 40, 40)) - 19.5
    along, radius = x + 0.4 * y, np.hypot(y, z)
    voxels = np.zeros((40, 40, 40), np.uint8)
    voxels[np.abs(along + 3) < 3] = WALL_B
    voxels[(along >= 0) & (along < 3) & (radius < 9)] = RING
    voxels[radius < 6] = VEIN
    ring = np.argwhere(voxels == RING)
    voxels[tuple(ring[np.random.default_rng(cut).random(len(ring)) < 0.05].T)] = 0

    def open_rings(values: Array) -> list[Finding]:
        return [one for one in ring_loop(heart(values)) if one.severity is not Severity.EXPECTED]

    assert open_rings(voxels) == []
    angle = np.arctan2(y, z)
    start = cut * 2 * np.pi / 16 - np.pi
    voxels[(voxels == RING) & (np.abs(np.angle(np.exp(1j * (angle - start)))) < 0.35)] = filling
    (found,) = open_rings(voxels)
    is_tissue = filling in (WALL_A, WALL_C)
    assert found.severity is (Severity.WARNING if is_tissue else Severity.ERROR)
    assert re.search(rf" a gap of [0-9.]+ mm, filled by (background, )?{name}$", found.what)


@pytest.mark.parametrize("filling", [0, WALL_A])
def test_a_ring_that_winds_like_a_spiral_has_no_gap_of_some_mm(filling: int) -> None:
    z, y, x = np.indices((40, 40, 40)) - 19.5
    radius, angle = np.hypot(y, z), np.arctan2(y, z)
    voxels = np.zeros((40, 40, 40), np.uint8)
    voxels[np.abs(x + 3) < 3] = WALL_B
    near = [radius - (10 + 5 * (angle + turn) / (2 * np.pi)) for turn in (-2 * np.pi, 0, 2 * np.pi)]
    on = [np.abs(angle + turn) < np.pi + 0.4 for turn in (-2 * np.pi, 0, 2 * np.pi)]
    arm = np.any([(np.abs(a) < 1) & b for a, b in zip(near, on, strict=True)], axis=0)
    layer = (x >= 0) & (x < 3)
    voxels[layer & (radius < 16)] = filling
    voxels[layer & arm] = RING
    voxels[radius < 6] = VEIN
    (found,) = (one for one in ring_loop(heart(voxels)) if one.severity is not Severity.EXPECTED)
    assert found.severity is (Severity.WARNING if filling else Severity.ERROR)
    assert found.what == (
        "ring does not go round vein: where it touches B_wall it has pieces that pass each other"
        f"{' and other tissue that joins them' if filling else ' and do not join'}"
    )


def test_rules_decide_what_may_touch() -> None:
    open_wall = heart(damaged(DAMAGES["a hole in a wall"]))
    channel = heart(damaged(DAMAGES["a channel between two lumens"]))
    found = certificate(changed(open_wall, open=frozenset({A, VEIN})))
    assert {one.check for one in found.of(Severity.ERROR)} == {"open_end"}
    assert certificate(changed(channel, may_touch=frozenset({frozenset({A, C}), frozenset({B, VEIN})}))).passed
    # Both are open to the same outside, so nothing separates them anyway.
    assert not faults(changed(channel, open=frozenset({A, C, VEIN})))
    assert not certificate(changed(channel, open=frozenset({A, VEIN}))).passed
    # A valve between two lumens must separate them whatever a rule says.
    valve = heart(damaged(DAMAGES["a hole in a valve"]))
    assert not certificate(changed(valve, may_touch=frozenset({frozenset({A, B}), frozenset({B, VEIN})}))).passed
    # A lumen that is left open is no part of the model: its components are only warned of.
    loose = array()
    loose[2, 2, 2] = VEIN
    assert [f.severity for f in faults(heart(loose)) if f.check == "components"] == [Severity.WARNING]


def test_the_place_is_in_the_frame_of_the_image() -> None:
    """Turned by 90 degrees about z: a step along x goes along -y."""
    flat = changed(heart(damaged(DAMAGES["a loose voxel"]), (2.0, 1.0, 0.5)), walls=()).volume
    turned = Heart(
        volume=LabelVolume(
            flat.array,
            flat.spacing,
            origin=(10.0, 20.0, 30.0),
            direction=(0.0, 1.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0, 1.0),
            blueprint=flat.blueprint,
        )
    )
    (found,) = (f for f in faults(turned) if f.check == "components")
    assert found.voxel == (22, 5, 12)
    assert found.point_mm == (10.0 + 5 * 1.0, 20.0 - 22 * 0.5, 30.0 + 12 * 2.0)


def amounts(findings: list[Finding]) -> Counter[tuple[Any, ...]]:
    return Counter(
        (f.check, f.severity, f.values, f.faces, round(f.mm2, 6), f.voxels, f.mm and round(f.mm, 6)) for f in findings
    )


@pytest.mark.slow
@settings(max_examples=25)
@given(
    order=st.sampled_from(list(permutations(range(3)))),
    flipped=st.sets(st.integers(0, 2)),
    seed=st.integers(0, 1000),
)
def test_axes_do_not_matter(order: tuple[int, ...], flipped: set[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    voxels, spacing = array(), (2.0, 1.0, 0.5)
    for _ in range(30):
        at = tuple(rng.integers(3, size - 3) for size in voxels.shape)
        if voxels[at] != RING:
            voxels[at] = rng.choice([0, A, WALL_A, B, WALL_B, VALVE, C, WALL_C])
    other = np.flip(np.transpose(voxels, order), tuple(flipped))
    turned = heart(np.ascontiguousarray(other), tuple(spacing[axis] for axis in order))  # type: ignore[arg-type]
    assert amounts(faults(heart(voxels, spacing))) == amounts(faults(turned))


def test_an_empty_image_and_one_without_any_structure_known() -> None:
    assert {f.check for f in faults(heart(np.zeros((4, 5, 6), np.uint8)))} == {"not_made"}
    unknown = Heart(volume=heart().volume.with_blueprint(Blueprint()))
    assert certificate(unknown).verdict == "PASS"
    lumens = changed(unknown, types=dict.fromkeys((A, B, C, VEIN), LabelType.LUMEN))
    assert [(f.check, f.values) for f in faults(lumens)] == [("lumen_contact", (B, VEIN)), ("lumen_open", (VEIN,))]


def provided(function: str) -> Catalogue:
    found = Found("theirs", "pycemrg-theirs", "1.0", "pycemrg.v1", "nowhere")
    return Catalogue((Contribution(Check(name="odd", summary="", function=Ref(function)), found),))


def breaks(_heart: Heart) -> list[Finding]:
    raise RuntimeError("out of luck")


def says(_heart: Heart) -> list[str]:
    return ["a text"]


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (
            "test_certificate:breaks",
            "check 'odd' of theirs (pycemrg-theirs 1.0) failed: RuntimeError: out of luck (test_",
        ),
        (
            "test_certificate:says",
            "check 'odd' of theirs (pycemrg-theirs 1.0): it yields 'a text', not a Finding (test_",
        ),
        ("nowhere:at_all", "check 'odd' of theirs (pycemrg-theirs 1.0): cannot import 'nowhere'"),
    ],
)
def test_a_check_that_is_wrong_is_named(function: str, text: str) -> None:
    with pytest.raises(PycemrgError) as error:
        certify(heart(), provided(function))
    assert str(error.value).startswith(text)


def test_a_certificate_is_read_back_from_its_json() -> None:
    made = certificate(heart(damaged(DAMAGES["a hole in a wall"])))
    read = certificate_of(json.loads(json.dumps(made.as_json())))
    assert read.as_json() == made.as_json()
    assert [(group.check, group.severity, group.what) for group in grouped(read)] == [
        (group.check, group.severity, group.what) for group in grouped(made)
    ]
    later = {**made.as_json(), "findings": [{"what": "new", "severity": "error", "colour": "red"}], "checks": []}
    assert [group.what for group in grouped(certificate_of(later))] == ["new"]


def test_json_holds_what_the_format_says() -> None:
    data = certificate(heart(damaged(DAMAGES["a hole in a wall"]))).as_json()
    assert set(data) == {"format", "verdict", "recipe", "input", "statement", "closure", "checks", "findings"}
    assert (data["format"], data["verdict"], data["recipe"], data["input"]) == (
        1,
        "FAIL",
        "",
        {"name": "", "voxels_sha256": ""},
    )
    holes = next(one.record for one in catalogue().all(Check) if one.name == "holes")
    about = {"summary": holes.summary, "advice": holes.advice}
    assert {"name": "holes", "provider": f"pycemrg-core {__version__}", **about} in data["checks"]
    (found,) = (one for one in data["findings"] if one["check"] == "lumen_open" and one["severity"] == "error")
    assert found == {
        "check": "lumen_open",
        "severity": "error",
        "what": "A touches the background on 4 faces (4 mm2)",
        "labels": ["A"],
        "values": [A],
        "voxel": found["voxel"],
        "point_mm": [float(i) for i in found["voxel"]],
        "box": [[11, 11, 8], [12, 12, 8]],
        "faces": 4,
        "mm2": 4.0,
        "voxels": 0,
        "mm": None,
    }


def test_an_integer_with_several_names_shows_them_all_without_a_recipe() -> None:
    """208 is a ring in the scheme of one recipe and a plane in that of another."""
    assert asked_of(catalogue()).name(208) == "LPV1_ring_label or RPV2_plane_label"
    assert asked_of(catalogue(), "four_chamber_closed").name(208) == "RPV2_plane_label"
    assert asked_of(catalogue(), "atria_full").name(208) == "LPV1_ring_label"
    assert asked_of(catalogue(), scheme="cemrg-legacy").name(208) == "RPV2_plane_label"
