"""What a ``list-*`` command shows beyond name, summary and provider. Used in the rows of the kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pycemrg_core.api.records import Check, LabelScheme, Metric, Output, Reader, Recipe, Schematic, Step, Structure

if TYPE_CHECKING:
    from pycemrg_core.plugins.catalogue import Catalogue, Contribution


def step(contribution: Contribution[Step], catalogue: Catalogue) -> dict[str, Any]:
    users = [c.name for c in catalogue.all(Schematic) if contribution.answers_to(c.record.step)]
    return {"schematics": users}


def schematic(contribution: Contribution[Schematic], _catalogue: Catalogue) -> dict[str, Any]:
    record = contribution.record
    return {
        "step": record.step,
        "labels": [f"{name} {value}" for name, value in record.labels.items()],
        "parameters": [f"{name} {value:g}" for name, value in record.parameters.items()],
    }


def recipe(contribution: Contribution[Recipe], _catalogue: Catalogue) -> dict[str, Any]:
    record = contribution.record
    return {
        "steps": [step.schematic or f"[{step.recipe}]" for step in record.steps],
        "requires": list(record.requires),
    }


def metric(contribution: Contribution[Metric], _catalogue: Catalogue) -> dict[str, Any]:
    return {"measures": contribution.record.measures.value, "unit": contribution.record.unit}


def scheme(contribution: Contribution[LabelScheme], _catalogue: Catalogue) -> dict[str, Any]:
    record = contribution.record
    return {"labels": [f"{name} {value}" for name, value in record.labels.items()], "source": record.source}


def structure(contribution: Contribution[Structure], _catalogue: Catalogue) -> dict[str, Any]:
    record = contribution.record
    return {
        "spellings": ", ".join(record.spellings),
        "snomed": record.snomed,
        "colour": record.colour,
        "groups": list(record.groups),
        "root": record.root,
        "crop_mm": record.crop_mm,
        "joins": list(record.joins),
    }


def reader(contribution: Contribution[Reader], _catalogue: Catalogue) -> dict[str, Any]:
    return {"names": "next to it" if contribution.record.beside else "inside"}


def output(contribution: Contribution[Output], _catalogue: Catalogue) -> dict[str, Any]:
    record = contribution.record
    return {"file": record.file, "needs": list(record.needs), "uses": list(record.uses)}


def check(contribution: Contribution[Check], _catalogue: Catalogue) -> dict[str, Any]:
    return {"on": contribution.record.on.value}
