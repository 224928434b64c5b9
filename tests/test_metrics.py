"""What metrics are given: boxes, masks, what is shared, and errors that name the metric."""

from __future__ import annotations

import re

import numpy as np
import pytest
from numpy.typing import NDArray

from pycemrg_core.api.records import Measures, Metric
from pycemrg_core.api.refs import Ref
from pycemrg_core.errors import MetricError
from pycemrg_core.images.label_volume import LabelVolume
from pycemrg_core.images.metric_subjects import Comparison, ImagePair, StructureMask, evaluate
from pycemrg_core.plugins.catalogue import Contribution
from pycemrg_core.plugins.loading import Found

SPACING = (2.0, 1.0, 0.5)


def volume(**boxes: tuple[slice, slice, slice]) -> LabelVolume:
    array = np.zeros((8, 9, 10), np.uint8)
    for label, box in boxes.items():
        array[box] = int(label[1:])
    return LabelVolume(array, SPACING)


TWO = volume(L1=(slice(1, 3), slice(1, 3), slice(1, 3)), L7=(slice(5, 8), slice(2, 4), slice(0, 2)))


def voxels(structure: StructureMask) -> float:
    return structure.voxels


def common(comparison: Comparison) -> float:
    prediction, reference = comparison.masks
    return float((prediction & reference).sum())


def words(structure: StructureMask) -> str:
    return "many"


def scaled(structure: StructureMask, factor: float) -> float:
    return structure.voxels * factor


def broken(structure: StructureMask) -> float:
    raise ZeroDivisionError("division by zero")


def metric(function: str, **more: object) -> Metric:
    record: dict[str, object] = {"name": "m", "summary": "", "measures": Measures.STRUCTURE, **more}
    return Metric(function=Ref(f"{__name__}:{function}"), **record)  # type: ignore[arg-type]


@pytest.mark.parametrize("labels", [(1,), (7,), (1, 7), (7, 99), (99,), (99, 1)])
def test_a_structure_is_the_voxels_of_its_labels(labels: tuple[int, ...]) -> None:
    structure = StructureMask(TWO, labels)
    whole = np.isin(TWO.array, labels)
    rebuilt = np.zeros_like(whole)
    rebuilt[structure.region] = structure.mask
    assert (rebuilt == whole).all()
    assert structure.voxels == whole.sum()
    if whole.any():
        # The box is tight: every face of it holds a voxel.
        for axis in range(3):
            planes = structure.mask.any(axis=tuple({0, 1, 2} - {axis}))
            assert planes[0]
            assert planes[-1]


def test_a_comparison_holds_both_in_one_box() -> None:
    other = volume(L1=(slice(2, 5), slice(0, 2), slice(2, 6)))
    comparison = Comparison(StructureMask(TWO, (1,)), StructureMask(other, (1,)))
    assert comparison.region == (slice(1, 5), slice(0, 3), slice(1, 6))
    assert evaluate(metric("common"), comparison) == ((TWO.array == 1) & (other.array == 1)).sum()
    empty = Comparison(StructureMask(TWO, (9,)), StructureMask(other, (9,)))
    assert empty.masks[0].size == 0
    # Absent on one side: the box is the other's.
    assert Comparison(StructureMask(TWO, (7,)), StructureMask(other, (7,))).masks[0].all()
    assert not Comparison(StructureMask(TWO, (7,)), StructureMask(other, (7,))).masks[1].any()


def test_what_metrics_share_is_worked_out_once() -> None:
    calls = []

    def costly(structure: StructureMask) -> NDArray[np.float64]:
        calls.append(structure)
        return np.ones(3)

    structure = StructureMask(TWO, (1,))
    assert structure.once(costly) is structure.once(costly)
    assert calls == [structure]
    StructureMask(TWO, (1,)).once(costly)
    assert len(calls) == 2


def test_parameters_of_a_metric() -> None:
    record = metric("scaled", parameters={"factor": 2.0})
    structure = StructureMask(TWO, (1,))
    assert evaluate(record, structure) == 16
    assert evaluate(record, structure, parameters={"factor": 0.5}) == 4
    with pytest.raises(MetricError) as caught:
        evaluate(record, structure, parameters={"factr": 1.0})
    assert str(caught.value) == "metric 'm' has no parameter 'factr'; did you mean 'factor'?"
    with pytest.raises(MetricError) as caught:
        evaluate(metric("voxels"), structure, parameters={"factor": 1.0})
    assert str(caught.value) == "metric 'm' has no parameter 'factor'; it has none"


@pytest.mark.parametrize(
    ("function", "text"),
    [
        ("words", "metric 'm': it returned 'many', not a number"),
        ("broken", "metric 'm' failed: ZeroDivisionError: division by zero"),
    ],
)
def test_a_metric_that_fails_is_named(function: str, text: str) -> None:
    with pytest.raises(MetricError) as caught:
        evaluate(metric(function), StructureMask(TWO, (1,)))
    assert re.fullmatch(re.escape(text) + rf" \(test_metrics\.py:\d+, in {function}\)", str(caught.value))
    # With its plugin, where that is known.
    provider = Found("theirs", "pycemrg-theirs", "1.0", "pycemrg.v1", "nowhere")
    with pytest.raises(MetricError, match=re.escape("metric 'm' of theirs (pycemrg-theirs 1.0)")):
        evaluate(Contribution(metric(function), provider), StructureMask(TWO, (1,)))


def refuses(structure: StructureMask) -> float:
    raise MetricError("it is empty")


def test_a_metric_that_refuses_keeps_its_words() -> None:
    with pytest.raises(MetricError) as caught:
        evaluate(metric("refuses"), StructureMask(TWO, (1,)))
    assert str(caught.value) == "metric 'm': it is empty"


def test_grids_that_differ_are_refused() -> None:
    smaller = LabelVolume(np.zeros((8, 9, 9), np.uint8), SPACING)
    with pytest.raises(MetricError) as caught:
        Comparison(StructureMask(TWO, (1,)), StructureMask(smaller, (1,)))
    assert str(caught.value) == (
        "cannot compare (8, 9, 10) voxels of (2.0, 1.0, 0.5) mm with (8, 9, 9) of (2.0, 1.0, 0.5) mm (z, y, x);"
        " resample one of them first"
    )
    finer = LabelVolume(np.zeros((8, 9, 10), np.uint8), (1.0, 1.0, 0.5))
    with pytest.raises(MetricError, match="resample one of them first"):
        Comparison(StructureMask(TWO, (1,)), StructureMask(finer, (1,)))


IMAGE = np.linspace(0, 1, 60).reshape(3, 4, 5)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"reference": IMAGE[:2]},
            "cannot compare arrays of shapes (2, 4, 5) and (3, 4, 5) (z, y, x); resample one of them first",
        ),
        ({"mask": np.zeros((3, 4, 5), bool)}, "the mask is empty; give one that marks the voxels to measure"),
        (
            {"data_range": 0.0},
            "the data range is 0; give a positive number, or a reference that is not constant",
        ),
        (
            {"data_range": float("nan")},
            "the data range is nan; give a positive number, or a reference that is not constant",
        ),
    ],
)
def test_image_pairs_that_mean_nothing_are_refused(changes: dict[str, object], text: str) -> None:
    given: dict[str, object] = {"prediction": IMAGE, "reference": IMAGE, "spacing": SPACING, "data_range": 1.0}
    with pytest.raises(MetricError) as caught:
        ImagePair(**{**given, **changes})  # type: ignore[arg-type]
    assert str(caught.value) == text
