"""Write a finished run to its folder: image, record and outputs, all of them or none."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from attrs import frozen

from pycemrg_core import __version__
from pycemrg_core.api import documents
from pycemrg_core.api.contracts import LabelType
from pycemrg_core.api.records import Output
from pycemrg_core.errors import DocumentError
from pycemrg_core.images import image_files
from pycemrg_core.images.blueprint import Blueprint, Plane, Ring, Valve, Wall
from pycemrg_core.plugins.catalogue import Contribution
from pycemrg_core.recipes.run_record import StepRecord
from pycemrg_core.runs.earlier import leftovers, step_leftovers
from pycemrg_core.runs.finished import FinishedRun
from pycemrg_core.runs.outputs import Made, Outputs
from pycemrg_core.runs.run_folder import FORMAT, IMAGE, RECORD, STEPS, relative_path, staged, write_json

_LEDGER = {"old": int, "old_name": str, "new": int, "new_name": str, "voxels": int, "mm3": float}
STEP_SHAPE = {"name": str, "ledger": [_LEDGER], "?seconds": float, "?notes": [str], "?snapshots": [str]}
"""What the record of a step holds, of what is read again; for :func:`~pycemrg_core.text.structured.wrong_places`."""


def write_result(run: FinishedRun, folder: str | os.PathLike[str], outputs: Outputs | None = None) -> tuple[str, ...]:
    """Write image, record and outputs together. Returns the names of an earlier run's files that were removed.

    Raises :class:`OutputError`; the files that were in the folder before are then unchanged.
    """
    outputs, folder = outputs or Outputs(), Path(folder)
    stale = tuple(name for name in leftovers(folder, run.catalogue) if name not in outputs.files)
    steps = () if run.kept_steps else step_leftovers(folder)
    with staged(folder, remove=(*stale, *steps)) as inner:
        image_files.write_volume(run.volume, inner / IMAGE)
        for contribution, made in outputs.made:
            (inner / contribution.record.file).write_bytes(made.content)
        record = record_json(run, folder, outputs)
        record["output"]["sha256"] = image_files.file_sha256(inner / IMAGE)
        write_json(record, inner / RECORD)
    if steps:
        with suppress(OSError):  # removes only an empty folder
            (folder / STEPS).rmdir()
    return (*stale, *([STEPS] if steps else []))


def record_json(run: FinishedRun, folder: str | os.PathLike[str], outputs: Outputs) -> dict[str, Any]:
    """The record of a run as plain data, as in ``run.json``."""
    record, source = run.record, run.source
    return {
        "format": FORMAT,
        "pycemrg": __version__,
        "recipe": record.recipe,
        **({"then": list(record.then)} if record.then else {}),
        "input": {
            "name": source.path.name,
            "path": relative_path(source.path, folder),
            "sha256": source.sha256,
            **({"reader": source.reader} if source.reader else {}),
            **({"names": dict(source.names)} if source.names else {}),
            **({"record": {"name": source.record.name, "sha256": source.record.sha256}} if source.record else {}),
            **record.image,
        },
        "output": {
            "name": IMAGE,
            "pixel_type": record.dtype,
            "voxels_sha256": run.voxels_sha256,
        },
        "labels": dict(record.labels),
        "parameters": dict(record.parameters),
        **({"conversion": documents.to_data(record.conversion)} if record.conversion else {}),
        **({"padding": documents.to_data(record.padding)} if record.padding else {}),
        "plugins": [
            {"name": found.name, "distribution": found.distribution, "version": found.version}
            for found in record.providers
        ],
        "steps": [step_json(step) for step in record.steps],
        **({"left_out": documents.to_data(record.left_out)} if record.left_out else {}),
        "blueprint": documents.to_data(SavedBlueprint.of(run.result.blueprint)),
        **({"outputs": [_output_json(*one) for one in outputs.made]} if outputs.made else {}),
        "warnings": list(record.warnings),
    }


@frozen(kw_only=True)
class SavedBlueprint:
    """A blueprint as in ``run.json``. Integers that are keys are stored as text."""

    recipe: str
    names: dict[str, str]
    types: dict[str, str]
    walls: tuple[Wall, ...] = ()
    valves: tuple[Valve, ...] = ()
    planes: tuple[Plane, ...] = ()
    rings: tuple[Ring, ...] = ()
    made: tuple[int, ...] = ()
    open: tuple[int, ...] = ()
    may_touch: tuple[tuple[int, ...], ...] = ()
    accepted: tuple[str, ...] = ()

    @classmethod
    def of(cls, blueprint: Blueprint) -> SavedBlueprint:
        """A blueprint for a record."""
        same = {field: getattr(blueprint, field) for field in _AS_THEY_ARE}
        return cls(
            names={str(value): name for value, name in sorted(blueprint.names.items())},
            types={str(value): kind.name.lower() for value, kind in sorted(blueprint.types.items())},
            open=tuple(sorted(blueprint.open)),
            may_touch=tuple(sorted(tuple(sorted(pair)) for pair in blueprint.may_touch)),
            **same,
        )

    @property
    def blueprint(self) -> Blueprint:
        """The blueprint. Raises :class:`DocumentError` when a key is not an integer or a type is not known."""
        same = {field: getattr(self, field) for field in _AS_THEY_ARE}
        try:
            return Blueprint(
                names={int(value): name for value, name in self.names.items()},
                types={int(value): LabelType[kind.upper()] for value, kind in self.types.items()},
                open=frozenset(self.open),
                may_touch=frozenset(map(frozenset, self.may_touch)),
                **same,
            )
        except (ValueError, KeyError) as error:
            raise DocumentError(f"blueprint: {error}") from error


_AS_THEY_ARE = ("recipe", "walls", "valves", "planes", "rings", "made", "accepted")


def _output_json(contribution: Contribution[Output], made: Made) -> dict[str, Any]:
    provider = contribution.provider
    return {
        "name": contribution.name,
        "file": contribution.record.file,
        "provider": {"name": provider.name, "distribution": provider.distribution, "version": provider.version},
        "verdict": made.verdict,
        "sha256": hashlib.sha256(made.content).hexdigest(),
    }


def step_json(step: StepRecord) -> dict[str, Any]:
    return {
        "name": step.name,
        "step": step.step,
        "provider": step.provider,
        "contract": documents.to_data(step.contract),
        **({"snapshots": list(step.snapshots)} if step.snapshots else {}),
        **({"notes": list(step.notes)} if step.notes else {}),
        "seconds": round(step.seconds, 4),
        "ledger": [{k: v for k, v in documents.to_data(entry).items() if k != "part" or v} for entry in step.ledger],
    }
