"""Volume, components, Euler number and contact: against brute force, scipy and scikit-image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from metrics_brute import SPACINGS, Array, Spacing, euler, faces_between, pairs, structure
from pycemrg_metrics import structures
from scipy import ndimage
from skimage import measure as skimage_measure

from pycemrg_core import LabelVolume, MetricError
from pycemrg_core.api import StructureMask
from schematics_builtin.labels import measure

HEART = Path(__file__).resolve().parents[3] / "schematics_builtin" / "demo" / "data" / "rodero01_1.0mm.nrrd"


@pytest.mark.slow
@given(pairs(), SPACINGS)
def test_as_by_brute_force(masks: tuple[Array, Array], spacing: Spacing) -> None:
    mask, other = masks
    found = structure(mask, spacing)
    assert structures.volume(found) == pytest.approx(mask.sum() * np.prod(spacing) / 1000)
    assert structures.components(found) == ndimage.label(mask)[1]
    assert structures.euler_number(found) == euler(mask)
    both = LabelVolume(np.where(mask, 1, other * 2).astype(np.uint8), spacing)
    area = structures.contact_area(StructureMask(both, (1,)), StructureMask(both, (2,)))
    assert area == pytest.approx(faces_between(mask, other & ~mask, spacing))
    assert structures.contact_area(StructureMask(both, (2,)), StructureMask(both, (1,))) == pytest.approx(area)


def test_shapes_whose_euler_number_is_known() -> None:
    ball = np.ones((5, 5, 5), bool)
    ring, hollow, knot = ball.copy(), ball.copy(), np.zeros((2, 2, 2), bool)
    ring[:, 2, 2] = False
    hollow[2, 2, 2] = False
    knot[0, 0, 0] = knot[1, 1, 1] = True  # they touch at a corner only
    assert [structures.euler_number(structure(mask)) for mask in (ball, ring, hollow, knot)] == [1, 0, 2, 2]
    assert [structures.components(structure(mask)) for mask in (ball, ring, hollow, knot)] == [1, 1, 1, 2]


def test_absent_structures() -> None:
    one = np.zeros((3, 3, 3), np.uint8)
    one[1] = 1
    volume = LabelVolume(one, (1.0, 1.0, 1.0))
    there, absent = StructureMask(volume, (1,)), StructureMask(volume, (9,))
    for metric in (structures.volume, structures.components, structures.euler_number):
        assert metric(absent) == 0
    assert structures.contact_area(there, absent) == structures.contact_area(absent, there) == 0


def test_structures_that_share_a_label_are_refused() -> None:
    volume = LabelVolume(np.ones((2, 2, 2), np.uint8), (1.0, 1.0, 1.0))
    with pytest.raises(MetricError) as caught:
        structures.contact_area(StructureMask(volume, (1, 2)), StructureMask(volume, (1,)))
    assert str(caught.value) == "both structures contain label 1; give two that do not overlap"


@pytest.mark.slow
def test_the_real_heart() -> None:
    image = sitk.ReadImage(str(HEART))
    heart = LabelVolume(sitk.GetArrayFromImage(image), image.GetSpacing()[::-1])
    facts = measure(heart.array, heart.spacing)
    for label in facts.labels:
        found, mask = StructureMask(heart, (label,)), heart.array == label
        assert structures.volume(found) == pytest.approx(facts.volume_ml[facts.index(label) - 1])
        assert structures.components(found) == facts.components[facts.index(label) - 1]
        assert structures.euler_number(found) == skimage_measure.euler_number(mask, connectivity=1)
        for other in facts.labels:
            if other != label:
                area = structures.contact_area(found, StructureMask(heart, (other,)))
                assert area == pytest.approx(facts.contact_mm2[facts.index(label), facts.index(other)])
