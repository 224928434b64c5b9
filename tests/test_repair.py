"""Repair: what is mended, what is left alone, and that blood keeps its volume."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from closed_heart import RING, VALVE, VEIN, WALL_A, WALL_B, WALL_C, A, Array, B, C, array, catalogue, changed, heart
from command_line import HEART
from fusing_trials import at
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from test_certificate import DAMAGES, damaged

from pycemrg_core.api import AnyImage, LabelType, volume_given
from pycemrg_core.errors import LabelError
from pycemrg_core.images import image_files
from pycemrg_core.images.blueprint import Blueprint, Plane, Wall
from pycemrg_core.images.heart import Heart, Severity
from pycemrg_core.recipes.runner import run_recipe
from schematics_builtin.certificate import repair_limits, repairing
from schematics_builtin.certificate.commands.repair import _not_repaired
from schematics_builtin.certificate.hearts import asked_of, certify_image, heart_of
from schematics_builtin.certificate.repairing import Repair

LUMENS = (A, B, C, VEIN)


@pytest.fixture(autouse=True)
def boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was asked is that of the heart of boxes, unless a recipe is named."""

    def of(image: AnyImage, asked: Blueprint) -> Heart:
        if asked.recipe:
            return heart_of(image, asked)
        volume = volume_given(image)
        return heart_of(volume, heart(volume.array, volume.spacing).blueprint)

    monkeypatch.setattr(repairing, "heart_of", of)


def image_of(voxels: Array, spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> sitk.Image:
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing(spacing)
    image.SetOrigin((5.0, -3.0, 11.0))
    image.SetDirection((0.0, 1.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0, 1.0))
    return image


def repaired(voxels: Array, **options: Any) -> Repair:
    return repairing.repair(image_of(voxels), catalogue(), Blueprint(), **options)


def volumes(voxels: Array) -> dict[int, int]:
    return {label: int((voxels == label).sum()) for label in LUMENS}


def ledger_of(before: Array, after: Array) -> Counter[tuple[int, int]]:
    pairs = np.stack([before.ravel(), after.ravel()], axis=1)
    return Counter(map(tuple, pairs[before.ravel() != after.ravel()].tolist()))


def test_a_clean_heart_is_left_alone() -> None:
    done = repaired(array())
    assert (done.ledger, done.refused, done.padding) == ((), (), ((0, 0, 0), (0, 0, 0)))
    assert np.array_equal(image_files.voxel_array(done.image), array())
    assert done.certificate.passed


MENDED = {
    "a channel between two lumens": None,
    "a hole in a wall": array(),
    "a hole in a valve": None,
    "a dent in a wall": array(),
    "two voxels at an edge": None,
    "a loose voxel": None,
    "a hole": array(),
}


@pytest.mark.slow(every=3)
@pytest.mark.parametrize("name", MENDED)
def test_what_can_be_closed_is_closed(name: str) -> None:
    before = damaged(DAMAGES[name])
    done = repaired(before)
    after = image_files.voxel_array(done.image)
    assert done.certificate.passed, done.left
    assert done.left == done.refused == ()
    if (expected := MENDED[name]) is not None:
        assert np.array_equal(after, expected)
    # Nothing changed twice here, so that the ledger is the difference of the two maps.
    ours = Counter({(e.change.old, e.change.new): e.change.voxels for e in done.ledger})
    assert ours == ledger_of(before, after)
    for label, voxels in volumes(before).items():
        assert abs(volumes(after)[label] - voxels) <= 0.02 * voxels


def test_the_seal_is_of_the_valve_or_the_wall() -> None:
    def sealed(name: str) -> list[tuple[str, int, int]]:
        done = repaired(damaged(DAMAGES[name]))
        return [(e.rule, e.change.old, e.change.new) for e in done.ledger]

    assert sealed("a hole in a valve") == [("leak between lumens", A, VALVE)]
    ((rule, old, new),) = sealed("a channel between two lumens")
    assert (rule, old) == ("leak between lumens", A)
    assert new in (WALL_A, WALL_C)


def test_the_seal_is_a_plane_that_the_heart_lacks() -> None:
    """Its integer may be larger than that of any label which is there."""
    blocks = np.full((9, 9, 16), 3, np.uint8)
    blocks[2:7, 2:7, 2:8], blocks[2:7, 2:7, 8:13] = 1, 2
    types = {1: LabelType.LUMEN, 2: LabelType.LUMEN, 3: LabelType.WALL, 300: LabelType.PLANE}
    asked = Blueprint(recipe="two", types=types, planes=(Plane(plane=300, a=1, b=2),))
    done = repairing.repair(image_of(np.pad(blocks, 1)), catalogue(), asked, limit_percent=50)
    assert [(e.rule, e.change.old, e.change.new, e.change.voxels) for e in done.ledger] == [
        ("leak between lumens", 1, 300, 25)
    ]
    assert np.count_nonzero(done.volume.array == 300) == 25


@pytest.mark.slow(every=3)
@pytest.mark.parametrize(
    "name", ["a valve away from a lumen", "an open ring", "no valve", "a label over 255", "another label inside"]
)
def test_what_no_rule_mends_is_said(name: str) -> None:
    done = repaired(damaged(DAMAGES[name]))
    errors = {DAMAGES[name].check} if "error" in DAMAGES[name].severities else set()
    assert {finding.check for finding in done.left} == errors
    assert done.refused == ()


def test_the_image_grows_where_the_heart_touches_its_border() -> None:
    cut = array()[:, 6:, :28]  # the wall at y = 0 is whole; of the vein and ring at x = 28 and on, nothing is left
    cut = np.where(cut == VEIN, WALL_B, cut)
    image = image_of(np.ascontiguousarray(cut), (2.0, 1.0, 0.5))
    done = repairing.repair(image, catalogue(), Blueprint())
    (x, y, z), (far_x, far_y, far_z) = done.padding
    # 2 mm of wall and a voxel of background, at 2.0, 1.0 and 0.5 mm along x, y and z.
    assert ((x, y, z), (far_x, far_y, far_z)) == ((0, 4, 0), (3, 0, 0))
    grown = image_files.voxel_array(done.image)
    assert grown.shape == (cut.shape[0], cut.shape[1] + 4, cut.shape[2] + 3)
    inner = grown[:, 4:, :-3]
    assert np.array_equal(inner[cut > 0] > 0, np.ones((cut > 0).sum(), bool))
    # The same voxel is at the same point.
    for index in ((0, 0, 0), (27, 17, 31)):
        moved = tuple(int(i + low) for i, low in zip(index, (x, y, z), strict=True))
        assert done.image.TransformIndexToPhysicalPoint(moved) == pytest.approx(
            image.TransformIndexToPhysicalPoint(index)
        )
    assert done.image.GetDirection() == image.GetDirection()
    assert "image_border" not in {finding.check for finding in done.left}


def test_a_wall_that_the_border_cut_is_grown_again() -> None:
    done = repaired(np.ascontiguousarray(array()[:, 7:]))
    assert done.certificate.passed
    low = done.padding[0][1]
    # Where A, B and C ask for wall within 2 mm it is there again; the corners of the box stay rounded.
    after, whole = image_files.voxel_array(done.image)[:, low - 1 : low + 17], array()[:, 6:]
    assert set(ledger_of(whole, after)) <= {(WALL_A, 0), (WALL_B, 0), (WALL_C, 0)}
    assert (after[8:16, 0, 8:16] == WALL_A).all()


def test_no_structure_changes_by_more_than_the_limit() -> None:
    wide = array()
    wide[16:18, 9:15, 9:15], wide[18:20, 9:15, 9:15] = A, C  # 36 of about 500 voxels
    done = repaired(wide)
    assert [f.check for f in done.left] == ["closed_lumens", "lumen_contact"]
    share = 100 * 36 / (wide == A).sum()
    (refused,) = done.refused
    assert str(refused) == (
        f"leak between lumens: A would lose {share:.3g} % of its volume (36 of {(wide == A).sum()} voxels),"
        " more than the limit of 2 % or 10 voxels"
    )
    assert [done.reasons(finding) for finding in done.left] == [(str(refused),)] * 2
    assert np.array_equal(image_files.voxel_array(done.image), wide)
    assert repaired(wide, limit_percent=10).certificate.passed


@pytest.mark.slow
@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), limit=st.sampled_from([0.0, 0.5, 2.0, 10.0]))
def test_whatever_is_damaged_the_limit_holds(seed: int, limit: float) -> None:
    rng = np.random.default_rng(seed)
    voxels = array()
    for _ in range(40):
        z, y, x = (int(rng.integers(0, size - 2)) for size in voxels.shape)
        voxels[z : z + 2, y : y + 2, x : x + int(rng.integers(1, 3))] = rng.choice([0, *LUMENS, WALL_A, VALVE, RING])
    kept = voxels.copy()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repairing, "heart_of", lambda image, *_: heart(volume_given(image).array))
        done = repaired(voxels, limit_percent=limit)
    assert np.array_equal(voxels, kept)
    after = volumes(image_files.voxel_array(done.image))
    for label, before in volumes(voxels).items():
        assert abs(after[label] - before) <= max(limit / 100 * before + 1e-9, 10 if limit else 0)


@pytest.mark.slow
def test_the_real_heart_comes_out_closed() -> None:
    image, _ = image_files.read_labels(HEART)
    grown = run_recipe("four_chamber_full", image, catalogue()).image
    done = repairing.repair(grown, catalogue(), asked_of(catalogue(), "four_chamber_full"))
    assert done.certificate.passed
    before, after = image_files.voxel_array(grown), image_files.voxel_array(done.image)
    assert 0 < (before != after).sum() < 0.01 * (before > 0).sum()
    for label in range(1, 15):
        if label != 2:  # the myocardium is tissue
            assert abs(int((after == label).sum()) / (before == label).sum() - 1) <= 0.02
    # A repaired heart is a fixed point.
    again = repairing.repair(done.image, catalogue(), asked_of(catalogue(), "four_chamber_full"))
    assert again.ledger == ()


@pytest.mark.slow
def test_growing_a_wall_does_not_use_up_the_limit_of_its_loose_pieces() -> None:
    """Shifted slices: walls grow, and lose some loose voxels in later rounds."""
    image, _ = image_files.read_labels(HEART)
    asked = asked_of(catalogue(), "four_chamber_full")
    grown = run_recipe("four_chamber_full", image, catalogue()).image
    closed = image_files.voxel_array(repairing.repair(grown, catalogue(), asked).image)
    rng = np.random.default_rng(1)
    shifted = np.stack([np.roll(plane, rng.integers(-1, 2, 2), (0, 1)) for plane in closed])
    done = repairing.repair(image_files.image_from_array(shifted, image), catalogue(), asked)
    assert (done.refused, done.left) == ((), ())
    gained = sum(e.change.voxels for e in done.ledger if e.change.new == 104 and e.rule == "wall")
    assert gained > 0.04 * (shifted == 104).sum()
    assert any(e.change.old == 104 and e.rule == "loose components" for e in done.ledger)


def pinched_inside(count: int) -> Array:
    """The heart of boxes with pairs of wall voxels in A that meet at an edge: only its blood can join them."""
    voxels, done = array(), 0
    for z, y in [(z, y) for z in (8, 11, 14) for y in (8, 11, 14)]:
        for first, second in (((z, y, 8), (z + 1, y + 1, 8)), ((y, 15, z), (y + 1, 15, z + 1))):
            if done < count and voxels[first] == voxels[second] == A:
                voxels[first] = voxels[second] = WALL_A
                done += 1
    assert done == count
    return voxels


@pytest.mark.parametrize(
    ("limit", "share", "said"),
    [(2, 5.1234, "5.12"), (2, 100 * 1376 / 68652, "2.004"), (2, 2.0000001, "2.0000001"), (0, 0.001234, "0.00123")],
)
def test_a_share_above_the_limit_is_said_to_be_above_it(limit: float, share: float, said: str) -> None:
    assert repair_limits.above(limit, share) == said


def test_a_change_refused_for_the_common_surface_is_named() -> None:
    """A finding of all meshed labels together has no labels; its refusal is found by its rule."""
    voxels = pinched_inside(15)
    done = repaired(voxels)
    (left,) = done.left
    assert (left.check, left.values) == ("edge_contact", ())
    had = int((voxels == A).sum())
    (why,) = done.reasons(left)
    lost = re.fullmatch(
        rf"edge contact: A would lose ([0-9.]+) % of its volume \((\d+) of {had} voxels\),"
        " more than the limit of 2 % or 10 voxels",
        why,
    )
    assert lost
    assert float(lost[1]) == pytest.approx(100 * int(lost[2]) / had, rel=0.01)
    assert int(lost[2]) > 10 > 0.02 * had
    assert repaired(voxels, limit_percent=10).certificate.passed


def test_ten_voxels_may_always_change() -> None:
    assert repaired(pinched_inside(5)).certificate.passed
    loose = array()
    loose[4, 8:12, 20] = RING  # four of about a hundred voxels, in the wall of B
    done = repaired(loose)
    assert done.certificate.passed
    assert [(e.rule, e.change.old, e.change.new, e.change.voxels) for e in done.ledger] == [
        ("loose components", RING, WALL_B, 4)
    ]
    assert not repaired(loose, limit_percent=0).certificate.passed


@pytest.mark.parametrize("limit", [-1, 100.5, float("nan")])
def test_a_limit_is_a_percentage(limit: float) -> None:
    with pytest.raises(LabelError, match=r"the limit is .* %; give a number from 0 to 100"):
        repaired(array(), limit_percent=limit)


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_second_repair_finds_nothing_to_do(seed: int) -> None:
    """What is looked at again after a change is enough: a look at the whole map finds no more."""
    rng = np.random.default_rng(seed)
    voxels = array()
    for _ in range(25):
        z, y, x = (int(rng.integers(0, size - 2)) for size in voxels.shape)
        voxels[z : z + 2, y : y + 2, x : x + int(rng.integers(1, 3))] = rng.choice([0, *LUMENS, WALL_A, VALVE, RING])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repairing, "heart_of", lambda image, *_: heart(volume_given(image).array))
        once = repaired(voxels, limit_percent=100)
        twice = repairing.repair(once.image, catalogue(), Blueprint(), limit_percent=100)
    assert twice.ledger == ()
    assert np.array_equal(image_files.voxel_array(once.image), image_files.voxel_array(twice.image))


def test_a_wall_that_needs_two_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    voxels = np.where(array() == WALL_A, 0, array())

    def of(image: sitk.Image, _: Blueprint) -> Heart:
        asked = heart(volume_given(image).array)
        return changed(asked, walls=(Wall(A, 300, 2.0), *asked.blueprint.walls[1:]))

    monkeypatch.setattr(repairing, "heart_of", of)
    done = repaired(voxels)
    after = image_files.voxel_array(done.image)
    assert after.dtype == np.uint16
    assert (after == 300).sum() > 500
    assert {finding.check for finding in done.left} <= {"tag_range", "not_made", "components"}


# Damage to the closed heart: what the failure simulator does, and whether the repair mends it.
SIMULATED = {
    "leak LV to LA": (lambda kit, image, rng: kit.leak(image, rng, (1, 4), 2.0), True),
    "leak LA to LPV1": (lambda kit, image, rng: kit.leak(image, rng, (4, 8), 2.0), True),
    "leak Ao to background": (lambda kit, image, rng: kit.leak(image, rng, (6, 0), 2.0), True),
    "islands of LA_BP": (lambda kit, image, rng: kit.islands(image, rng, 4, 3, 2.0), True),
    "dropped LA_myo": (lambda kit, image, rng: kit.drop_structure(image, rng, [104]), True),
    "dropped SVC_plane": (lambda kit, image, rng: kit.drop_structure(image, rng, [210]), False),
    "swapped MV and AV": (lambda kit, image, rng: kit.swap_labels(image, rng, (201, 203)), False),
}


@pytest.fixture(scope="module")
def closed() -> sitk.Image:
    volume = at(image_files.read_volume(HEART)[0], 1.5)
    return run_recipe("four_chamber_closed", volume, catalogue()).image


@pytest.mark.slow
@pytest.mark.parametrize("name", SIMULATED)
@pytest.mark.parametrize("seed", [1, 2])
def test_damage_to_the_closed_heart_is_found_and_mended_or_explained(name: str, seed: int, closed: sitk.Image) -> None:
    kit = pytest.importorskip("pycemrg_augment.transforms.failures", reason="pycemrg-augment is not installed")
    damage, can_be_mended = SIMULATED[name]
    broken, what = damage(kit, closed, np.random.default_rng(seed))
    asked = asked_of(catalogue(), "four_chamber_closed")
    errors = certify_image(broken, catalogue(), asked).of(Severity.ERROR)
    assert any(not one.values or set(what.labels) & set(one.values) for one in errors)
    done = repairing.repair(broken, catalogue(), asked)
    assert done.certificate.passed == can_be_mended
    for finding, why in _not_repaired(done):
        assert why, finding.what
    if can_be_mended:
        tissue = ~np.isin(image_files.voxel_array(done.image), [0, *range(1, 2), *range(3, 15)])
        rest = np.pad(~tissue, 1, constant_values=True)
        assert ndimage.label(rest)[1] == ndimage.label(rest, np.ones((3, 3, 3)))[1] == 5


def gapped() -> Array:
    """A second block of wall beside that of B, one voxel away, that stands on it at both ends."""
    voxels = array()
    voxels[6:18, 2:5, 17:28] = WALL_B
    voxels[6:8, 5, 17:28] = voxels[16:18, 5, 17:28] = WALL_B
    return voxels


@pytest.mark.slow
def test_gaps_are_filled_when_asked_for() -> None:
    plain = repaired(gapped())
    assert plain.ledger == ()
    (tunnel,) = (one for one in plain.certificate.findings if one.check == "tunnels")
    assert tunnel.what.endswith("with pycemrg repair --gap 2")
    done = repaired(gapped(), gap_mm=2.0)
    assert [(e.rule, e.change.old, e.change.new, e.change.voxels) for e in done.ledger] == [
        ("narrow gap", 0, WALL_B, 8 * 11)
    ]
    assert done.certificate.passed
    assert not {"tunnels", "narrow_gap"} & {one.check for one in done.certificate.findings}
    assert repaired(gapped(), gap_mm=1.0).ledger == ()


def test_a_gap_that_closes_a_pocket_fills_it() -> None:
    voxels = gapped()
    voxels[10:14, 4, 20:24] = 0  # two voxels deep under the second block: no narrow gap
    done = repaired(voxels, gap_mm=2.0)
    assert {e.rule for e in done.ledger} == {"narrow gap", "enclosed background"}
    assert done.certificate.passed


def test_labels_are_welded_when_asked_for() -> None:
    voxels = array()
    voxels[10, 6, 17] = voxels[11, 7, 17] = WALL_A  # two steps into B's wall, which meet at an edge
    plain = repaired(voxels)
    of_labels = [one for one in plain.certificate.findings if one.check == "edge_contact"]
    assert [(one.severity, one.values) for one in of_labels] == [
        (Severity.WARNING, (WALL_A,)),
        (Severity.WARNING, (WALL_B,)),
    ]
    done = repaired(voxels, weld=True)
    assert [(e.rule, e.change.voxels) for e in done.ledger] == [("weld", 1)]
    assert not [one for one in done.certificate.findings if one.check == "edge_contact"]
    assert done.certificate.passed


@pytest.mark.parametrize("gap_mm", [-0.1, 20.1, float("nan")])
def test_a_gap_is_a_length(gap_mm: float) -> None:
    with pytest.raises(LabelError, match=re.escape(f"the gap is {gap_mm:g} mm; give a number from 0 to 20")):
        repaired(array(), gap_mm=gap_mm)


def test_a_label_too_large_for_the_tables_is_refused() -> None:
    voxels = np.zeros((5, 5, 5), np.uint32)
    voxels[2, 2, 2] = 4_000_000_000
    message = "the label 4000000000 is too large to repair; give integers under 16,777,216 with 'pycemrg labels remap'"
    with pytest.raises(LabelError, match=f"^{re.escape(message)}$"):
        repairing.repair(sitk.GetImageFromArray(voxels), catalogue(), Blueprint())
