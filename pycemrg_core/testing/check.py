"""Tests of a check: a pure function of a heart that yields findings, each with its place."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection
from typing import Any

import pytest

from pycemrg_core.api.contracts import LabelType
from pycemrg_core.api.documents import to_data
from pycemrg_core.api.records import Check, CheckOn
from pycemrg_core.cli.faults import record_faults
from pycemrg_core.images.blueprint import Blueprint, Ring, Valve, Wall
from pycemrg_core.images.heart import Finding, Heart, Severity
from pycemrg_core.images.label_volume import LabelVolume
from pycemrg_core.plugins.catalogue import Catalogue
from pycemrg_core.testing import volumes
from pycemrg_core.testing.base import Conformance, describe, fail, require, who
from pycemrg_core.testing.volumes import CASES, ROTATIONS

_LABELS = (1, 2, 3, 4, 5)
_TYPES = {1: LabelType.LUMEN, 2: LabelType.WALL, 3: LabelType.LUMEN, 4: LabelType.VALVE, 5: LabelType.RING}

each_case = pytest.mark.parametrize("case", CASES)


def example_heart(volume: LabelVolume, on: CheckOn = CheckOn.RESULT) -> Heart:
    """A heart of two lumens, 1 and 3: a wall 2 round one, a valve 4 between them, a ring 5 round the other.

    ``on``: for a check of the input, the heart has only the names of the labels.
    """
    names = {value: f"{kind.value}_{value}" for value, kind in _TYPES.items()}
    if on is CheckOn.INPUT:
        schemes = {"kit": {name: value for value, name in names.items()}}
        return Heart(volume=volume.with_blueprint(Blueprint(names=names)), schemes=schemes)
    blueprint = Blueprint(
        names=names,
        types=_TYPES,
        walls=(Wall(1, 2, 2.6),),
        valves=(Valve(4, 1, 3),),
        rings=(Ring(5, 3, 2),),
        made=(2, 4, 5),
    )
    return Heart(volume=volume.with_blueprint(blueprint))


class CheckConformance(Conformance):
    """The checks of a plugin, on hearts made of small label maps.

    Override the fixture ``volume`` with a label map in which your check finds something: labels 1 and 3 are lumens,
    2 the wall of 1, 4 the valve between 1 and 3, 5 the ring of 3. ``depends_on_axes`` names the checks that may treat
    the axes differently.
    """

    kind = Check
    depends_on_axes: Collection[str] = ()

    @pytest.fixture
    def volume(self) -> LabelVolume:
        """The label map for which findings are compared."""
        return volumes.ordinary_volume(_LABELS)

    def test_its_function_fits(self, record: Check, catalogue: Catalogue) -> None:
        """The function takes a heart, and nothing else."""
        faults = list(record_faults(record, catalogue))
        require(not faults, f"{who(record)}: {'; '.join(faults)}")

    @each_case
    def test_it_runs(self, record: Check, catalogue: Catalogue, case: str) -> None:
        """It works on every heart. Where there is nothing to find, it yields nothing."""
        if list(record_faults(record, catalogue)):
            pytest.skip("it cannot be called")
        try:
            list(record.function.load()(example_heart(CASES[case](_LABELS), record.on)))
        except (Exception, SystemExit) as error:
            fail(
                f"{who(record)} raised {describe(error)} on the label map {case!r}; a label of the recipe may be"
                " absent, and where there is nothing to find a check yields nothing"
            )

    @each_case
    def test_its_findings_say_where(self, record: Check, case: str) -> None:
        """It yields findings in words, with labels of the heart and a place inside the image."""
        heart = example_heart(CASES[case](_LABELS), record.on)
        for finding in _findings(record, heart):
            if wrong := _wrong(finding, heart):
                fail(f"{who(record)} yields {wrong} on the label map {case!r}; make findings with heart.finding()")

    @each_case
    def test_it_leaves_its_input_alone(self, record: Check, case: str) -> None:
        """The voxels and the boxes do not change."""
        heart = example_heart(CASES[case](_LABELS), record.on)
        voxels, boxes = heart.volume.array.tobytes(), heart.volume.boxes
        _findings(record, heart)
        same = heart.volume.array.tobytes() == voxels and heart.volume.boxes == boxes
        require(same, f"{who(record)} changes the heart it is given ({case!r}); only look at it")

    def test_it_repeats_itself(self, record: Check, volume: LabelVolume) -> None:
        """The same heart gives the same findings."""
        first, again = (_findings(record, example_heart(volume, record.on)) for _ in range(2))
        require(
            first == again,
            f"{who(record)} gives other findings for the same heart; it must depend only on its argument",
        )

    @pytest.mark.parametrize("rotation", ROTATIONS)
    def test_it_is_the_same_along_every_axis(self, record: Check, volume: LabelVolume, rotation: str) -> None:
        """A heart stored with its axes in another order or direction has the same faults, of the same size."""
        if record.name in self.depends_on_axes:
            pytest.skip("it depends on the axes")
        first, again = (_findings(record, example_heart(volume, record.on)) for _ in range(2))
        if first != again:
            pytest.skip("it does not repeat itself")
        found = _findings(record, example_heart(volumes.rotated(rotation, volume), record.on))
        expected, counted = Counter(map(_amount, first)), Counter(map(_amount, found))
        require(
            expected == counted,
            f"{who(record)} finds something else when the image is stored with {rotation}: {_shown(expected - counted)}"
            f" became {_shown(counted - expected)}; measure in mm with heart.volume.spacing, in (z, y, x) order, or"
            " name it in depends_on_axes",
        )


def _findings(record: Check, heart: Heart) -> list[Any]:
    """What the check yields. If it cannot run, another test reports it."""
    try:
        return list(record.function.load()(heart))
    except (Exception, SystemExit) as error:
        pytest.skip(f"it does not run: {describe(error)}")


def _wrong(finding: Any, heart: Heart) -> str:
    """What is wrong with a finding, in words; empty if nothing is wrong."""
    if not isinstance(finding, Finding):
        return f"{finding!r:.80}, not a Finding"
    if not isinstance(finding.severity, Severity) or not isinstance(finding.what, str) or not finding.what:
        return f"a finding without a severity or words: {finding!r:.120}"
    if unknown := [
        value for value in finding.values if value and value not in _TYPES and value not in heart.volume.boxes
    ]:
        return f"a finding about the label {unknown[0]}, which the heart does not have"
    if finding.voxel is None:
        return ""
    low, high = finding.box or (finding.voxel, finding.voxel)
    size = heart.volume.array.shape[::-1]
    inside = all(0 <= a <= at <= b < n for a, at, b, n in zip(low, finding.voxel, high, size, strict=True))
    if not inside:
        return f"a finding at voxel {finding.voxel} in the box {low} to {high} (x, y, z) of an image of {size}"
    try:
        json.dumps(to_data(finding))
    except (TypeError, ValueError) as error:
        return f"a finding that JSON cannot hold ({error})"
    return ""


def _amount(finding: Any) -> tuple[Any, ...]:
    if not isinstance(finding, Finding):
        pytest.skip("it yields something else than findings")
    mm = None if finding.mm is None else round(finding.mm, 6)
    return (finding.severity.value, finding.values, finding.faces, round(finding.mm2, 6), finding.voxels, mm)


def _shown(amounts: Counter[tuple[Any, ...]]) -> str:
    return ", ".join(f"{severity} of {values}" for severity, values, *_ in sorted(amounts, key=repr)) or "nothing"
