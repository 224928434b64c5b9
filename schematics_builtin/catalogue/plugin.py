"""The contributions of the built-in catalogue; imports little, because every command loads this module."""

from __future__ import annotations

from collections.abc import Iterable

from pycemrg_core.api import LabelScheme, Recipe, Ref, Schematic, Step, hookimpl
from schematics_builtin.catalogue import recipes, schematics, schemes

# step kind, what it does, function, contract
_STEPS = (
    ("create", "grow a wall of a given thickness around a blood pool",
        "steps:create", "contracts:MyocardiumCreationContract"),
    ("valve", "turn the part of structure B near structure A into a valve",
        "steps:valve", "contracts:ValveCreationContract"),
    ("ring", "grow a ring around a vein where it meets the atrial wall",
        "steps:ring", "contracts:RingCreationContract"),
    ("push", "let one wall push the wall of another structure into its blood pool",
        "steps:push", "contracts:PushCreationContract"),
    ("keep_largest_component", "keep only the largest component of each label",
        "cleanup:keep_largest_component", "cleanup:KeepLargestComponentContract"),
    ("keep_largest_structure", "keep the largest component of several labels as one",
        "cleanup:keep_largest_structure", "cleanup:KeepLargestStructureContract"),
    ("remove_small", "remove components below a volume, but never the largest of a label",
        "cleanup:remove_small", "cleanup:RemoveSmallContract"),
    ("fill_holes", "fill background that a label encloses",
        "cleanup:fill_holes", "cleanup:FillHolesContract"),
    ("reassign_islands", "give islands to the neighbour with the largest common surface",
        "cleanup:reassign_islands", "cleanup:ReassignIslandsContract"),
)  # fmt: skip

# Measured on the image before the first step of this kind in the recipe.
_FROZEN = {"ring"}


@hookimpl
def pycemrg_steps() -> Iterable[Step]:
    for name, summary, run, contract in _STEPS:
        yield Step(
            name=name,
            summary=summary,
            run=Ref(f"schematics_builtin.catalogue.{run}"),
            contract=Ref(f"schematics_builtin.catalogue.{contract}"),
            frozen_reference=name in _FROZEN,
        )


@hookimpl
def pycemrg_schematics() -> Iterable[Schematic]:
    return schematics.schematics()


@hookimpl
def pycemrg_recipes() -> Iterable[Recipe]:
    return recipes.RECIPES


@hookimpl
def pycemrg_label_schemes() -> Iterable[LabelScheme]:
    return schemes.schemes()
