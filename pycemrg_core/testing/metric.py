"""Checks of a metric: a pure function that returns one number."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
import pytest

from pycemrg_core.api.records import Measures, Metric
from pycemrg_core.cli.faults import record_faults
from pycemrg_core.errors import PycemrgError
from pycemrg_core.images.label_volume import LabelVolume
from pycemrg_core.images.metric_subjects import Comparison, ImagePair, StructureMask, evaluate
from pycemrg_core.plugins.catalogue import Catalogue
from pycemrg_core.testing import volumes
from pycemrg_core.testing.base import Conformance, describe, fail, require, who
from pycemrg_core.testing.volumes import CASES, ROTATIONS

_LABELS = (1, 2)
Pair = tuple[LabelVolume, LabelVolume]


def _pair(case: str) -> Pair:
    """A label map, and the same moved by a voxel along x: a prediction and its reference."""
    volume = CASES[case](_LABELS)
    return LabelVolume(np.roll(volume.array, 1, axis=2), volume.spacing), volume


def _one_sided(absent: int) -> Pair:
    found, nothing = volumes.ordinary_volume(_LABELS), volumes.ordinary_volume((3,))
    return (nothing, found) if absent == 0 else (found, nothing)


PAIRS: Mapping[str, Callable[[], Pair]] = {
    **{case: lambda case=case: _pair(case) for case in CASES},  # type: ignore[misc]
    "identical": lambda: (volumes.ordinary_volume(_LABELS), volumes.ordinary_volume(_LABELS)),
    "absent in the prediction": lambda: _one_sided(0),
    "absent in the reference": lambda: _one_sided(1),
}


def subjects(measures: Measures, pair: Pair) -> tuple[Any, ...]:
    """The input of a metric of this kind, made from a prediction and a reference."""
    prediction, reference = pair
    match measures:
        case Measures.STRUCTURE:
            return (StructureMask(reference, (1,), "one"),)
        case Measures.STRUCTURES:
            return StructureMask(reference, (1,), "one"), StructureMask(reference, (2,), "two")
        case Measures.SEGMENTATIONS:
            return (Comparison(StructureMask(prediction, (1,), "one"), StructureMask(reference, (1,), "one")),)
        case Measures.IMAGES:
            return (ImagePair(_grey(prediction), _grey(reference), reference.spacing, 4.0),)


def _grey(volume: LabelVolume) -> Any:
    """A grey image: the labels plus a ramp along each axis, so that voxels of one label differ."""
    ramps = np.meshgrid(*(np.linspace(0.0, 0.1, size) for size in volume.array.shape), indexing="ij")
    return volume.array.astype(np.float64) + sum(ramps)


class MetricConformance(Conformance):
    """The metrics of a plugin, on small label maps or grey images made from them.

    Override the fixture ``pair`` with label maps (prediction, reference) that hold what you measure as label 1
    (and 2). ``depends_on_axes`` names the metrics that may treat the axes differently, ``tolerance`` is the share by
    which a value may differ when the axes change.
    """

    kind = Metric
    depends_on_axes: Collection[str] = ()
    tolerance = 1e-6

    @pytest.fixture
    def pair(self) -> Pair:
        """A prediction and its reference for which the metric has a finite value."""
        return _pair("anisotropic")

    def test_it_takes_its_parameters(self, record: Metric, catalogue: Catalogue) -> None:
        """The function takes what it measures, and the record's parameters by name, and nothing else."""
        faults = list(record_faults(record, catalogue))
        require(not faults, f"{who(record)}, Measures.{record.measures.name}: {'; '.join(faults)}")

    def test_it_returns_a_number(self, record: Metric, pair: Pair) -> None:
        """For an ordinary label map it returns a finite number."""
        try:
            value = record.function.load()(*subjects(record.measures, pair), **record.parameters)
        except PycemrgError as error:
            value = error
        except Exception as error:
            pytest.skip(f"it does not run: {describe(error)}")
        if isinstance(value, PycemrgError):
            fail(
                f"{who(record)} raised {describe(value)} for an ordinary label map; return a finite number, or "
                "override the fixture 'pair' with label maps for which it has one",
            )
        number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
        require(number, f"{who(record)} returned {value!r:.80}, not a number; return a float")
        require(
            math.isfinite(value),
            f"{who(record)} returned {value} for an ordinary label map; return a finite number, or override the "
            "fixture 'pair' with label maps for which it has one",
        )

    @pytest.mark.parametrize("case", PAIRS)
    def test_it_gets_along(self, record: Metric, catalogue: Catalogue, case: str) -> None:
        """Where it cannot be computed, it returns NaN or infinity, or raises MetricError and says why."""
        if list(record_faults(record, catalogue)):
            pytest.skip("it cannot be called")
        given = subjects(record.measures, PAIRS[case]())
        try:
            record.function.load()(*given, **record.parameters)
        except PycemrgError:
            return
        except Exception as error:
            fail(
                f"{who(record)} raised {describe(error)} on the label maps {case!r}; where it has no meaning return "
                "NaN, or raise MetricError with a text that says why",
            )

    def test_it_leaves_its_input_alone(self, record: Metric, pair: Pair) -> None:
        """The label maps and the images do not change."""
        given = subjects(record.measures, pair)
        before = _bytes(given)
        _call(record, given)
        require(_bytes(given) == before, f"{who(record)} changes what it is given; work on a copy")

    def test_it_repeats_itself(self, record: Metric, pair: Pair) -> None:
        """The same subject, measured again or made again, gives the same number."""
        given = subjects(record.measures, pair)
        fresh = subjects(record.measures, pair)
        values = [_call(record, one) for one in (given, given, fresh)]
        require(
            len({repr(value) for value in values}) == 1,
            f"{who(record)} gives {', '.join(map(str, values))} for the same input; "
            "it must depend only on its arguments",
        )

    @pytest.mark.parametrize("rotation", ROTATIONS)
    def test_it_is_the_same_along_every_axis(self, record: Metric, pair: Pair, rotation: str) -> None:
        """A heart stored with its axes in another order or direction measures the same."""
        if record.name in self.depends_on_axes:
            pytest.skip("it depends on the axes")
        expected, again = (_call(record, subjects(record.measures, pair)) for _ in range(2))
        if repr(expected) != repr(again):
            pytest.skip("it does not repeat itself")
        turned = _turned(subjects(record.measures, pair), rotation)
        found = _call(record, turned)
        require(
            math.isclose(found, expected, rel_tol=self.tolerance, abs_tol=self.tolerance)
            or not math.isfinite(expected),
            f"{who(record)} is {expected} and, when the image is stored with {rotation}, {found}; measure in mm "
            "with the subject's spacing, in (z, y, x) order, or name it in depends_on_axes",
        )


def _turned(given: tuple[Any, ...], rotation: str) -> tuple[Any, ...]:
    return tuple(_turn(one, rotation) for one in given)


def _turn(one: Any, rotation: str) -> Any:
    if isinstance(one, StructureMask):
        return StructureMask(volumes.rotated(rotation, one.volume), one.labels, one.name)
    if isinstance(one, Comparison):
        return Comparison(_turn(one.prediction, rotation), _turn(one.reference, rotation))
    prediction, reference = (np.ascontiguousarray(ROTATIONS[rotation](one)) for one in (one.prediction, one.reference))
    return ImagePair(prediction, reference, volumes.rotated_spacing(rotation, one.spacing), one.data_range)


def _call(record: Metric, given: tuple[Any, ...]) -> float:
    """The value as the core gets it. If the function fails, another test reports it."""
    try:
        return evaluate(record, *given)
    except PycemrgError as error:
        pytest.skip(str(error))


def _bytes(given: tuple[Any, ...]) -> list[bytes]:
    """The voxels of a metric's input."""
    found: list[bytes] = []
    for one in given:
        if isinstance(one, StructureMask):
            found.append(one.volume.array.tobytes())
        elif isinstance(one, Comparison):
            found += _bytes((one.prediction, one.reference))
        else:
            found += [one.prediction.tobytes(), one.reference.tobytes()]
    return found
