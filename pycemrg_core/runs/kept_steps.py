"""Save the image after each step, and resume an interrupted run from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from attrs import Factory, frozen

from pycemrg_core.api import documents
from pycemrg_core.errors import DocumentError, ImageError, OutputError, PlanError, PycemrgError
from pycemrg_core.images import image_files
from pycemrg_core.recipes.plans import Plan, PlannedStep
from pycemrg_core.recipes.preparation import Prepared
from pycemrg_core.recipes.run_record import LedgerEntry, StepRecord
from pycemrg_core.recipes.runner import Resume, StepFinished, kept_before
from pycemrg_core.runs.earlier import PROGRESS, step_image, step_images
from pycemrg_core.runs.results import STEP_SHAPE, step_json
from pycemrg_core.runs.run_folder import Source, write_json
from pycemrg_core.text.files import name_of
from pycemrg_core.text.structured import load_json, wrong_places


@frozen
class KeptSteps:
    """The folder ``steps``: the image after each step, and the data that a later run needs to resume from there."""

    folder: Path
    plan: Plan
    source: Source
    prepared: Prepared
    _done: list[StepRecord] = Factory(list)
    _hashes: list[str] = Factory(list)

    def keep(self, event: StepFinished) -> None:
        """Write the image after a step, then record that it is complete."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"{name_of(self.folder)}: cannot be written: {error.strerror}; choose another folder"
            ) from error
        if not self._done:
            self._clear()
        image = self._image(event.number, event.record.name)
        image_files.write_volume(event.volume, image)
        self._done.append(event.record)
        self._hashes.append(image_files.file_sha256(image))
        steps = [
            {**step_json(record), "image_sha256": sha256}
            for record, sha256 in zip(self._done, self._hashes, strict=True)
        ]
        write_json({"run": self._run(), "steps": steps}, self.folder / PROGRESS)

    def _clear(self) -> None:
        """Remove the images of an earlier run: they would look like images of this run."""
        with suppress(OSError):
            for name in step_images(self.folder):
                (self.folder / name).unlink()
            (self.folder / PROGRESS).unlink()

    def resume(self) -> Resume | None:
        """Where to resume, or None when no step was kept.

        Raises :class:`PlanError` when the kept steps belong to another run.
        """
        path = self.folder / PROGRESS
        if not path.is_file():
            return None
        try:
            progress = load_json(path)
            if wrong := next(wrong_places(progress, {"steps": [STEP_SHAPE]}), None):
                raise DocumentError(f"{name_of(path)}: damaged: {wrong}")
            return self._resume(progress)
        except (DocumentError, ImageError, KeyError, TypeError, AttributeError) as error:
            reason = str(error) if isinstance(error, PycemrgError) else f"{name_of(path)}: damaged"
            raise PlanError(
                f"{name_of(self.folder)} cannot be resumed:", [f"{reason}; run without --resume"]
            ) from error

    def _resume(self, progress: Mapping[str, Any]) -> Resume | None:
        if progress.get("run") != self._run():
            raise PlanError(
                f"{name_of(self.folder)} cannot be resumed:",
                ["its steps come from another image, recipe, setting or plugin version; run without --resume"],
            )
        records = tuple(
            self._record(saved, step) for saved, step in zip(progress["steps"], self.plan.steps, strict=False)
        )
        if not records:
            return None
        self._require_images(progress["steps"][: len(records)])
        snapshots = {}
        for number, names in enumerate(kept_before(self.plan.steps)[: len(records)]):
            if names:
                before = self._image(number, records[number - 1].name) if number else None
                volume = image_files.read_volume(before)[0] if before else self.prepared.volume
                snapshots.update(dict.fromkeys(names, volume.with_blueprint(self.plan.blueprint)))
        self._done[:] = records
        self._hashes[:] = [saved["image_sha256"] for saved in progress["steps"][: len(records)]]
        volume, _ = image_files.read_volume(self._image(len(records), records[-1].name))
        return Resume(records, volume, snapshots)

    def _image(self, number: int, name: str) -> Path:
        return self.folder / step_image(number, name)

    def _require_images(self, saved: Sequence[Mapping[str, Any]]) -> None:
        """Refuse an image that is not the one that the step left: the result would be that of another heart."""
        for number, step in enumerate(saved, 1):
            image = self._image(number, step["name"])
            if image.exists() and image_files.file_sha256(image) != step["image_sha256"]:
                raise PlanError(
                    f"{name_of(self.folder)} cannot be resumed:",
                    [f"{name_of(image)} has changed since its step (its SHA-256 differs); run without --resume"],
                )

    def _record(self, saved: Mapping[str, Any], step: PlannedStep) -> StepRecord:
        ledger = documents.from_data(saved["ledger"], tuple[LedgerEntry, ...], "ledger")
        return StepRecord(
            name=step.name,
            step=step.step.name,
            provider=step.step_provider.name,
            contract=step.contract,
            snapshots=step.snapshots,
            notes=tuple(map(str, saved.get("notes", ()))),
            seconds=saved["seconds"],
            ledger=ledger,
        )

    def _run(self) -> dict[str, Any]:
        """Everything that the steps depend on."""
        return {
            "sha256": self.source.sha256,
            "dtype": self.plan.dtype,
            "conversion": documents.to_data(self.prepared.conversion),
            "padding": str(self.prepared.padding or ""),
            "plugins": [f"{found.name} {found.distribution} {found.version}" for found in self.plan.providers],
            "contracts": [
                [step.name, step.step.name, documents.to_data(step.contract), *step.snapshots]
                for step in self.plan.steps
            ],
        }
