"""What is measured of a label map is what a slow count finds, and what is missing or odd is said by name."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from brute import catalogue
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from scipy import ndimage

from pycemrg_core.errors import PlanError, UnknownNameError
from pycemrg_core.images.label_volume import LabelVolume
from pycemrg_core.recipes.settings import Settings
from schematics_builtin.labels.diagnosis import Contact, LabelDiagnostic, LabelReport, LabelStatus
from schematics_builtin.labels.measuring import NEAR_MM, measure

Array = np.ndarray[Any, Any]

ARRAYS = st_numpy.arrays(
    st.sampled_from([np.uint8, np.int16, np.uint32]),
    st_numpy.array_shapes(min_dims=3, max_dims=3, max_side=6),
    elements=st.sampled_from([0, 0, 0, 1, 2, 7, 100]),
)
SPACINGS = st.tuples(*[st.sampled_from([0.4, 1.0, 2.5, 7.0])] * 3)


def labels_in(array: Array) -> list[int]:
    return [int(value) for value in np.unique(array) if value]


def touching_faces(array: Array, spacing: tuple[float, float, float], a: int, b: int) -> float:
    """The area of the faces between two values, voxel pair by voxel pair; the outside is background."""
    padded = np.pad(array.astype(np.int64), 1)
    area = 0.0
    for axis in range(3):
        face = float(np.prod([size for other, size in enumerate(spacing) if other != axis]))
        here = np.take(padded, range(padded.shape[axis] - 1), axis)
        there = np.take(padded, range(1, padded.shape[axis]), axis)
        area += face * int(((here == a) & (there == b)).sum() + ((here == b) & (there == a)).sum())
    return area


def near_faces(array: Array, spacing: tuple[float, float, float], a: int, b: int) -> float:
    """The same across gaps: stretches of one value along a grid line, and what lies between two of them."""
    padded = np.pad(array.astype(np.int64), 1)
    area = 0.0
    for axis in range(3):
        face = float(np.prod([size for other, size in enumerate(spacing) if other != axis]))
        for line in np.moveaxis(padded, axis, -1).reshape(-1, padded.shape[axis]):
            stretches = stretches_of(line)
            for i, (value, _, stop) in enumerate(stretches):
                for other, start, _ in stretches[i + 1 :]:
                    close = (start - stop) * spacing[axis] <= NEAR_MM + 1e-3
                    area += face * (close and {value, other} == {a, b})
    return area


def enclosed_ml(array: Array, spacing: tuple[float, float, float], a: int, b: int) -> float:
    """Background on chords between two labels, the mean over the axes."""
    padded = np.pad(array.astype(np.int64), 1)
    voxels = 0
    for axis in range(3):
        for line in np.moveaxis(padded, axis, -1).reshape(-1, padded.shape[axis]):
            stretches = stretches_of(line)
            for (left, _, _), (value, start, stop), (right, _, _) in zip(
                stretches, stretches[1:], stretches[2:], strict=False
            ):
                if value == 0 and sorted((left, right)) == sorted((a, b)):
                    voxels += stop - start
    return voxels * float(np.prod(spacing)) / 3000


def stretches_of(line: Array) -> list[tuple[int, int, int]]:
    cuts = [0, *(np.flatnonzero(np.diff(line)) + 1).tolist(), len(line)]
    return [(int(line[start]), start, stop) for start, stop in pairwise(cuts)]


# --------------------------------------------------------------------------------------- measure, against counts


@pytest.mark.slow
@given(ARRAYS, SPACINGS)
def test_volumes_boxes_and_centroids(array: Array, spacing: tuple[float, float, float]) -> None:
    facts = measure(array, spacing)
    assert list(facts.labels) == labels_in(array)
    for row, label in enumerate(facts.labels):
        where = np.argwhere(array == label)
        assert facts.volume_ml[row] == pytest.approx(len(where) * np.prod(spacing) / 1000)
        assert facts.centroid_mm[row] == pytest.approx((where * spacing).mean(axis=0))
        assert facts.box[row].tolist() == np.stack([where.min(axis=0), where.max(axis=0)], axis=1).tolist()


@pytest.mark.slow
@given(ARRAYS, SPACINGS)
def test_pieces_hang_together_by_faces(array: Array, spacing: tuple[float, float, float]) -> None:
    facts = measure(array, spacing)
    for row, label in enumerate(facts.labels):
        components, count = ndimage.label(array == label)
        sizes = np.bincount(components.ravel())[1:]
        assert facts.components[row] == count
        assert facts.whole[row] == pytest.approx(sizes.max() / sizes.sum())


@pytest.mark.slow
@given(ARRAYS, SPACINGS)
def test_contact_areas(array: Array, spacing: tuple[float, float, float]) -> None:
    facts = measure(array, spacing)
    values = [0, *facts.labels]
    expected = [[touching_faces(array, spacing, a, b) if a != b else 0 for b in values] for a in values]
    assert facts.contact_mm2 == pytest.approx(np.array(expected))
    assert facts.surface_mm2 == pytest.approx(np.sum(expected, axis=1))


@pytest.mark.slow
@given(ARRAYS, SPACINGS)
def test_what_lies_near_and_what_is_enclosed(array: Array, spacing: tuple[float, float, float]) -> None:
    facts = measure(array, spacing)
    for a in facts.labels:
        for b in facts.labels:
            row, column = facts.index(a), facts.index(b)
            assert facts.between_ml[row, column] == pytest.approx(enclosed_ml(array, spacing, a, b))
            if a != b:
                assert facts.near_mm2[row, column] == pytest.approx(near_faces(array, spacing, a, b))


@pytest.mark.slow
@given(ARRAYS, SPACINGS, st.permutations(range(3)), st.tuples(*[st.booleans()] * 3))
def test_orientation_changes_no_shape(
    array: Array, spacing: tuple[float, float, float], axes: list[int], flips: tuple[bool, bool, bool]
) -> None:
    facts = measure(array, spacing)
    turned = np.flip(array, [axis for axis in range(3) if flips[axis]]).transpose(axes)
    sizes = (spacing[axes[0]], spacing[axes[1]], spacing[axes[2]])
    again = measure(turned, sizes)
    for name in ("volume_ml", "components", "whole", "contact_mm2", "near_mm2", "between_ml"):
        assert getattr(again, name) == pytest.approx(getattr(facts, name)), name


def test_no_label_at_all() -> None:
    facts = measure(np.zeros((2, 3, 4), np.uint8), (1, 1, 1))
    assert facts.labels == ()
    assert facts.volume_ml.shape == (0,)


@pytest.mark.parametrize("array", [np.zeros((2, 2), np.uint8), np.zeros((2, 2, 2), np.float32)])
def test_what_is_no_label_map_is_not_measured(array: Array) -> None:
    with pytest.raises(ValueError, match="must be a 3-D array of integers"):
        measure(array, (1, 1, 1))


@pytest.mark.parametrize("spacing", [(1, 1, 0), (1, -1, 1), (np.nan, 1, 1), (np.inf, 1, 1)])
def test_spacing_is_positive(spacing: Any) -> None:
    with pytest.raises(ValueError, match="three positive numbers"):
        measure(np.ones((1, 1, 1), np.uint8), spacing)


# ------------------------------------------------------------------------------------- the report on an image


def by_value(report: LabelReport) -> dict[int, LabelStatus]:
    values = [label.value for label in report.labels]
    assert values == sorted(values)
    return dict(zip(values, report.labels, strict=True))


def in_rows() -> LabelVolume:
    """Along x, two rows deep in y: 1 1 1 4 4 0 99 0 1; voxels of 2 x 3 x 5 mm (x, y, z)."""
    row = [1, 1, 1, 4, 4, 0, 99, 0, 1]
    return LabelVolume(np.array([[row, row]], np.uint16), (5.0, 3.0, 2.0))


def test_a_label_by_hand() -> None:
    diagnostic = LabelDiagnostic(names={"LV_BP_label": 1, "LA_BP_label": 4, "RV_BP_label": 3})
    found = by_value(diagnostic.compare(in_rows()))
    # Two faces of 3 x 5 mm between 1 and 4; eight voxels of 30 mm3.
    assert found[1] == LabelStatus(
        value=1,
        name="LV_BP_label",
        state="present",
        voxels=8,
        ml=pytest.approx(0.24),
        components=2,
        whole=0.75,
        box=((0, 8), (0, 1), (0, 0)),
        touches=(Contact(value=4, name="LA_BP_label", mm2=pytest.approx(30.0)),),
    )
    assert found[3] == LabelStatus(value=3, name="RV_BP_label", state="missing")
    assert (found[99].name, found[99].state, found[99].voxels, found[99].touches) == ("", "unexpected", 2, ())


@pytest.mark.parametrize(
    ("spacing", "mm2"),
    [((2.0, 3.0, 5.0), 6.0), ((5.0, 3.0, 2.0), 15.0), ((1.0, 1.5, 9.0), 1.5), ((1.0, 0.9, 9.0), 0.0)],
)
def test_a_contact_has_the_area_of_its_faces(spacing: tuple[float, float, float], mm2: float) -> None:
    """One face across x, so of the voxel's size in z and y; below one square millimetre it is noise."""
    volume = LabelVolume(np.array([[[1, 2]]], np.uint8), spacing)
    found = by_value(LabelDiagnostic(names={"A": 1, "B": 2}).compare(volume))
    assert [contact.mm2 for contact in found[1].touches] == ([pytest.approx(mm2)] if mm2 else [])


def test_neighbours_are_in_the_order_of_their_area() -> None:
    array = np.array([[[2, 1, 3], [0, 1, 3], [0, 1, 3]]], np.uint8)
    found = by_value(LabelDiagnostic(names={}).compare(LabelVolume(array, (2.0, 2.0, 2.0))))
    assert [(contact.value, contact.mm2) for contact in found[1].touches] == [(3, 12.0), (2, 4.0)]


def test_what_to_look_at() -> None:
    report = LabelDiagnostic(names={"LV_BP_label": 1, "LA_BP_label": 4}).compare(in_rows())
    assert report.problems == ()
    components, nameless = report.notes
    assert components.startswith("LV_BP_label has 2 components, the largest has all but 2 of its 8 voxels")
    assert nameless == "99 has no name here: 2 voxels, 0.06 mL"


def test_of_a_scheme_no_label_must_be_there() -> None:
    report = LabelDiagnostic.for_scheme("acdc", catalogue()).compare(in_rows())
    assert report.problems == ()
    assert {label.name: label.state for label in report.labels} == {
        "RV_BP_label": "present",
        "LV_myo_label": "missing",
        "LV_BP_label": "missing",
        "": "unexpected",
    }


def test_of_a_recipe_every_input_must_be_there() -> None:
    report = LabelDiagnostic.for_recipe("left_atrium_with_veins", catalogue()).compare(in_rows())
    assert report.problems == tuple(
        f"{vein}_label ({value}) is not in the image; needed by {vein.lower()}_ring"
        for vein, value in (("LPV1", 8), ("LPV2", 9), ("RPV1", 10), ("RPV2", 11), ("LAA", 12))
    )
    found = by_value(report)
    assert [value for value, label in found.items() if label.state == "missing"] == [8, 9, 10, 11, 12]
    # What the recipe does not need has its name all the same.
    assert (found[1].name, found[1].state) == ("LV_BP_label", "present")


def test_what_a_recipe_makes_it_does_not_need() -> None:
    """The left atrium's wall is an input of the rings alone, but the recipe has made it by then."""
    alone = LabelDiagnostic.for_schematic("laa_ring", catalogue())
    assert alone.needed == {"LAA_label": ("laa_ring",), "LA_myo_label": ("laa_ring",)}
    assert "LA_myo_label" not in LabelDiagnostic.for_recipe("left_atrium_with_veins", catalogue()).needed


def test_who_needs_a_label_is_said_in_the_order_of_the_steps() -> None:
    needed = LabelDiagnostic.for_recipe("biventricular_basic", catalogue()).needed
    assert needed["LV_BP_label"] == ("lv_outflow", "mitral_valve", "aortic_valve")
    assert set(needed) == {"LV_BP_label", "RV_BP_label", "LA_BP_label", "RA_BP_label", "Ao_BP_label", "PArt_BP_label"}


def test_integers_of_one_s_own() -> None:
    settings = Settings(labels={"LA_BP_label": 99, "RA_BP_label": 4})
    report = LabelDiagnostic.for_schematic("la_myocardium", catalogue(), settings).compare(in_rows())
    assert report.problems == ()
    assert by_value(report)[99].name == "LA_BP_label"


def test_what_is_unknown_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'acdc'"):
        LabelDiagnostic.for_scheme("adcd", catalogue())
    with pytest.raises(PlanError, match="atria_ful"):
        LabelDiagnostic.for_recipe("atria_ful", catalogue())
    with pytest.raises(PlanError, match="svc_rin"):
        LabelDiagnostic.for_schematic("svc_rin", catalogue())


def test_two_names_for_one_integer_are_refused() -> None:
    with pytest.raises(PlanError, match=r"'LA_BP_label' has no integer: 4 is its default in .*, but 'RA_BP_label' in"):
        LabelDiagnostic.for_recipe("biventricular_basic", catalogue(), Settings(labels={"RA_BP_label": 4}))
