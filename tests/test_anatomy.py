"""Measures against truth counted by hand or by brute force; judgements on a heart built of ellipsoids."""

from __future__ import annotations

from functools import cache
from itertools import combinations, permutations, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from pycemrg_core import load_catalogue, read_volume
from pycemrg_core.api import Blueprint, Heart, LabelScheme, LabelVolume
from pycemrg_core.errors import ImageError
from schematics_builtin.demo import heart_file
from schematics_builtin.labels import checks
from schematics_builtin.labels import measuring as anatomy_measure
from schematics_builtin.labels.anatomy import contradicts, doubts, judge, rank, suggest
from schematics_builtin.labels.anatomy.rules import RULES
from schematics_builtin.labels.measuring import NEAR_MM, Facts, measure

Array = NDArray[Any]
MM = (1.0, 1.0, 1.0)


def labels(text: str) -> dict[str, int]:
    return {f"{name}_label": int(value) for name, value in (pair.split(":") for pair in text.split())}


SCHEMES = {
    "mnms-2": labels("LV_BP:1 LV_myo:2 RV_BP:3"),
    "acdc": labels("RV_BP:1 LV_myo:2 LV_BP:3"),
    "cemrg": labels("LV_BP:1 LV_myo:2 RV_BP:3 LA_BP:4 RA_BP:5 Ao_BP:6 PArt_BP:7"),
    "cemrg-legacy": labels("LV_BP:1 LV_myo:2 RV_BP:3 LA_BP:4 RA_BP:5 Ao_BP:6 PArt_BP:7 LPV1_plane:205"),
    "totalsegmentator-heartchambers": labels("LV_myo:1 LA_BP:2 LV_BP:3 RA_BP:4 RV_BP:5 Ao_BP:6 PArt_BP:7"),
    "hvsmr-2": labels("LV_BP:1 RV_BP:2 LA_BP:3 RA_BP:4 Ao_BP:5 PArt_BP:6 SVC:7 IVC:8"),
}


def heart() -> Array:
    """A toy heart at 2 mm in ``cemrg``: ellipsoids and tubes, (z, y, x); chambers meet at their valves."""
    z, y, x = (2.0 * g for g in np.mgrid[:60, :60, :60])
    out = np.zeros(z.shape, dtype=np.uint8)

    def egg(centre: tuple[float, float, float], radii: tuple[float, float, float]) -> Array:
        return sum(((g - c) / r) ** 2 for g, c, r in zip((z, y, x), centre, radii, strict=True)) < 1  # type: ignore

    base = z < 66  # above it, atria and vessels
    out[egg((40, 50, 42), (36, 36, 27)) & base] = 3
    out[egg((40, 60, 70), (38, 29, 29)) & base] = 2
    out[egg((42, 60, 70), (30, 20, 20)) & base] = 1
    out[egg((86, 76, 74), (21, 22, 22)) & ~base] = 4
    out[egg((86, 64, 32), (21, 22, 18)) & ~base] = 5
    out[((y - 50) ** 2 + (x - 60) ** 2 < 10**2) & ~base & (z < 108)] = 6
    out[((y - 30) ** 2 + (x - 56) ** 2 < 9**2) & ~base & (z < 100)] = 7
    return out


HEART = heart()


def relabelled(array: Array, source: str, target: str) -> Array:
    out = np.zeros_like(array)
    for name, value in SCHEMES[target].items():
        if name in SCHEMES[source]:
            out[array == SCHEMES[source][name]] = value
    return out


# measures


def test_contact_between_two_boxes_is_the_area_of_their_common_face() -> None:
    a = np.zeros((6, 7, 8), dtype=np.int16)
    a[1:3, 1:4, 1:5] = 5  # 2 x 3 x 4 voxels
    a[3:5, 1:4, 1:3] = 9  # on top of it: 3 x 2 faces in common, normal to z
    facts = measure(a, (2.0, 0.5, 3.0))
    assert facts.labels == (5, 9)
    assert facts.contact_mm2[facts.index(5), facts.index(9)] == pytest.approx(6 * 0.5 * 3.0)
    # the whole surface of 5: 2 faces of 3x4 (normal z), 2 of 2x4 (normal y), 2 of 2x3 (normal x)
    surface = 2 * 12 * (0.5 * 3.0) + 2 * 8 * (2.0 * 3.0) + 2 * 6 * (2.0 * 0.5)
    assert facts.surface_mm2[facts.index(5)] == pytest.approx(surface)
    assert facts.contact_mm2[facts.index(5), 0] == pytest.approx(surface - 9.0)
    assert facts.volume_ml.tolist() == pytest.approx([24 * 3.0 / 1000, 12 * 3.0 / 1000])
    assert facts.centroid_mm[0].tolist() == pytest.approx([1.5 * 2.0, 2 * 0.5, 2.5 * 3.0])
    assert facts.box[0].tolist() == [[1, 2], [1, 3], [1, 4]]


def test_the_edge_of_the_image_counts_as_background() -> None:
    facts = measure(np.ones((2, 2, 2), dtype=np.uint8), MM)
    assert facts.contact_mm2[1, 0] == 24.0


@pytest.mark.parametrize(("gap", "met"), [(0, True), (3, True), (6, True), (7, False)])
def test_near_reaches_across_six_millimetres_of_anything(gap: int, met: bool) -> None:
    for filler in (0, 3):
        a = np.full((1, 1, gap + 2), filler, dtype=np.uint8)
        a[..., 0], a[..., -1] = 1, 2
        facts = measure(a, MM)
        assert NEAR_MM == 6.0
        assert facts.near_mm2[facts.index(1), facts.index(2)] == (1.0 if met else 0.0)


def test_a_hollow_box_encloses_its_lumen_and_a_full_one_nothing() -> None:
    a = np.zeros((9, 9, 9), dtype=np.uint8)
    a[1:8, 1:8, 1:8] = 1
    assert measure(a, MM).between_ml[1, 1] == 0.0
    a[2:7, 2:7, 2:7] = 0
    assert measure(a, MM).between_ml[1, 1] == pytest.approx(125 / 1000)
    a[4:] = np.where(a[4:] == 1, 2, 0)  # the upper half by another label: z chords now run from 1 to 2
    facts = measure(a, MM)
    assert facts.between_ml[1, 2] == facts.between_ml[2, 1] == pytest.approx(125 / 3000)


def test_pieces_touch_by_faces_not_by_edges() -> None:
    a = np.zeros((3, 3, 4), dtype=np.uint8)
    a[0, 0, 0:3] = 1
    a[1, 1, 0] = 1
    facts = measure(a, MM)
    assert facts.components.tolist() == [2]
    assert facts.whole.tolist() == [0.75]


def brute(a: Array, spacing: tuple[float, float, float]) -> dict[str, Any]:
    """The same measures, one voxel pair at a time."""
    values = [int(v) for v in np.unique(a) if v]
    index = {0: 0} | {v: i + 1 for i, v in enumerate(values)}
    contact, near = (np.zeros((len(values) + 1,) * 2) for _ in range(2))
    padded = np.pad(a, 1)
    for axis in range(3):
        area, reach = float(np.prod(np.delete(spacing, axis))), int((NEAR_MM + 1e-3) / spacing[axis])
        for line in np.moveaxis(padded, axis, -1).reshape(-1, padded.shape[axis]):
            for i in range(len(line) - 1):
                if line[i] == line[i + 1]:
                    continue
                contact[index[line[i]], index[line[i + 1]]] += area
                for j in range(i + 1, min(len(line), i + 2 + reach)):  # line[j] begins a run
                    if line[j] != line[j - 1] and line[j] != line[i]:
                        near[index[line[i]], index[line[j]]] += area
    components = [ndimage.label(a == v) for v in values]
    return {
        "labels": tuple(values),
        "contact": contact + contact.T,
        "near": near + near.T,
        "components": [n for _, n in components],
        "whole": [np.bincount(m.ravel())[1:].max() / (m > 0).sum() for m, _ in components],
        "centroid": [np.mean(np.argwhere(a == v), axis=0) * spacing for v in values],
    }


maps = st.tuples(*[st.integers(1, 6)] * 3, st.integers(1, 4), st.integers(0, 2**31)).map(
    lambda t: np.random.default_rng(t[4]).integers(0, t[3] + 1, t[:3]).astype(np.int32) * 7
)
spacings = st.tuples(*[st.sampled_from([0.7, 1.0, 2.5])] * 3)


@pytest.mark.slow
@settings(max_examples=60)
@given(maps, spacings)
def test_measures_agree_with_brute_force(a: Array, spacing: tuple[float, float, float]) -> None:
    facts, truth = measure(a, spacing), brute(a, spacing)
    assert facts.labels == truth["labels"]
    np.testing.assert_allclose(facts.contact_mm2, truth["contact"])
    if facts.labels:
        np.testing.assert_allclose(facts.near_mm2[1:, 1:], truth["near"][1:, 1:])
    assert facts.components.tolist() == truth["components"]
    np.testing.assert_allclose(facts.whole, truth["whole"])
    if facts.labels:
        np.testing.assert_allclose(facts.centroid_mm, truth["centroid"])


def same(a: Facts, b: Facts) -> None:
    assert a.labels == b.labels
    for name in ("volume_ml", "components", "whole", "contact_mm2", "near_mm2", "between_ml", "surface_mm2"):
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), err_msg=name)
    for f in (a, b):
        assert f.centroid_mm.shape == (len(f.labels), 3)
    apart = [np.linalg.norm(f.centroid_mm[:, None] - f.centroid_mm[None], axis=2) for f in (a, b)]
    np.testing.assert_allclose(apart[0], apart[1], atol=1e-9)


@settings(max_examples=60)
@given(maps, spacings, st.permutations([0, 1, 2]), st.lists(st.integers(0, 2), unique=True))
def test_flips_and_permutations_change_nothing(
    a: Array, spacing: tuple[float, float, float], order: list[int], flips: list[int]
) -> None:
    turned = np.flip(a.transpose(order), tuple(flips))
    same(measure(a, spacing), measure(turned, tuple(spacing[i] for i in order)))  # type: ignore[arg-type]


@settings(max_examples=30)
@given(maps, st.integers(1, 3))
def test_background_around_the_heart_changes_nothing_but_its_place(a: Array, margin: int) -> None:
    same(measure(a, MM), measure(np.pad(a, margin), MM))


def test_what_is_no_label_map_is_refused() -> None:
    with pytest.raises(ValueError, match="must be a 3-D array of integers"):
        measure(np.zeros((3, 3)), MM)
    with pytest.raises(ValueError, match="three positive numbers in mm"):
        measure(np.ones((3, 3, 3), dtype=int), (1.0, 0.0, 1.0))
    with pytest.raises(
        ImageError, match="1,727 different labels, a heart has a few dozen; give the segmentation, not the scan"
    ):
        measure(np.arange(12**3).reshape(12, 12, 12), MM)


def test_an_empty_image_has_no_facts_and_no_scheme() -> None:
    facts = measure(np.zeros((4, 4, 4), dtype=np.uint8), MM)
    assert facts.labels == ()
    assert rank(facts, SCHEMES).verdict == "none fits"


# the table


def test_every_rule_has_distinct_structures_a_direction_and_points() -> None:
    for rule in RULES:
        assert len(set(rule.names)) == len(rule.names), rule
        assert rule.never != rule.sure
        assert rule.against > 0
        assert rule.gain >= 0


# judgements


@pytest.mark.slow(every=5)
@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("flips", [(), (0,), (1, 2), (0, 1, 2)])
def test_the_toy_heart_in_any_orientation(order: tuple[int, ...], flips: tuple[int, ...]) -> None:
    ranking = rank(measure(np.flip(HEART.transpose(order), flips), (2.0, 2.0, 2.0)), SCHEMES)
    assert ranking.verdict == "confident", ranking.doubts
    assert ranking.readings[0].schemes == ("cemrg", "cemrg-legacy")
    assert ranking.top == "cemrg"


@pytest.mark.parametrize("scheme", ["acdc", "mnms-2", "totalsegmentator-heartchambers"])
def test_the_same_heart_in_other_integers(scheme: str) -> None:
    ranking = rank(measure(relabelled(HEART, "cemrg", scheme), (2.0, 2.0, 2.0)), SCHEMES)
    assert ranking.verdict == "confident", ranking.doubts
    assert scheme in ranking.readings[0].schemes


@pytest.mark.slow(every=5)
@pytest.mark.parametrize(("scheme", "read_as"), list(permutations(SCHEMES, 2)))
def test_a_wrong_reading_is_never_the_top_and_mostly_contradicted(scheme: str, read_as: str) -> None:
    array = relabelled(HEART, "cemrg", scheme)
    facts = measure(array, (2.0, 2.0, 2.0))
    assert not contradicts(facts, SCHEMES[scheme])
    true = {n: v for n, v in SCHEMES[scheme].items() if v in facts.labels}
    claimed = {n: v for n, v in SCHEMES[read_as].items() if v in facts.labels}
    if any(claimed.get(n) != v for n, v in true.items()) and any(true.get(n) != v for n, v in claimed.items()):
        assert contradicts(facts, SCHEMES[read_as])


@pytest.mark.slow(every=5)
@pytest.mark.parametrize("seed", range(20))
def test_integers_in_random_order_are_never_a_confident_scheme(seed: int) -> None:
    order = np.random.default_rng(seed).permutation(7) + 1
    if order.tolist() in ([1, 2, 3, 4, 5, 6, 7], [3, 1, 5, 2, 4, 6, 7]):
        return
    shuffled = np.concatenate([[0], order])[HEART]
    assert rank(measure(shuffled, (2.0, 2.0, 2.0)), SCHEMES).verdict != "confident"


def test_spheres_in_spheres_are_no_heart() -> None:
    r = np.linalg.norm(np.mgrid[-20:21, -20:21, -20:21], axis=0)
    for order in permutations((1, 2, 3)):
        a = np.select([r < 8, r < 13, r < 18], order).astype(np.uint8)
        assert rank(measure(a, (2.0, 2.0, 2.0)), SCHEMES).verdict != "confident"


def test_noise_and_two_blobs_are_no_heart() -> None:
    noise = np.random.default_rng(1).integers(0, 8, (30, 30, 30))
    assert rank(measure(noise, (2.0, 2.0, 2.0)), SCHEMES).verdict != "confident"
    blobs = np.zeros((20, 20, 20), dtype=np.uint8)
    blobs[2:9, 2:9, 2:9], blobs[12:18, 12:18, 12:18] = 1, 2
    assert rank(measure(blobs, (2.0, 2.0, 2.0)), SCHEMES).verdict != "confident"


def test_a_missing_chamber_is_neither_wrong_nor_contradicted() -> None:
    for value in range(1, 6):
        facts = measure(np.where(value == HEART, 0, HEART), (2.0, 2.0, 2.0))
        ranking = rank(facts, SCHEMES)
        assert "cemrg" in ranking.readings[0].schemes
        assert not contradicts(facts, SCHEMES["cemrg"])


def test_evidence_names_integers_structures_and_expectations() -> None:
    evidence = judge(measure(HEART, (2.0, 2.0, 2.0)), SCHEMES["cemrg"])
    first = evidence.lines[0]
    assert first.points == 3.0
    assert first.text.startswith("2 (LV_myo) lies along ")
    assert first.text.endswith("% of the surface of 1 (LV_BP) (expected: at least 60%)")
    assert str(first).startswith("+3.0  2 (LV_myo)")
    assert evidence.score == pytest.approx(sum(line.points for line in evidence.lines))
    assert evidence.fit > 0.85


def test_what_the_image_lacks_is_not_judged() -> None:
    facts = measure(np.where(HEART > 3, 0, HEART), (2.0, 2.0, 2.0))
    text = " ".join(line.text for line in judge(facts, SCHEMES["cemrg"]).lines)
    assert "LV_myo" in text
    assert "LA_BP" not in text


def test_suggest_finds_the_meaning_of_shuffled_integers() -> None:
    order = np.array([0, 4, 7, 2, 5, 1, 3, 6])
    found = suggest(measure(order[HEART], (2.0, 2.0, 2.0)), SCHEMES["cemrg"])
    true = {int(order[v]): name for name, v in SCHEMES["cemrg"].items()}
    assert {s.label: s.structure for s in found} == true
    assert all(s.sure for s in found if s.structure in ("LV_BP_label", "LV_myo_label", "RV_BP_label"))


@pytest.mark.slow
def test_suggest_does_not_depend_on_the_order_of_the_structures() -> None:
    facts = measure(HEART, (2.0, 2.0, 2.0))
    names = list(SCHEMES["cemrg"])
    answers = [{s.label: s.structure for s in suggest(facts, list(p))} for p in (names, names[::-1])]
    assert answers[0] == answers[1]


def test_suggest_is_unsure_of_twins() -> None:
    a = np.zeros((12, 24, 24), dtype=np.uint8)
    a[2:10, 2:22, 2:22] = 1
    a[2:10, 6:9, 22:24], a[2:10, 15:18, 22:24] = 2, 3
    found = suggest(measure(a, (2.0, 2.0, 2.0)), ["LA_BP_label", "LPV1_label", "LPV2_label"])
    assert not any(s.sure for s in found if s.label in (2, 3))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_suggest_is_sure_of_nothing_in_what_is_no_heart(seed: int) -> None:
    """Twelve ellipsoids that touch: some look like a chamber and its neighbour, and all together like no heart."""
    rng = np.random.default_rng(seed)
    grid = np.moveaxis(np.indices((40, 40, 40)), 0, -1)
    a = np.zeros((40, 40, 40), np.uint8)
    for value in range(1, 13):
        inside = (((grid - 20 - rng.normal(0, 9, 3)) / rng.uniform(3, 10, 3)) ** 2).sum(axis=-1) < 1
        a[inside & (a == 0)] = value
    structures = [*SCHEMES["cemrg"], *labels("LPV1:8 LPV2:9 RPV1:10 RPV2:11 LAA:12 SVC:13 IVC:14")]
    assert not any(one.sure for one in suggest(measure(a, (3.0, 3.0, 3.0)), structures))


def test_a_large_image_is_measured_quickly_in_runs_not_voxels() -> None:
    a = np.kron(HEART, np.ones((4, 4, 4), dtype=np.uint8))
    coarse, fine = measure(HEART, (2.0, 2.0, 2.0)), measure(a, (0.5, 0.5, 0.5))
    np.testing.assert_allclose(fine.volume_ml, coarse.volume_ml)
    np.testing.assert_allclose(fine.contact_mm2, coarse.contact_mm2)
    np.testing.assert_allclose(fine.between_ml, coarse.between_ml)
    runs = anatomy_measure._runs(a, 2)
    assert len(runs.start) < a.size / 50


def test_all_corners_of_the_orientation_group_give_one_score() -> None:
    scores = {
        round(judge(measure(np.flip(HEART.transpose(p), f), (2.0, 2.0, 2.0)), SCHEMES["cemrg"]).score, 9)
        for p, f in product(permutations(range(3)), [(), (0,), (1,), (2,)])
    }
    assert len(scores) == 1


def test_scattered_voxels_of_other_labels_are_no_evidence() -> None:
    rng = np.random.default_rng(3)
    dusty = np.where((rng.random(HEART.shape) < 0.01) & (HEART == 0), rng.integers(8, 15, HEART.shape), HEART)
    facts = measure(dusty, (2.0, 2.0, 2.0))
    veins = labels("LPV1:8 LPV2:9 RPV1:10 RPV2:11 LAA:12 SVC:13 IVC:14")
    assert len(facts.labels) == 14
    assert judge(facts, veins).lines == ()
    assert not contradicts(facts, SCHEMES["cemrg"] | veins)


def test_facts_of_some_labels_keep_their_surfaces() -> None:
    facts = measure(HEART, (2.0, 2.0, 2.0))
    some = facts.only([1, 2])
    assert some.labels == (1, 2)
    rows = [facts.index(1), facts.index(2)]
    assert np.allclose(some.surface_mm2[1:], facts.surface_mm2[rows])
    assert some.contact_mm2[1, 2] == facts.contact_mm2[rows[0], rows[1]]
    # What touched another label touches the background now.
    alone = measure(np.where(np.isin(HEART, [1, 2]), HEART, 0), (2.0, 2.0, 2.0))
    assert np.allclose(some.contact_mm2, alone.contact_mm2)


@pytest.mark.slow
def test_a_reading_is_judged_alike_whatever_else_is_in_the_image() -> None:
    crowded = HEART.astype(np.int32)
    empty = np.argwhere(HEART == 0)[:300]
    for value, (z, y, x) in enumerate(empty, 1000):
        crowded[z, y, x] = value
    alone, among = measure(HEART, (2.0, 2.0, 2.0)), measure(crowded, (2.0, 2.0, 2.0))
    assert judge(among, SCHEMES["cemrg"]).score == pytest.approx(judge(alone, SCHEMES["cemrg"]).score, abs=0.5)
    suggested = {one.label: one.structure for one in suggest(among, SCHEMES["cemrg"])}
    assert len(suggested) == 307
    assert {suggested[value] for value in range(1, 8)} == set(SCHEMES["cemrg"])


# --- a fine image is looked at on a coarser grid first

FINE = Path(__file__).resolve().parents[1] / "benchmarks" / "data" / "rodero01_0.5mm.nrrd"


@cache
def fine_heart() -> LabelVolume:
    return read_volume(FINE)[0]


@pytest.mark.slow
def test_on_a_coarser_grid_the_anatomy_contradicts_the_same_labels() -> None:
    volume = fine_heart()
    coarse = checks.coarser(volume)
    assert coarse is not None
    assert coarse.spacing == (2.0, 2.0, 2.0)
    there = volume.boxes.keys()
    scheme = load_catalogue().get(LabelScheme, "cemrg").labels
    right = {name: value for name, value in scheme.items() if value in there}
    fine, less = measure(volume.array, volume.spacing), measure(coarse.array, coarse.spacing)
    readings = [right, *(right | {a: right[b], b: right[a]} for a, b in combinations(right, 2))]
    expected = [bool(contradicts(fine, reading)) for reading in readings]
    assert [bool(contradicts(less, reading)) for reading in readings] == expected
    assert sum(expected) > 20
    assert not expected[0]


@pytest.mark.slow
def test_a_doubt_is_that_of_the_whole_image() -> None:
    volume = fine_heart()
    scheme = load_catalogue().get(LabelScheme, "cemrg").labels
    wrong = {**scheme, "LV_BP_label": scheme["LA_BP_label"], "LA_BP_label": scheme["LV_BP_label"]}
    blueprint = Blueprint(names={value: name for name, value in wrong.items()})
    found = list(checks.anatomy(Heart(volume=volume.with_blueprint(blueprint))))
    assert [one.what for one in found] == [f"{one.what}; {one.advice}" for one in doubts(volume, wrong, {})]


@cache
def coarse_heart() -> LabelVolume:
    """The heart of the demo at 2 mm: the anatomy does not depend on details."""
    volume, _ = read_volume(heart_file())
    return LabelVolume(np.ascontiguousarray(volume.array[::2, ::2, ::2]), (2.0, 2.0, 2.0), origin=volume.origin)


CAVAE = {"SVC": 13, "IVC": 14}
FOURTEEN = SCHEMES["cemrg"] | labels("LPV1:8 LPV2:9 RPV1:10 RPV2:11 LAA:12 SVC:13 IVC:14")
EXCHANGES = "LV_BP/LV_myo SVC/IVC Ao_BP/PArt_BP LA_BP/RA_BP LV_BP/RV_BP RPV1/SVC LPV1/LAA LPV1/LPV2 RPV1/RPV2 LPV1/RPV1"


@pytest.mark.slow(every=3)
@pytest.mark.parametrize("pair", EXCHANGES.split())
def test_any_two_structures_that_are_exchanged_are_found(pair: str) -> None:
    """Either as exchanged, or by where they lie; never as labels of another scheme only."""
    volume, scheme = coarse_heart(), FOURTEEN
    a, b = (f"{name}_label" for name in pair.split("/"))
    assert list(checks.contradictions(volume, scheme, {})) == []
    wrong = {**scheme, a: scheme[b], b: scheme[a]}
    found = list(checks.contradictions(volume, wrong, {}))
    assert {one.doubt for one in found} <= {"", "exchanged-labels", "vein-order"}
    exchanged = [set(one.values) for one in found if one.doubt == "exchanged-labels"]
    order = {value for one in found if one.doubt == "vein-order" for value in one.values}
    contradicted = any(one.what.startswith("the anatomy contradicts the labels") for one in found)
    assert exchanged == [{scheme[a], scheme[b]}] or order >= {scheme[a], scheme[b]} or contradicted


@pytest.mark.parametrize(
    ("gone", "called", "what"), [("SVC", "SVC", "SVC (14) lies"), ("IVC", "IVC", "RA_BP (5) lies")]
)
def test_a_vena_cava_alone_has_the_right_name(gone: str, called: str, what: str) -> None:
    """The other one under its name: it lies on the wrong side of the right atrium."""
    volume = coarse_heart()
    left = CAVAE["IVC" if gone == "SVC" else "SVC"]
    alone = volume.with_array(np.where(volume.array == CAVAE[gone], 0, volume.array))
    names = {**FOURTEEN, f"{called}_label": left}
    del names["IVC_label" if called == "SVC" else "SVC_label"]
    (found,) = checks.contradictions(alone, names, {})
    assert (found.doubt, found.what[: len(what)]) == ("vein-order", what)


def test_a_coarse_image_is_looked_at_as_it_is() -> None:
    assert checks.coarser(LabelVolume(np.ones((3, 3, 3), np.uint8), (1.1, 1.2, 1.5))) is None
    thin = checks.coarser(LabelVolume(np.ones((12, 12, 12), np.uint8), (0.1, 0.7, 1.5)))
    assert thin is not None
    assert thin.array.shape == (3, 6, 12)
