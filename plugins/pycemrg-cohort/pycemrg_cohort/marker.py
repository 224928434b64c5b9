"""``case.json``: marks a case as done, and lets a later run find out whether this is still valid.

``run.json`` says what ran. The marker adds the facts of the image, so that the plan can be made again without
reading the image, and the hash of the result. It is written last, so it never marks an incomplete case as done.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from pycemrg_cohort.cases import Case
from pycemrg_cohort.job import Job, thickness_provider
from pycemrg_core import (
    Catalogue,
    ImageFacts,
    Plan,
    Settings,
    Source,
    __version__,
    choose_outputs,
    plan,
    recipe_labels,
)
from pycemrg_core.api import Check, LabelScheme, PycemrgError, load_json, to_data
from pycemrg_core.cli.kit import IMAGE, RECORD

NAME = "case.json"
FORMAT = 1
_KEPT = ("seconds", "verdict", "statement", "files", "volumes_ml", "thickness_mm", "plugins")


def settings_of(job: Job, case: Case) -> Settings:
    """The settings of one case: its own parameters override the common parameters."""
    return attrs.evolve(job.settings, parameters={**job.settings.parameters, **case.parameters})


def marker(
    folder: Path, facts: ImageFacts, job: Job, case: Case, catalogue: Catalogue, outcome: Mapping[str, Any]
) -> dict[str, Any]:
    """The data to write when a case is done."""
    return {
        "format": FORMAT,
        "facts": {
            "labels": sorted(facts.labels),
            "spacing": list(facts.spacing),
            "dtype": facts.dtype,
            "scheme": facts.scheme,
            "lacks": sorted(facts.lacks),
        },
        "asked": _asked(job, case, catalogue),
        "image_sha256": _sha256(folder / IMAGE),
        **{key: outcome[key] for key in _KEPT},
    }


def kept(folder: Path, source: Source, job: Job, case: Case, catalogue: Catalogue) -> dict[str, Any] | None:
    """The data of the marker of a case, or None when the case must run.

    A case is kept when input, recipe, contracts, parameters and versions are the same as in ``run.json``, the other
    settings are the same, and the result is still the file that was written.
    """
    try:
        marker, record = load_json(folder / NAME), load_json(folder / RECORD)
        facts = marker["facts"]
        target, settings = job.target(catalogue, settings_of(job, case))
        planned = plan(
            target,
            catalogue,
            ImageFacts(
                name=case.path,
                labels=frozenset(facts["labels"]),
                spacing=tuple(facts["spacing"]),
                dtype=facts["dtype"],
                scheme=facts["scheme"],
                lacks=frozenset(facts["lacks"]),
            ),
            settings,
        )
        same = (
            marker["format"] == FORMAT
            and marker["asked"] == _asked(job, case, catalogue)
            and _recorded(record) == _wanted(planned, source)
            and marker["image_sha256"] == _sha256(folder / IMAGE)
            and all((folder / name).is_file() for name in marker["files"].values())
        )
        return {key: marker[key] for key in _KEPT} if same else None
    except (PycemrgError, OSError, KeyError, TypeError):
        return None  # missing or incomplete


def _asked(job: Job, case: Case, catalogue: Catalogue) -> dict[str, Any]:
    """The settings that the result depends on and that are not in ``run.json``."""
    conversion = {}
    if case.scheme:
        target, settings = job.target(catalogue, settings_of(job, case))
        conversion = {
            "from": dict(catalogue.get(LabelScheme, case.scheme).labels),
            "to": recipe_labels(catalogue, settings, target),
        }
    measures = thickness_provider(catalogue)
    checks = catalogue.all(Check) if job.outputs else ()
    return {
        "check": job.check,
        "pad": job.settings.pad,
        "accept": list(job.settings.accept),
        "scheme": case.scheme,
        "conversion": conversion,
        "outputs": [f"{one.qualified_name} {one.provider.version}" for one in choose_outputs(catalogue, job.outputs)],
        "measures": f"{measures.distribution} {measures.version}" if measures else "",
        "checks": [f"{check.qualified_name} {check.provider.version}" for check in checks],
    }


def _wanted(planned: Plan, source: Source) -> dict[str, Any]:
    """What ``run.json`` must contain for a plan."""
    contracts = to_data([step.contract for step in planned.steps])
    wanted = {
        "pycemrg": __version__,
        "recipe": planned.recipe,
        "sha256": source.sha256,
        "pixel_type": planned.dtype,
        "labels": dict(planned.labels),
        "parameters": dict(planned.parameters),
        "plugins": [[found.name, found.distribution, found.version] for found in planned.providers],
        "steps": [
            [step.name, step.step.name, step.step_provider.name, contract]
            for step, contract in zip(planned.steps, contracts, strict=True)
        ],
    }
    return dict(json.loads(json.dumps(wanted)))


def _recorded(record: Mapping[str, Any]) -> dict[str, Any]:
    """The same data as in :func:`_wanted`, from ``run.json``."""
    return {
        "pycemrg": record["pycemrg"],
        "recipe": record["recipe"],
        "sha256": record["input"]["sha256"],
        "pixel_type": record["output"]["pixel_type"],
        "labels": record["labels"],
        "parameters": record["parameters"],
        "plugins": [[found["name"], found["distribution"], found["version"]] for found in record["plugins"]],
        "steps": [[step["name"], step["step"], step["provider"], step["contract"]] for step in record["steps"]],
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
