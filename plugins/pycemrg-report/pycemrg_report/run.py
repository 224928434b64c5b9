"""Read a run for a report: its record, the grown heart, the input if it still exists, and its steps.

All images are reoriented so that x, y, z point to the patient's left, back and head as closely as the axes allow.
Arrays are (z, y, x). They are cropped to the labels once, here: air round a heart costs no more than reading it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import frozen

from pycemrg_core import (
    Catalogue,
    LedgerEntry,
    Outputs,
    Plan,
    Prepared,
    SavedRun,
    Source,
    StepFinished,
    colours_of,
    recipe_labels,
    record_json,
    run_plan,
)
from pycemrg_core.api import (
    FinishedRun,
    LabelArray,
    LabelVolume,
    PlanError,
    PycemrgError,
    Region,
    Step,
    Structure,
    Use,
    expand,
    from_data,
    hull,
    image_of,
    labels_written,
    name_of,
    oriented_lps,
    read_volume,
    roles,
    volume_of,
    voxel_array,
    wrong_places,
)
from pycemrg_core.cli.kit import IMAGE, RECORD, STEPS, step_images
from pycemrg_report.certificate import certify, read_certificate
from pycemrg_report.meshes import read_meshes
from schematics_builtin.pictures import Colour, colour_of

if TYPE_CHECKING:
    import SimpleITK as sitk

# A wall is measured up to two voxels away from it; where the image ends within them, it ends for the wall too.
_MARGIN = 2

# What the section about the sources of the input shows.
_MADE_FROM: dict[str, Any] = {
    "sources": [{"name": str, "files": [{"name": str, "sha256": str}], "structures": [str]}],
    "?veins": [
        {"name": str, "volume_ml": float, "method": str, "mouth_mm2": float, "division_mm": float, "confidence": float}
    ],
    "?accepted": [{"name": str, "text": str}],
}


@frozen
class Requested:
    """A wall that a step was asked to make: its ``label``, its thickness in mm, and the name of the step."""

    label: int
    mm: float
    step: str


@frozen
class RanStep:
    """A step of the record: name, kind, provider, seconds, ledger and contract (None when it is not known here)."""

    name: str
    kind: str
    provider: str
    seconds: float
    ledger: tuple[LedgerEntry, ...]
    contract: Any

    @property
    def voxels(self) -> int:
        """The number of changed voxels."""
        return sum(entry.voxels for entry in self.ledger)

    @property
    def makes(self) -> bool:
        """Whether it makes a structure, such as a wall round a lumen, and does not only change some."""
        return self.contract is not None and any(role.makes for role in roles(type(self.contract)))

    @property
    def requested(self) -> tuple[Requested, ...]:
        """The walls that its contract asks for: the labels that it writes, with its thickness."""
        if self.contract is None:
            return ()
        own_roles = roles(type(self.contract))
        thick = [getattr(self.contract, role.field_name) for role in own_roles if role.use is Use.THICKNESS]
        written = labels_written(self.contract)
        return tuple(Requested(label.value, mm, self.name) for label in written for mm in thick)


@frozen(eq=False)
class Run:
    """All data for a report. ``before`` is None when the input is not available; ``notes`` say why.

    ``data`` is the contents of ``run.json``, ``stored`` the result as in its file, ``crop`` the box of it that holds
    all labels of result and input. ``image``, ``volume`` and ``before`` are what is in this box, reoriented.
    ``made_from`` is the record beside the input, of how that was made, None when there is none.
    ``certificate`` is plain data, None when there is none, and ``meshes`` are the certificates of its meshes.
    ``meanings`` say what the labels are in plain words, ``can_mesh`` whether there is a command to mesh them. ``plan``
    makes the plan that ran, and raises :class:`PlanError` when it cannot be made here; ``kept_steps`` is the folder
    with the image after each step.
    """

    data: Mapping[str, Any]
    stored: LabelVolume
    crop: Region
    image: sitk.Image
    volume: LabelVolume
    names: Mapping[int, str]
    colours: Mapping[int, Colour]
    steps: tuple[RanStep, ...]
    prepared: Prepared | None
    before: LabelVolume | None
    notes: tuple[str, ...]
    certificate: Mapping[str, Any] | None
    meshes: tuple[Mapping[str, Any], ...]
    meanings: Mapping[int, str]
    can_mesh: bool
    plan: Callable[[], Plan]
    kept_steps: Path | None
    made_from: Mapping[str, Any] | None = None


def run_of(finished: FinishedRun, certificate: Mapping[str, Any] | None) -> Run:
    """A run that has just finished."""
    data = record_json(finished, finished.source.path.parent, Outputs())
    steps = tuple(
        RanStep(step.name, step.step, step.provider, step.seconds, step.ledger, step.contract)
        for step in finished.record.steps
    )
    return _run(
        data,
        finished.volume,
        steps,
        finished.catalogue,
        prepared=finished.prepared,
        notes=(),
        certificate=certificate,
        meshes=(),  # a mesh is made of a finished run
        plan=lambda: finished.plan,
        kept_steps=finished.kept_steps,
        made_from=_sources(finished.source),
    )


def _sources(source: Source) -> Mapping[str, Any] | None:
    """The record beside the input, if it says which sources the input was made of."""
    content = source.record.content if source.record else None
    return content if content is not None and not [*wrong_places(content, _MADE_FROM)] else None


def read_run(folder: Path, catalogue: Catalogue) -> Run:
    """Read a folder that ``pycemrg run`` wrote.

    Raises :class:`PycemrgError` when it is not such a folder, or its image or its certificate cannot be read.
    """
    if not folder.is_dir():
        wrong = "is a file, not a folder" if folder.exists() else "no such folder"
        raise PycemrgError(f"{name_of(folder)}: {wrong}; give a folder written by 'pycemrg run'")
    if not (folder / RECORD).is_file():
        raise PycemrgError(f"{name_of(folder)}: no {RECORD} in this folder; give a folder written by 'pycemrg run'")
    saved = SavedRun.read(folder / RECORD)
    steps = tuple(_step(entry, catalogue, f"{saved.path}: steps[{i}]") for i, entry in enumerate(saved.data["steps"]))
    stored, _ = read_volume(folder / IMAGE)
    notes = []
    sha256 = stored.voxels_sha256()
    if sha256 != saved.data["output"]["voxels_sha256"]:
        notes.append(f"{IMAGE} has changed since the run: the hash of its voxels is not the one in {RECORD}.")
    if strange := [step.name for step in steps if step.contract is None]:
        notes.append(
            f"The contracts of {', '.join(strange)} are not known: the step kind is not installed, or has changed."
        )
    prepared, why = _input(saved, stored, catalogue)
    certified, meshes = read_certificate(folder, sha256, notes), read_meshes(folder, sha256, notes)
    if certified is None:
        contracts = [step.contract for step in steps if step.contract is not None]
        names = {value: name for name, value in saved.data["labels"].items()}
        certified = certify(stored, catalogue, saved.blueprint(catalogue, contracts, names))
    source = Source(saved.input_path, saved.data["input"]["sha256"])
    beside = Source.of(source.path) if source.path.is_file() else source
    return _run(
        saved.data,
        stored,
        steps,
        catalogue,
        prepared=prepared,
        notes=(*notes, *why),
        certificate=certified,
        meshes=meshes,
        plan=lambda: saved.plan(catalogue, source),
        kept_steps=folder / STEPS,
        made_from=_sources(beside) if beside.sha256 == source.sha256 else None,
    )


def _run(
    data: Mapping[str, Any],
    stored: LabelVolume,
    steps: tuple[RanStep, ...],
    catalogue: Catalogue,
    *,
    prepared: Prepared | None,
    **more: Any,
) -> Run:
    wholes = (stored, prepared.volume) if prepared else (stored,)
    crop = expand(hull(*(box for whole in wholes for box in whole.boxes.values())), _MARGIN, stored.array.shape)
    image = _cropped(stored, crop)
    volume = volume_of(image)
    before = volume_of(_cropped(prepared.volume, crop)) if prepared else None
    names = _names(data, steps, recipe_labels(catalogue, recipe=data["recipe"]))
    given = colours_of(catalogue)
    there = {*volume.boxes, *names, *(before.boxes if before else ())} - {0}
    known = {one.name: one.record.summary for one in catalogue.all(Structure)}
    return Run(
        data=data,
        stored=stored,
        crop=crop,
        image=image,
        volume=volume,
        names={label: names.get(label, str(label)) for label in sorted(there)},
        colours={label: colour_of(label, names.get(label, ""), given) for label in sorted(there)},
        meanings={
            label: known.get(name, name.removesuffix("_label"))
            for label in sorted(there)
            for name in [names.get(label, str(label))]
        },
        can_mesh=bool(catalogue.named("mesh")),
        steps=steps,
        prepared=prepared,
        before=before,
        **more,
    )


def arrays_after(run: Run) -> Iterator[LabelArray]:
    """The voxels after each step, of the same box: from saved images, or made again from the input.

    Raises :class:`PycemrgError` when neither is possible.
    """
    kept = [run.kept_steps / name for name in step_images(run.kept_steps)] if run.kept_steps else []
    if kept and len(kept) == len(run.steps) and _same(kept[-1], run):
        yield from (_array(read_volume(path)[0], run.crop) for path in kept)
        return
    if run.prepared is None:
        raise PycemrgError("The images between the steps were not saved, and cannot be made without the input.")
    try:
        plan = run.plan()
    except PlanError as error:
        raise PycemrgError(f"The steps cannot be run again here: {'; '.join(error.problems)}.") from error
    for event in run_plan(plan, run.prepared):
        if isinstance(event, StepFinished):
            yield _array(event.volume, run.crop)


def _cropped(whole: LabelVolume, crop: Region) -> sitk.Image:
    """What is in a box of a label map, at the same place, reoriented."""
    image = image_of(whole.with_array(whole.array[crop], boxes={}))
    image.SetOrigin(whole.points_mm(np.array([[axis.start for axis in crop]]))[0].tolist())
    return oriented_lps(image)


def _array(whole: LabelVolume, crop: Region) -> LabelArray:
    array: LabelArray = voxel_array(_cropped(whole, crop))
    return array


def _same(path: Path, run: Run) -> bool:
    """Whether a saved image is the result: the folder can contain the steps of an earlier run."""
    try:
        kept, _ = read_volume(path)
    except PycemrgError:
        return False
    if not _on_grid(kept, run.stored) or kept.boxes != run.stored.boxes:
        return False
    return np.array_equal(kept.array[run.crop], run.stored.array[run.crop])


def _on_grid(volume: LabelVolume, like: LabelVolume) -> bool:
    """Whether the voxels of two label maps are at the same places, up to a tenth of a voxel."""
    if volume.array.shape != like.array.shape:
        return False
    corners = np.array([*product(*((0, size - 1) for size in like.array.shape))])
    apart = volume.points_mm(corners) - like.points_mm(corners)
    return float(np.abs(apart).max()) <= 0.1 * min(like.spacing)


def _input(saved: SavedRun, stored: LabelVolume, catalogue: Catalogue) -> tuple[Prepared | None, tuple[str, ...]]:
    """The input as the run used it, or None and the reason."""
    path, name = saved.input_path, saved.data["input"].get("name", "the input")
    if not path.exists():
        return None, (f"The input {name} is not at the path of the run: 'before' is left out.",)
    try:
        source = Source.of(path)
        if source.sha256 != saved.data["input"]["sha256"]:
            return None, (f"The input {name} has changed since the run (its SHA-256 differs): 'before' is left out.",)
        prepared = saved.prepare(saved.read_input(source, catalogue)[0])
    except PycemrgError as error:
        return None, (f"'before' is left out: {error}",)
    if not _on_grid(prepared.volume, stored):
        return None, (f"The input {name} and {IMAGE} are on different grids: 'before' is left out.",)
    return prepared, ()


def _names(data: Mapping[str, Any], steps: tuple[RanStep, ...], usual: Mapping[str, int]) -> dict[int, str]:
    """Names by integer from the record; labels unknown to all steps get usual names if all other names are usual."""
    names = {value: name for name, value in data["labels"].items()}
    for entry in (entry for step in steps for entry in step.ledger):
        names.setdefault(entry.old, entry.old_name)
        names.setdefault(entry.new, entry.new_name)
    for label in data.get("conversion", {}).get("labels", ()):
        names.setdefault(label.get("new"), label.get("name"))
    if all(usual.get(name, value) == value for name, value in data["labels"].items()):
        names = {**{value: name for name, value in usual.items()}, **names}
    return names


def _step(saved: Mapping[str, Any], catalogue: Catalogue, where: str) -> RanStep:
    return RanStep(
        name=saved["name"],
        kind=saved["step"],
        provider=saved["provider"],
        seconds=float(saved.get("seconds", 0.0)),
        ledger=from_data(saved["ledger"], tuple[LedgerEntry, ...], f"{where}.ledger"),
        contract=_contract(saved, catalogue, f"{where}.contract"),
    )


def _contract(saved: Mapping[str, Any], catalogue: Catalogue, where: str) -> Any:
    try:
        kind = catalogue.get(Step, f"{saved['provider']}:{saved['step']}").contract.load()
        return from_data(saved["contract"], kind, where)
    except PycemrgError:
        return None
