"""Run a plan on an image. The result is a new image and a record of what ran.

Nothing here writes files; the caller decides what to keep.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from attrs import field, frozen

from pycemrg_core.api import contracts
from pycemrg_core.api.records import Recipe
from pycemrg_core.errors import NOBODYS_FAULT, PlanError, StepError, fault, returned_one
from pycemrg_core.guard import guarded
from pycemrg_core.images import image_files
from pycemrg_core.images.blueprint import Blueprint
from pycemrg_core.images.edits import Change, Doubt, Edit, Note, WorkingVolume
from pycemrg_core.images.given import AnyImage
from pycemrg_core.images.label_volume import LabelVolume
from pycemrg_core.plugins.catalogue import Catalogue
from pycemrg_core.recipes.checking import ACCEPT
from pycemrg_core.recipes.planner import plan
from pycemrg_core.recipes.plans import Plan, PlannedStep
from pycemrg_core.recipes.preparation import Prepared, make_room, prepare_source
from pycemrg_core.recipes.run_record import LedgerEntry, RunRecord, StepRecord
from pycemrg_core.recipes.settings import Settings
from pycemrg_core.shown.objects import ShownResult

if TYPE_CHECKING:
    import SimpleITK as sitk


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class RunResult(ShownResult):
    """The grown label map, of the same geometry as the input with its padding, and the record of the run."""

    volume: LabelVolume
    record: RunRecord

    @cached_property
    def image(self) -> sitk.Image:
        """The label map as a SimpleITK image, made when it is first asked for."""
        return image_files.image_of(self.volume)

    @property
    def blueprint(self) -> Blueprint:
        """What the labels are, and what the recipe had to make."""
        return self.volume.blueprint


@frozen
class StepStarted:
    """A step is about to run; ``number`` counts from 1."""

    number: int
    total: int
    name: str


@frozen(eq=False)
class StepFinished:
    """A step has run. ``volume`` is the current image; a later step will change it."""

    number: int
    total: int
    record: StepRecord
    volume: LabelVolume


@frozen(eq=False)
class Resume:
    """Where to continue an interrupted run: the records of the finished steps and the label map after them.

    ``snapshots`` are the snapshots that these steps kept, by name (see :func:`kept_before`).
    """

    records: tuple[StepRecord, ...]
    volume: LabelVolume
    snapshots: Mapping[str, LabelVolume] = field(factory=dict)


_MOST_EDITS = 100_000

Event = StepStarted | StepFinished | RunResult


def run_recipe(
    recipe: str | Recipe,
    image: AnyImage,
    catalogue: Catalogue,
    *,
    parameters: Mapping[str, float] | None = None,
    labels: Mapping[str, int] | None = None,
    scheme: str | None = None,
    then: tuple[str, ...] = (),
    check: bool = True,
    pad: bool = True,
    accept: tuple[str, ...] = (),
) -> RunResult:
    """Run a recipe on a label map.

    ``recipe`` is a name in the catalogue or a record. ``image`` is a 3-D label map or its path, or the
    path of what a reader of the catalogue reads as one label map; it is not changed.
    ``parameters`` override thicknesses and the like (mm), ``labels`` the integers of label names. ``scheme``
    names the label scheme of the image when its integers are not the recipe's. ``then`` are schematics to run after
    the recipe. ``check``: run the input checks first, such as whether the anatomy fits the labels. ``accept`` are
    doubts of these checks that are no errors in this image.
    ``pad``: add background to the image where a wall would meet its border; the result is then larger than ``image``.

    Raises :class:`ImageError` when the image is not a label map, :class:`PlanError` with every reason why the
    recipe cannot run or with the errors that a check found, and :class:`StepError` when a step fails.
    """
    # A text is iterable too, letter by letter.
    then, accept = ((one,) if isinstance(one, str) else one for one in (then, accept))
    settings = Settings(parameters=parameters or {}, labels=labels or {}, then=then, pad=pad, accept=accept)
    prepared, settings, _ = prepare_source(image, catalogue, settings, recipe=recipe, scheme=scheme, check=check)
    planned = plan(recipe, catalogue, prepared.facts, settings)
    *_, result = run_plan(planned, make_room(prepared, planned, settings))
    assert isinstance(result, RunResult)
    return result


def kept_before(steps: Iterable[PlannedStep]) -> tuple[tuple[str, ...], ...]:
    """The names under which the image before each step is kept.

    The reference of a step kind is a snapshot too: the image before its first step, named ``provider:name``.
    """
    kinds: set[str] = set()
    kept = []
    for step in steps:
        first = step.step.frozen_reference and step.kind not in kinds
        kept.append((*step.snapshots, *([step.kind] if first else [])))
        kinds.add(step.kind)
    return tuple(kept)


def _measures_on(step: PlannedStep) -> set[str]:
    return {*contracts.snapshot_names(step.contract), *([step.kind] if step.step.frozen_reference else [])}


def run_plan(planned: Plan, prepared: Prepared, *, resume: Resume | None = None) -> Iterator[Event]:
    """Run a plan. Yields an event before and after each step, and the :class:`RunResult` last."""
    done = list(resume.records) if resume else []
    start = resume.volume if resume else prepared.volume
    work = WorkingVolume(start, np.dtype(planned.dtype), planned.blueprint)
    work.snapshots.update(resume.snapshots if resume else {})
    kept, total = kept_before(planned.steps), len(planned.steps)
    for number, step in enumerate(planned.steps[len(done) :], len(done) + 1):
        yield StepStarted(number, total, step.name)
        later = set().union(*map(_measures_on, planned.steps[number - 1 :]))
        if names := later.intersection(kept[number - 1]):
            work.snapshots.update(dict.fromkeys(names, work.copy()))
        for name in work.snapshots.keys() - later:
            del work.snapshots[name]
        work.reference = work.snapshots.get(step.kind) if step.step.frozen_reference else None
        record = _run_step(step, work, planned.names)
        done.append(record)
        yield StepFinished(number, total, record, work)
    idle = [
        record.name
        for record, step in zip(done, planned.steps, strict=True)
        if not record.ledger and not step.step.may_change_nothing
    ]
    they = "it" if len(idle) == 1 else "they"
    unchanged = [f"{', '.join(idle)} changed nothing: no voxel is where {they} would write"] if idle else []
    said = tuple(f"{record.name}: {text}" for record in done for text in record.notes)
    yield RunResult(
        volume=work.frozen(),
        record=RunRecord(
            recipe=planned.recipe,
            image=prepared.geometry(),
            dtype=planned.dtype,
            labels=planned.labels,
            parameters=planned.parameters,
            providers=planned.providers,
            steps=tuple(done),
            conversion=prepared.conversion,
            padding=prepared.padding,
            warnings=(*prepared.notes, *planned.warnings, *unchanged, *said),
            left_out=planned.left_out,
            then=planned.then,
        ),
    )


def _run_step(step: PlannedStep, work: WorkingVolume, names: Mapping[int, str]) -> StepRecord:
    begin = time.perf_counter()
    run = step.step.run.load()
    try:
        with guarded():
            edits, notes, doubts = _returned(run, step, work)
        changes = work.apply(edits) if not doubts else ()
    except NOBODYS_FAULT:
        raise
    except BaseException as error:  # a plugin may also raise SystemExit, or a class of its own
        failed = StepError(
            f"step {step.step.name!r} of {step.step_provider} failed in {step.name}: {fault(error, run)}"
        )
        failed.blamed = True
        raise failed from error
    if doubts:
        raise PlanError(
            f"step {step.step.name!r} of {step.step_provider} refuses in {step.name}:",
            [f"{one.text}{ACCEPT.format(one.name)}" for one in doubts],
        )
    return StepRecord(
        name=step.name,
        step=step.step.name,
        provider=step.step_provider.name,
        contract=step.contract,
        snapshots=step.snapshots,
        notes=notes,
        seconds=time.perf_counter() - begin,
        ledger=tuple(_entry(change, work.voxel_mm3, names) for change in changes),
    )


def _returned(
    run: Callable[..., Iterable[Edit | Note | Doubt]], step: PlannedStep, volume: LabelVolume
) -> tuple[list[Edit], tuple[str, ...], list[Doubt]]:
    """All edits of a step, its notes, and the doubts that the user does not accept.

    They are collected before anything is written: every edit sees the same input.
    """
    edits: list[Edit] = []
    notes: list[str] = []
    doubts: list[Doubt] = []
    declared = contracts.writable_values(step.contract)
    returned = run(volume, step.contract)
    if not isinstance(returned, Iterable):
        raise StepError(f"it {returned_one(returned, 'Edits')}")
    for one in returned:
        if len(edits) + len(notes) == _MOST_EDITS:
            raise StepError(f"it returns more than {_MOST_EDITS:,} edits; does it end?")
        if isinstance(one, Doubt):
            if one.name not in step.step.doubts:
                raise StepError(f"the doubt {one.name!r} is none of the doubts of its record")
            if one.name in volume.blueprint.accepted:
                notes.append(f"{one.text} (accepted)")
            else:
                doubts.append(one)
        elif isinstance(one, Note):
            if not isinstance(one.text, str):
                raise StepError(f"the text of a note is {one.text!r:.80}; give text")
            notes.append(one.text)
        elif not isinstance(one, Edit):
            raise StepError(f"it returned {one!r:.80}, not an Edit")
        elif not isinstance(one.label, (int, np.integer)):
            raise StepError(f"an edit's label is an integer: {_instead(one.label, step.contract)}")
        elif one.label not in declared:
            raise StepError(f"it writes the label {one.label}, which its contract does not declare as written")
        else:
            edits.append(one)
    return edits, tuple(notes), doubts


def _instead(label: object, contract: Any) -> str:
    """What to give in the place of an edit's label that is no integer."""
    fields = [field.name for field in attrs.fields(type(contract)) if getattr(contract, field.name) == label]
    if isinstance(label, contracts.Label):
        return f"give contract.{fields[0]}.value" if fields else "give the value of the Label"
    return f"it is {label!r:.80}"


def _entry(change: Change, voxel_mm3: float, names: Mapping[int, str]) -> LedgerEntry:
    def name(label: int) -> str:
        return names.get(label, str(label)) if label else "background"

    return LedgerEntry(
        old=change.old,
        old_name=name(change.old),
        new=change.new,
        new_name=name(change.new),
        voxels=change.voxels,
        mm3=round(change.voxels * voxel_mm3, 6),
        part=change.part,
    )
