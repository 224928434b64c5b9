"""A plan and an image to a new image and a record of what ran.

Nothing here reads or writes files; whoever calls it decides what to keep.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import field, frozen

from pycemrg_core.api import contracts
from pycemrg_core.api.records import LabelScheme, Recipe
from pycemrg_core.errors import PycemrgError, StepError
from pycemrg_core.images import image_files
from pycemrg_core.images.blueprint import Blueprint
from pycemrg_core.images.image_files import volume_of
from pycemrg_core.images.label_volume import Change, Edit, LabelVolume, WorkingVolume
from pycemrg_core.plugins.catalogue import Catalogue
from pycemrg_core.plugins.loading import Found
from pycemrg_core.recipes.conversion import Conversion, check_anatomy, convert, recipe_labels
from pycemrg_core.recipes.planner import ImageFacts, Plan, PlannedStep, Settings, plan
from schematics_builtin.certificate.certification import Certificate
from schematics_builtin.certificate.hearts import certify_image

if TYPE_CHECKING:
    import SimpleITK as sitk


@frozen(kw_only=True)
class LedgerEntry:
    """How many voxels with the label ``old`` a step turned into ``new``, and their volume."""

    old: int
    old_name: str
    new: int
    new_name: str
    voxels: int
    mm3: float


@frozen(kw_only=True)
class StepRecord:
    """What one step did: its contract, its provider, how long it took and its ledger."""

    name: str
    step: str
    provider: str
    contract: Any
    seconds: float
    ledger: tuple[LedgerEntry, ...]

    @property
    def voxels(self) -> int:
        """How many voxels changed."""
        return sum(entry.voxels for entry in self.ledger)


@frozen(kw_only=True)
class RunRecord:
    """What ran, with everything needed to run it again."""

    recipe: str
    image: Mapping[str, Any]
    dtype: str
    labels: Mapping[str, int]
    parameters: Mapping[str, float]
    providers: tuple[Found, ...]
    steps: tuple[StepRecord, ...]
    conversion: Conversion | None = None
    warnings: tuple[str, ...] = ()


@frozen(kw_only=True)
class RunResult:
    """The grown image, of the same geometry as the input, the record of the run, and what the image was made to be."""

    image: sitk.Image
    record: RunRecord
    blueprint: Blueprint = field(factory=Blueprint)

    def certificate(self, catalogue: Catalogue, *, name: str = "") -> Certificate:
        """Certify the image by the checks of the catalogue; worked out anew at each call, and only then.

        What it must be follows from the contracts of the steps that ran, so thicknesses are those of this run.
        ``name`` is what the certificate calls the image.
        """
        return certify_image(self.image, catalogue, self.blueprint, name=name)


@frozen
class StepStarted:
    """A step is about to run; ``number`` counts from 1."""

    number: int
    total: int
    name: str


@frozen(eq=False)
class StepFinished:
    """A step has run. ``volume`` is the image as it is now; a later step will change it."""

    number: int
    total: int
    record: StepRecord
    volume: LabelVolume


@frozen(eq=False)
class Resume:
    """Where to take up a run: the records of the steps done and the image after them.

    ``references``: for each step kind (``provider:name``) with a frozen reference that has already run, the
    image before its first step.
    """

    records: tuple[StepRecord, ...]
    image: sitk.Image
    references: Mapping[str, sitk.Image] = field(factory=dict)


Event = StepStarted | StepFinished | RunResult


@frozen(kw_only=True, eq=False)
class Prepared:
    """An image ready to be planned for: a label map with the recipe's integers, and how it came to be so."""

    image: sitk.Image
    volume: LabelVolume
    facts: ImageFacts
    notes: tuple[str, ...] = ()
    conversion: Conversion | None = None


def prepare(
    image: sitk.Image,
    catalogue: Catalogue,
    settings: Settings,
    *,
    scheme: str | None = None,
    name: str = "the image",
    notes: tuple[str, ...] = (),
    check: bool = True,
) -> Prepared:
    """Check that an image is a label map, that its anatomy is what its labels say, and convert its integers.

    ``scheme``: the label scheme that the integers are of; by default they are the recipe's own. Without
    ``check``, size and anatomy are not looked at.

    Raises :class:`ImageError`, :class:`LabelError` when the integers cannot be converted, and
    :class:`PlanError` when the anatomy contradicts the labels.
    """
    image, more = image_files.label_image(image, name)
    volume = volume_of(image)
    target = recipe_labels(catalogue, settings)
    record = catalogue.get(LabelScheme, scheme) if scheme else None
    if check:
        check_anatomy(volume, record.labels if record else target, catalogue, name)
    conversion = None
    if record:
        image, conversion = convert(image, record, target)
        more = (*more, f"labels converted from {record.name} to the integers of the recipe")
        volume = volume_of(image)
    facts = ImageFacts(
        name=name,
        labels=frozenset(volume.boxes),
        spacing=volume.spacing,
        dtype=str(volume.array.dtype),
        scheme=record.name if record else "",
        lacks=frozenset(target.keys() - record.labels.keys()) if record else frozenset(),
    )
    return Prepared(image=image, volume=volume, facts=facts, notes=(*notes, *more), conversion=conversion)


def run_recipe(
    recipe: str | Recipe,
    image: sitk.Image,
    catalogue: Catalogue,
    *,
    parameters: Mapping[str, float] | None = None,
    labels: Mapping[str, int] | None = None,
    scheme: str | None = None,
) -> RunResult:
    """Grow a label map by a recipe.

    ``recipe`` is a name in the catalogue or a record. ``image`` is a 3-D label map and is not changed.
    ``parameters`` override thicknesses and the like (mm), ``labels`` the integers of label names. ``scheme``
    names the label scheme of the image when its integers are not the recipe's. The caller vouches for the
    labels; :func:`pycemrg_core.recipes.conversion.check_anatomy` is what the command line asks first.

    Raises :class:`ImageError` when the image is no label map, :class:`PlanError` with every reason why the
    recipe will not run, and :class:`StepError` when a step fails.
    """
    settings = Settings(parameters=parameters or {}, labels=labels or {})
    prepared = prepare(image, catalogue, settings, scheme=scheme, check=False)
    planned = plan(recipe, catalogue, prepared.facts, settings)
    *_, result = run_plan(planned, prepared)
    assert isinstance(result, RunResult)
    return result


def run_plan(planned: Plan, prepared: Prepared, *, resume: Resume | None = None) -> Iterator[Event]:
    """Run a plan: an event before and after each step, and the :class:`RunResult` last."""
    done = list(resume.records) if resume else []
    start = volume_of(resume.image) if resume else prepared.volume
    work = WorkingVolume(start, np.dtype(planned.dtype), planned.blueprint)
    references = {kind: volume_of(kept) for kind, kept in resume.references.items()} if resume else {}
    total = len(planned.steps)
    for number, step in enumerate(planned.steps[len(done) :], len(done) + 1):
        yield StepStarted(number, total, step.name)
        if step.step.frozen_reference and step.kind not in references:
            references[step.kind] = work.snapshot()
        work.reference = references.get(step.kind) if step.step.frozen_reference else None
        record = _run_step(step, work, planned.names)
        done.append(record)
        yield StepFinished(number, total, record, work)
    unchanged = tuple(
        f"{record.name} changed nothing: no voxel is where it would write" for record in done if not record.ledger
    )
    yield RunResult(
        image=image_files.image_from_array(work.array, prepared.image),
        record=RunRecord(
            recipe=planned.recipe,
            image=image_files.geometry(prepared.image),
            dtype=planned.dtype,
            labels=planned.labels,
            parameters=planned.parameters,
            providers=planned.providers,
            steps=tuple(done),
            conversion=prepared.conversion,
            warnings=(*prepared.notes, *planned.warnings, *unchanged),
        ),
        blueprint=planned.blueprint,
    )


def _run_step(step: PlannedStep, work: WorkingVolume, names: Mapping[int, str]) -> StepRecord:
    begin = time.perf_counter()
    who = f"step {step.step.name!r} of {step.step_provider} failed in {step.name}"
    try:
        # Materialised before anything is written: all edits see the same input.
        edits = tuple(step.step.run.load()(work, step.contract))
    except PycemrgError as error:
        raise StepError(f"{who}: {error}") from error
    except (Exception, SystemExit) as error:
        first = str(error).strip().partition("\n")[0]
        raise StepError(f"{who}: {type(error).__name__}{': ' if first else ''}{first}") from error
    declared = {label.value for label in contracts.written_labels(step.contract)}
    if changed := {label.value for label in contracts.changed_labels(step.contract)}:
        declared |= {0} | changed
    for edit in edits:
        if not isinstance(edit, Edit):
            raise StepError(f"{who}: it returned {edit!r:.80}, not an Edit")
        if edit.label not in declared:
            raise StepError(f"{who}: it writes the label {edit.label}, which its contract does not say it writes")
    try:
        changes = work.apply(edits)
    except StepError as error:
        raise StepError(f"{who}: {error}") from error
    return StepRecord(
        name=step.name,
        step=step.step.name,
        provider=step.step_provider.name,
        contract=step.contract,
        seconds=time.perf_counter() - begin,
        ledger=tuple(_entry(change, work.voxel_mm3, names) for change in changes),
    )


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
    )
