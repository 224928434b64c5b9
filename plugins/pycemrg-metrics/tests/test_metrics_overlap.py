"""Overlap: by hand, against SimpleITK, and where a structure is absent."""

from __future__ import annotations

import math

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from metrics_brute import SPACINGS, Array, Spacing, comparison, pairs
from pycemrg_metrics import overlap


def test_by_hand() -> None:
    prediction, reference = np.zeros((1, 1, 10), bool), np.zeros((1, 1, 10), bool)
    prediction[..., 0:4], reference[..., 2:8] = True, True  # 4 and 6 voxels, 2 in common, 8 in either
    found = comparison(prediction, reference, (5.0, 2.0, 1.0))  # 10 mm3 each
    assert overlap.dice(found) == 2 * 2 / (4 + 6)
    assert overlap.jaccard(found) == 2 / 8
    assert overlap.precision(found) == 2 / 4
    assert overlap.recall(found) == 2 / 6
    assert overlap.volume_difference(found) == pytest.approx(-0.02)  # 2 voxels too few
    assert overlap.relative_volume_difference(found) == pytest.approx(-2 / 6)


@pytest.mark.slow
@given(pairs(), SPACINGS)
def test_as_in_simpleitk(masks: tuple[Array, Array], spacing: Spacing) -> None:
    prediction, reference = masks
    found = comparison(prediction, reference, spacing)
    if not (prediction.any() and reference.any()):
        return
    measures = sitk.LabelOverlapMeasuresImageFilter()
    measures.Execute(*(sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in (reference, prediction)))
    # Of the source, here the reference, the error is the share that the target misses.
    assert overlap.dice(found) == pytest.approx(measures.GetDiceCoefficient(1))
    assert overlap.jaccard(found) == pytest.approx(measures.GetJaccardCoefficient(1))
    voxels = prediction.sum() - reference.sum()
    assert overlap.volume_difference(found) == pytest.approx(voxels * np.prod(spacing) / 1000)
    assert overlap.relative_volume_difference(found) == pytest.approx(voxels / reference.sum())
    common = (prediction & reference).sum()
    assert overlap.precision(found) == common / prediction.sum()
    assert overlap.recall(found) == common / reference.sum()


SOME, NONE = np.ones((2, 2, 2), bool), np.zeros((2, 2, 2), bool)


@pytest.mark.parametrize(
    ("metric", "both", "no_prediction", "no_reference"),
    [
        ("dice", math.nan, 0, 0),
        ("jaccard", math.nan, 0, 0),
        ("precision", math.nan, 0, 0),
        ("recall", math.nan, 0, 0),
        ("volume_difference", 0, -0.008, 0.008),
        ("relative_volume_difference", math.nan, -1, math.inf),
    ],
)
def test_absent_structures(metric: str, both: float, no_prediction: float, no_reference: float) -> None:
    measure = getattr(overlap, metric)
    assert measure(comparison(NONE, NONE)) == pytest.approx(both, nan_ok=True)
    assert measure(comparison(NONE, SOME)) == pytest.approx(no_prediction)
    assert measure(comparison(SOME, NONE)) == pytest.approx(no_reference)
