"""Metrics of the overlap of a prediction and its reference.

If both structures are absent, there is nothing to compare: ratios are NaN, differences 0. If one is absent, ratios
are 0, the worst value, so that a missed or invented structure always counts in a mean.

References
----------
Taha, Hanbury: Metrics for evaluating 3D medical image segmentation. BMC Medical Imaging 15:29, 2015.
"""

from __future__ import annotations

import math

import numpy as np

from pycemrg_core.api import Comparison


def dice(comparison: Comparison) -> float:
    """2 |P and R| / (|P| + |R|). NaN when both are absent, 0 when one is."""
    common, predicted, true = comparison.once(_counts)
    return 2 * common / (predicted + true) if predicted + true else math.nan


def jaccard(comparison: Comparison) -> float:
    """|P and R| / |P or R|. NaN when both are absent, 0 when one is."""
    common, predicted, true = comparison.once(_counts)
    return common / (predicted + true - common) if predicted + true else math.nan


def precision(comparison: Comparison) -> float:
    """|P and R| / |P|. NaN when both are absent, 0 when one is."""
    return _share(comparison, of=1)


def recall(comparison: Comparison) -> float:
    """|P and R| / |R|. NaN when both are absent, 0 when one is."""
    return _share(comparison, of=2)


def volume_difference(comparison: Comparison) -> float:
    """|P| - |R| in mL; positive when the prediction is larger. An absent structure has volume 0."""
    _, predicted, true = comparison.once(_counts)
    return (predicted - true) * comparison.reference.volume.voxel_mm3 / 1000.0


def relative_volume_difference(comparison: Comparison) -> float:
    """(|P| - |R|) / |R|. NaN when both are absent, infinite when only the reference is."""
    _, predicted, true = comparison.once(_counts)
    if not true:
        return math.inf if predicted else math.nan
    return (predicted - true) / true


def _share(comparison: Comparison, of: int) -> float:
    counts = comparison.once(_counts)
    if not counts[1] and not counts[2]:
        return math.nan
    return counts[0] / counts[of] if counts[of] else 0.0


def _counts(comparison: Comparison) -> tuple[int, int, int]:
    """Voxels in both, in the prediction, in the reference."""
    prediction, reference = comparison.masks
    return (
        int(np.count_nonzero(prediction & reference)),
        int(np.count_nonzero(prediction)),
        int(np.count_nonzero(reference)),
    )
