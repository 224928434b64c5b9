"""Checks of an output: a pure function of a finished run that returns the bytes of a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from attrs import frozen

from pycemrg_core.api.contracts import Label, reads, writes
from pycemrg_core.api.records import Output, Recipe, Schematic, Step
from pycemrg_core.api.refs import Ref
from pycemrg_core.cli.faults import record_faults
from pycemrg_core.errors import PycemrgError
from pycemrg_core.images.edits import Edit
from pycemrg_core.images.label_volume import LabelVolume
from pycemrg_core.plugins.catalogue import Catalogue, Contribution
from pycemrg_core.plugins.loading import GROUP, Found
from pycemrg_core.recipes.planner import plan
from pycemrg_core.recipes.preparation import prepare
from pycemrg_core.recipes.runner import RunResult, run_plan
from pycemrg_core.recipes.settings import Settings
from pycemrg_core.runs.finished import FinishedRun
from pycemrg_core.runs.outputs import Made, choose_outputs, make_outputs
from pycemrg_core.runs.run_folder import Source
from pycemrg_core.testing import volumes
from pycemrg_core.testing.base import Conformance, fail, require, who

_LUMEN, _WALL, _OTHER = 1, 2, 3


@frozen(kw_only=True)
class _Contract:
    lumen: Label = reads("LUMEN")
    wall: Label = writes("WALL")


def _grow(volume: LabelVolume, contract: _Contract) -> Iterator[Edit]:
    around = volume.shell(contract.lumen.value, 3.0)
    yield Edit(around.region, around.mask, contract.wall.value)


_KIT = Found("kit", "kit", "-", GROUP, __name__)
_RECIPE = Recipe(name="kit_heart", steps=("kit_wall",))
_RECORDS = (
    Step(name="kit_grow", summary="a wall", run=Ref(f"{__name__}:_grow"), contract=Ref(f"{__name__}:_Contract")),
    Schematic(
        name="kit_wall",
        step="kit_grow",
        labels={"lumen_1": _LUMEN, "wall_2": _WALL, "lumen_3": _OTHER},
        semantic_map={"LUMEN": "lumen_1", "WALL": "wall_2"},
    ),
    _RECIPE,
)


def example_run(catalogue: Catalogue) -> FinishedRun:
    """A run that is over: a wall 2 has grown round the lumen 1 of a small label map with the labels 1 and 3.

    ``catalogue`` is the one that outputs are given. The file that it says it started from does not exist.
    """
    own = tuple(Contribution(record, _KIT) for record in _RECORDS)
    known = attrs.evolve(catalogue, contributions=(*catalogue.contributions, *own))
    volume = volumes.ordinary_volume([_LUMEN, _OTHER])
    prepared = prepare(volume, known, Settings(), recipe=_RECIPE, check=False)
    planned = plan(_RECIPE, known, prepared.facts, Settings())
    *_, result = run_plan(planned, prepared)
    assert isinstance(result, RunResult)
    source = Source(Path("kit_heart.nrrd"), "0" * 64)
    return FinishedRun(result=result, prepared=prepared, plan=planned, source=source, catalogue=known)


class OutputConformance(Conformance):
    """The outputs of a plugin, made from a small finished run, with the outputs that they need.

    Override the fixture ``run`` with a run of your own, a :class:`~pycemrg_core.runs.finished.FinishedRun`.
    """

    kind = Output

    @pytest.fixture
    def run(self, catalogue: Catalogue) -> FinishedRun:
        """The finished run that outputs are made from."""
        return example_run(catalogue)

    def test_its_function_fits(self, record: Output, catalogue: Catalogue) -> None:
        """The function takes a run and what was made before; every output that it needs is there."""
        faults = list(record_faults(record, catalogue))
        require(not faults, f"{who(record)}: {'; '.join(faults)}")

    def test_it_runs(self, record: Output, catalogue: Catalogue, run: FinishedRun) -> None:
        """It returns ``Made`` with bytes."""
        if any(list(record_faults(one, catalogue)) for one in (record, *_needed(record, catalogue))):
            pytest.skip("it, or an output that it needs, cannot be called")
        try:
            _make(record, run)
        except PycemrgError as error:
            fail(f"{who(record)} cannot be made from a small run: {error}")

    def test_it_repeats_itself(self, record: Output, run: FinishedRun) -> None:
        """The same run gives the same bytes, verdict and summary."""
        require(
            _made(record, run) == _made(record, run),
            f"{who(record)} makes something else from the same run; it must depend on nothing but its arguments",
        )

    def test_it_leaves_the_run_alone(self, record: Output, run: FinishedRun) -> None:
        """Voxels, bounding boxes and record are the same afterwards."""
        before = _state(run)
        _made(record, run)
        require(_state(run) == before, f"{who(record)} changes the run it is given; only look at it")


def _needed(record: Output, catalogue: Catalogue) -> Iterator[Output]:
    """The outputs that it needs or uses, and those that they do; none when they cannot be found."""
    try:
        names = [one.qualified_name for one in catalogue.all(Output) if one.record is record]
        yield from (one.record for one in choose_outputs(catalogue, names))
    except PycemrgError:
        return


def _make(record: Output, run: FinishedRun) -> Made:
    """What the output makes. Raises :class:`PycemrgError` when it, or one that it needs, cannot be made."""
    (mine,) = (one for one in run.catalogue.all(Output) if one.record is record)
    outputs = make_outputs(run, choose_outputs(run.catalogue, [mine.qualified_name]))
    for one, made in outputs.made:
        if one is mine:
            return made
    raise outputs.failures[0]


def _made(record: Output, run: FinishedRun) -> Made:
    """What the output makes; one that cannot be made is the matter of another test."""
    try:
        return _make(record, run)
    except PycemrgError as error:
        pytest.skip(f"it is not made: {error}")


def _state(run: FinishedRun) -> tuple[object, ...]:
    found = [(one.array.tobytes(), dict(one.boxes)) for one in (run.volume, run.before) if one is not None]
    return (*found, repr(run.record))
