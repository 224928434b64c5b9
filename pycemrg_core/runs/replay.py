"""Repeat a recorded run exactly, from its ``run.json``."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from attrs import frozen

from pycemrg_core.api import documents
from pycemrg_core.api.records import Recipe, Step
from pycemrg_core.errors import DocumentError, PlanError, PycemrgError
from pycemrg_core.images.blueprint import Blueprint
from pycemrg_core.images.conversion import Conversion, convert_again
from pycemrg_core.images.image_files import file_sha256
from pycemrg_core.images.label_volume import LabelVolume
from pycemrg_core.images.named_volume import read_heart
from pycemrg_core.images.padding import Padding
from pycemrg_core.plugins.catalogue import Catalogue
from pycemrg_core.plugins.loading import LOCAL_FILE
from pycemrg_core.recipes.blueprints import blueprint_of
from pycemrg_core.recipes.flatten import rules_of
from pycemrg_core.recipes.labelling import recipe_labels
from pycemrg_core.recipes.plans import ImageFacts, LeftOut, Plan, PlannedStep
from pycemrg_core.recipes.preparation import Prepared
from pycemrg_core.runs.results import STEP_SHAPE, SavedBlueprint
from pycemrg_core.runs.run_folder import FORMAT, RECORD, Source
from pycemrg_core.text.files import name_of
from pycemrg_core.text.structured import load_json, wrong_places

Part = TypeVar("Part", Conversion, Padding)

OTHERS = ", though its voxels are others"
"""What is said of an image beside a record that is not the result of its run."""

# What is read of a record.
_SHAPE: dict[str, Any] = {
    "recipe": str,
    "?then": [str],
    "input": {"path": str, "sha256": str, "?name": str, "?reader": str, "?names": {"*": int}},
    "output": {"pixel_type": str, "voxels_sha256": str},
    "labels": {"*": int},
    "?parameters": {"*": float},
    "plugins": [{"name": str, "distribution": str, "version": str}],
    "steps": [{**STEP_SHAPE, "step": str, "provider": str, "contract": dict}],
    "?left_out": [{"name": str, "missing": [str]}],
    "?conversion": {"scheme": str, "labels": [{"name": str, "old": int, "new": int, "voxels": int}]},
    "?outputs": [{"name": str, "file": str}],
    "?blueprint": dict,
    "?warnings": [str],
}
_PIXELS = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64")


@frozen
class SavedRun:
    """A ``run.json``: its path and its content."""

    path: Path
    data: Mapping[str, Any]

    @classmethod
    def read(cls, path: str | Path) -> SavedRun:
        """Read a record. Raises :class:`DocumentError` naming the file when it is not a record."""
        data = load_json(Path(path), "the run.json of a run")
        if data.get("format", FORMAT) != FORMAT:
            raise DocumentError(
                f"{name_of(path)}: a record of format {data['format']!r}; this version reads only {FORMAT},"
                " use another one"
            )
        wrong = next(wrong_places(data, _SHAPE), None)
        if not wrong and (pixels := data["output"]["pixel_type"]) not in _PIXELS:
            wrong = f"output.pixel_type is {pixels!r:.40}"
        if wrong:
            raise DocumentError(f"{name_of(path)}: not the record of a run: {wrong}; give a run.json")
        return cls(Path(path), data)

    @classmethod
    def blueprint_beside(cls, image: Path, volume: LabelVolume, catalogue: Catalogue) -> tuple[Blueprint | None, str]:
        """The blueprint of the run whose ``run.json`` lies beside an image, and its recipe, in words for the user.

        None, and why, if there is no such file, or if the image has labels that the run did not know. The voxels may be
        others, which the text says: a repaired heart must be what the heart must be.
        """
        record = image.parent / RECORD
        if not record.is_file():
            return None, ""
        unused = f"{RECORD} beside it is not used"
        try:
            saved = cls.read(record)
            blueprint = saved.blueprint(catalogue, (), {})
        except PycemrgError as error:
            return None, f"{unused}: {error}"
        if "conversion" in saved.data and file_sha256(image) == saved.data["input"]["sha256"]:
            return None, f"{unused}, the image is the input of its run, which gave the labels other integers"
        if unknown := [label for label in volume.boxes if label not in blueprint.names]:
            return None, f"{unused}, its run did not know label {unknown[0]}"
        same = saved.data["output"]["voxels_sha256"] == volume.voxels_sha256()
        return blueprint, f"{saved.data['recipe']}{'' if same else OTHERS}"

    def prepare(self, volume: LabelVolume, notes: tuple[str, ...] = ()) -> Prepared:
        """The input of that run: the image, converted and padded in the same way as then.

        Raises :class:`DocumentError` when the conversion or the padding in the record is damaged, and
        :class:`LabelError`.
        """
        conversion, padding = self._part("conversion", Conversion), self._part("padding", Padding)
        if conversion:
            volume = convert_again(volume, conversion)
        facts = ImageFacts(labels=frozenset(volume.boxes), spacing=volume.spacing, dtype=str(volume.array.dtype))
        if padding:
            volume = padding.add_to(volume)
            notes = (*notes, f"padded with background, in voxels: {padding}")
        return Prepared(volume=volume, facts=facts, notes=notes, conversion=conversion, padding=padding)

    def _part(self, name: str, kind: type[Part]) -> Part | None:
        """A part of the record that not every record has. Raises :class:`DocumentError` when it is damaged."""
        if name not in self.data:
            return None
        try:
            return documents.from_data(self.data[name], kind, name)
        except DocumentError as error:
            raise DocumentError(f"{name_of(self.path)}: {error}") from error

    def read_input(self, source: Source, catalogue: Catalogue) -> tuple[LabelVolume, tuple[str, ...]]:
        """The label map of that run, read in the same way, and notes. Raises :class:`ImageError`."""
        integers = self.data["input"].get("names", {})
        # Where its labels had no integers, the names in it gave them; where they had, these stay.
        read = read_heart(source.path, catalogue, named=not integers, integers=integers)
        return read.volume, read.notes

    @property
    def input_path(self) -> Path:
        """The path of the input, resolved from the folder of the record."""
        return Path(os.path.normpath(self.path.parent / str(self.data["input"]["path"])))

    def plan(self, catalogue: Catalogue, source: Source, *, any_version: bool = False) -> Plan:
        """The plan of that run, with the code that is installed now.

        Raises :class:`PlanError` when the input's bytes or a plugin's version differ. ``any_version`` allows other
        versions.
        """
        problems = []
        if source.sha256 != self.data["input"]["sha256"]:
            problems.append(
                f"{name_of(source.path)} is not the image of that run: its SHA-256 differs; give that image"
            )
        if not any_version:
            problems += [*self._version_problems(catalogue)]
        steps = []
        for index, saved in enumerate(self.data["steps"]):
            try:
                steps.append(_planned(saved, catalogue, f"steps[{index}]"))
            except (PycemrgError, KeyError, TypeError) as error:
                problems.append(str(error))
        if problems:
            raise PlanError(f"{name_of(self.path)} cannot be run again:", problems)
        taking_part = {saved["name"] for saved in self.data["plugins"]}
        labels = dict(self.data["labels"])
        names = {value: name for name, value in labels.items()}
        for saved in self.data["steps"]:
            for entry in saved["ledger"]:
                names.setdefault(entry["old"], entry["old_name"])
        blueprint = self.blueprint(catalogue, [step.contract for step in steps], names)
        return Plan(
            recipe=self.data["recipe"],
            recipe_provider=None,
            then=tuple(map(str, self.data.get("then", ()))),
            steps=tuple(steps),
            labels=labels,
            parameters=dict(self.data.get("parameters", {})),
            names=blueprint.names,
            dtype=self.data["output"]["pixel_type"],
            left_out=documents.from_data(self.data.get("left_out", []), tuple[LeftOut, ...], "left_out"),
            contributors=tuple(plugin.found for plugin in catalogue.plugins if plugin.found.name in taking_part),
            blueprint=blueprint,
        )

    def blueprint(self, catalogue: Catalogue, contracts: Iterable[Any], names: Mapping[int, str]) -> Blueprint:
        """The blueprint of that run.

        An older record has none. It is then made from the ``contracts`` of its steps and the rules of its recipe in the
        catalogue; if the recipe is not there, without rules. Raises :class:`DocumentError`.
        """
        if "blueprint" in self.data:
            try:
                return documents.from_data(self.data["blueprint"], SavedBlueprint, "blueprint").blueprint
            except DocumentError as error:
                raise DocumentError(f"{name_of(self.path)}: {error}") from error
        rules = None
        with suppress(PycemrgError):
            rules = rules_of(catalogue.get(Recipe, self.data["recipe"]), catalogue)
        usual = {
            name: value
            for name, value in recipe_labels(catalogue, recipe=self.data["recipe"]).items()
            if value not in names
        }
        names = {**{value: name for name, value in usual.items()}, **names}
        labels = {**{name: value for value, name in names.items()}, **self.data["labels"]}
        return blueprint_of(contracts, catalogue, labels, names=names, rules=rules, recipe=self.data["recipe"])

    def _version_problems(self, catalogue: Catalogue) -> Iterator[str]:
        installed = {plugin.found.name: plugin.found for plugin in catalogue.plugins}
        for saved in self.data["plugins"]:
            now = installed.get(saved["name"])
            then = f"{saved['distribution']} {saved['version']}"
            if now is None and saved["distribution"] == LOCAL_FILE:
                yield f"plugin {saved['name']} is not loaded; give its file with --plugin"
            elif now is None:
                yield f"plugin {saved['name']} ({then}) is not installed; install it from where its authors publish it"
            elif (now.distribution, now.version) != (saved["distribution"], saved["version"]):
                remedy = "give the earlier version of the file" if now.local else "install the earlier version"
                yield (
                    f"plugin {saved['name']} was {then} and is {now.distribution} {now.version};"
                    f" {remedy}, or allow it with --any-version"
                )


def _planned(saved: Mapping[str, Any], catalogue: Catalogue, where: str) -> PlannedStep:
    found = catalogue.find(Step, f"{saved['provider']}:{saved['step']}")
    step = catalogue.get(Step, f"{saved['provider']}:{saved['step']}")
    contract = documents.from_data(saved["contract"], step.contract.load(), f"{where}.contract")
    return PlannedStep(
        name=saved["name"],
        step=step,
        contract=contract,
        schematic_provider=found.provider,
        step_provider=found.provider,
        snapshots=documents.from_data(saved.get("snapshots", []), tuple[str, ...], f"{where}.snapshots"),
    )
