"""Distances: against all pairs of voxels, against SimpleITK, and where a structure is absent."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from metrics_brute import SPACINGS, Array, Spacing, all_distances, comparison, pairs, surface_voxels
from pycemrg_metrics import compare_labels, distances
from scipy import ndimage, spatial
from scipy.spatial import cKDTree

from pycemrg_core import LabelVolume, MetricError, load_catalogue
from pycemrg_core.api import Comparison, StructureMask

HEART = Path(__file__).resolve().parents[3] / "schematics_builtin" / "demo" / "data" / "rodero01_1.0mm.nrrd"
CATALOGUE = load_catalogue()


@pytest.mark.slow
@given(pairs(), SPACINGS, st.sampled_from([0.0, 0.4, 1.0, 2.5]))
def test_as_by_all_pairs(masks: tuple[Array, Array], spacing: Spacing, tolerance: float) -> None:
    prediction, reference = masks
    if not (prediction.any() and reference.any()):
        return
    found = comparison(prediction, reference, spacing)
    a, b = surface_voxels(prediction), surface_voxels(reference)
    there, back = all_distances(a, b, spacing), all_distances(b, a, spacing)
    assert distances.hd95(found) == pytest.approx(max(np.percentile(there, 95), np.percentile(back, 95)))
    assert distances.assd(found) == pytest.approx(np.concatenate([there, back]).mean())
    close = (np.concatenate([there, back]) <= tolerance + 1e-9).mean()
    assert distances.nsd(found, tolerance) == pytest.approx(close)
    # Of all voxels, not only those of the surfaces.
    every, other = np.argwhere(prediction), np.argwhere(reference)
    largest = max(all_distances(every, other, spacing).max(), all_distances(other, every, spacing).max())
    assert distances.hausdorff(found) == pytest.approx(largest)


@pytest.mark.slow
@settings(max_examples=40)
@given(pairs(largest=14), SPACINGS)
def test_hausdorff_as_in_simpleitk(masks: tuple[Array, Array], spacing: Spacing) -> None:
    # Fewer voxels, so that distances become large and most cells are left out.
    prediction, reference = (mask & (np.indices(mask.shape).sum(axis=0) % 5 == 0) for mask in masks)
    if not (prediction.any() and reference.any()):
        return
    assert distances.hausdorff(comparison(prediction, reference, spacing)) == pytest.approx(
        by_simpleitk(prediction, reference, spacing), rel=1e-5
    )


def by_simpleitk(prediction: Array, reference: Array, spacing: Spacing) -> float:
    images = [sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in (prediction, reference)]
    for image in images:
        image.SetSpacing(spacing[::-1])
    found = sitk.HausdorffDistanceImageFilter()
    found.Execute(*images)
    return float(found.GetHausdorffDistance())


def test_two_squares_by_hand() -> None:
    # One voxel thick, so all are surface: x = 0..3 and x = 2..5, spacing 2 mm along x.
    prediction, reference = np.zeros((1, 1, 6), bool), np.zeros((1, 1, 6), bool)
    prediction[..., 0:4], reference[..., 2:6] = True, True
    found = comparison(prediction, reference, (1.0, 1.0, 2.0))
    # Each way the distances are 4, 2, 0, 0 mm.
    assert distances.hausdorff(found) == 4
    assert distances.hd95(found) == pytest.approx(np.percentile([0, 0, 2, 4], 95))
    assert distances.assd(found) == 1.5
    assert distances.nsd(found, 2.0) == 6 / 8
    assert distances.nsd(found, 1.9) == 4 / 8


def test_hausdorff_takes_voxels_and_hd95_surfaces() -> None:
    solid = np.ones((7, 7, 7), bool)
    hollow = solid.copy()
    hollow[2:5, 2:5, 2:5] = False
    found = comparison(solid, hollow)
    assert distances.hausdorff(found) == 2  # from the middle to the wall of the cavity
    # The 54 voxels round the cavity are one voxel from the outer surface of 218.
    there = all_distances(surface_voxels(hollow), surface_voxels(solid), (1, 1, 1))
    assert there.max() == 1
    assert distances.hd95(found) == np.percentile(there, 95) == 1


@pytest.mark.parametrize("metric", ["hausdorff", "hd95", "assd"])
def test_absent_structures(metric: str) -> None:
    some, none = np.ones((2, 2, 2), bool), np.zeros((2, 2, 2), bool)
    measure = getattr(distances, metric)
    assert math.isnan(measure(comparison(none, none)))
    assert measure(comparison(none, some)) == measure(comparison(some, none)) == math.inf
    assert measure(comparison(some, some)) == 0
    assert math.isnan(distances.nsd(comparison(none, none), 1.0))
    assert distances.nsd(comparison(none, some), 1.0) == distances.nsd(comparison(some, none), 1.0) == 0
    assert distances.nsd(comparison(some, some), 0.0) == 1


@pytest.mark.parametrize("tolerance", [-1.0, math.nan])
def test_a_tolerance_below_zero_is_refused(tolerance: float) -> None:
    some = np.ones((2, 2, 2), bool)
    with pytest.raises(MetricError) as caught:
        distances.nsd(comparison(some, some), tolerance)
    assert str(caught.value) == f"tolerance_mm is {tolerance:g}; give 0 or more"


@pytest.mark.slow
@pytest.mark.parametrize("labels", [(1,), (2,), (4,), (12,), (1, 2)])
def test_the_real_heart(labels: tuple[int, ...]) -> None:
    image = sitk.ReadImage(str(HEART))
    heart = sitk.GetArrayFromImage(image)
    spacing = image.GetSpacing()[::-1]
    worse = np.roll(heart, (2, -1, 3), axis=(0, 1, 2))
    worse[3:5, 3:6, 3:5] = labels[0]
    found = Comparison(
        StructureMask(LabelVolume(worse, spacing), labels), StructureMask(LabelVolume(heart, spacing), labels)
    )
    a, b = np.isin(worse, labels), np.isin(heart, labels)
    # Nothing is farther away than the farthest voxel of the two: what is outside of their box has no part.
    (box,) = ndimage.find_objects((a | b).astype(np.uint8))
    a, b = a[box], b[box]
    assert distances.hausdorff(found) == pytest.approx(by_simpleitk(a, b, spacing), rel=1e-5)
    # The same surfaces by erosion, and distances by a transform of the whole image.
    surfaces = [mask & ~ndimage.binary_erosion(mask) for mask in (a, b)]
    there, back = (
        ndimage.distance_transform_edt(~target, spacing)[source] for source, target in (surfaces, reversed(surfaces))
    )
    assert distances.hd95(found) == pytest.approx(max(np.percentile(there, 95), np.percentile(back, 95)))
    assert distances.assd(found) == pytest.approx(np.concatenate([there, back]).mean())


def test_metrics_share_their_distances(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, made = [], []

    class Counting(spatial.cKDTree):  # type: ignore[misc]
        def __init__(self, points: Array, **options: object) -> None:
            made.append(len(points))
            super().__init__(points, **options)

        def query(self, points: Array) -> Array:
            asked.append(len(points))
            return super().query(points)

    monkeypatch.setattr(spatial, "cKDTree", Counting)
    one, other = np.zeros((2, 9, 9, 9), bool)
    one[1:6, 1:6, 1:6] = other[3:8, 2:7, 2:7] = True
    found = comparison(one, other)
    distances.hausdorff(found), distances.hd95(found), distances.assd(found)
    distances.nsd(found, 1.0), distances.nsd(found, 2.0)
    surfaces = [surface_voxels(mask) for mask in (one, other)]
    common = len(set(map(tuple, surfaces[0])) & set(map(tuple, surfaces[1])))
    assert made == [len(each) for each in surfaces]
    assert sum(asked) == sum(made) - 2 * common  # each voxel of a surface once, there or back


@pytest.mark.slow
@settings(max_examples=20)
@given(pairs(largest=10), SPACINGS, st.sampled_from([0, 1, 16]))
def test_hausdorff_with_and_without_a_dilation(masks: tuple[Array, Array], spacing: Spacing, near: int) -> None:
    if not all(mask.any() for mask in masks):
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distances, "_NEAR", near)
        every, other = map(np.argwhere, masks)
        largest = max(all_distances(every, other, spacing).max(), all_distances(other, every, spacing).max())
        assert distances.hausdorff(comparison(*masks, spacing)) == pytest.approx(largest)


@pytest.mark.slow
@given(st.integers(0, 2**32 - 1))
def test_a_slice_has_outlines_and_no_faces_across(seed: int) -> None:
    """By the erosion of 2-D arrays; and of 2-D images."""
    rng = np.random.default_rng(seed)
    ours, theirs = (rng.random((9, 9)) < 0.6 for _ in range(2))
    ours[4, 4] = theirs[4, 4] = True
    outline = distances.surface(ours[None], axes=(1, 2))[0]
    inside = ndimage.binary_erosion(ours, border_value=0)
    np.testing.assert_array_equal(outline, ours & ~inside)
    images = [sitk.GetImageFromArray(each.astype(np.uint8)) for each in (ours, theirs)]
    table = compare_labels(*images, CATALOGUE, metrics=["dice", "hausdorff", "assd"], labels=[1])
    points = [np.argwhere(each & ~ndimage.binary_erosion(each, border_value=0)) for each in (ours, theirs)]
    there, back = (cKDTree(points[1 - i]).query(points[i])[0] for i in range(2))
    values = table.rows[0].values
    assert values["assd"] == pytest.approx(np.concatenate([there, back]).mean())
    assert values["dice"] == pytest.approx(2 * (ours & theirs).sum() / (ours.sum() + theirs.sum()))
