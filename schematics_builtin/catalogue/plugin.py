"""The contributions of the built-in catalogue; imports little, because every command loads this module."""

from __future__ import annotations

from collections.abc import Iterable

from pycemrg_core.api import LabelScheme, Recipe, Ref, Schematic, Step, Structure, hookimpl
from schematics_builtin.catalogue import closing_recipe, closing_schematics, recipes, schematics, schemes, structures

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
    ("cylinder", "add a straight stump of a vessel, from a point along an axis",
        "cylinder:cylinder", "cylinder:CylinderContract"),
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
    ("close", "turn the part of one structure near another, or where they touch, into a third",
        "closing:close", "closing_contracts:CloseContract"),
    ("plane", "turn the part of a vein near its atrium into a plane",
        "closing:plane", "closing_contracts:PlaneContract"),
    ("skirt", "give the part of a vessel next to its chamber to the chamber",
        "closing:skirt", "closing_contracts:SkirtContract"),
    ("open_vessel", "cut a vessel off flat at the end of its segmentation",
        "closing:open_vessel", "closing_contracts:OpenVesselContract"),
    ("separate_lumens", "clear lumens where they come near each other",
        "closing:separate_lumens", "closing_contracts:SeparateLumensContract"),
    ("ring_own_cell", "grow a ring round a vein that leaves room for the rings of nearer veins",
        "closing:ring_own_cell", "closing_contracts:OwnCellRingContract"),
    ("seal_lumens", "put wall where a closed lumen touches the background or another lumen",
        "closing:seal_lumens", "closing_contracts:SealLumensContract"),
    ("manifold", "repair loose components, enclosed background and pinches",
        "closing:manifold", "closing_contracts:ManifoldContract"),
)  # fmt: skip

# Measured on the image before the first step of this kind in the recipe.
_FROZEN = {"ring", "ring_own_cell"}

# It is normal that these find nothing to do.
_IDLE = {"close", "separate_lumens", "seal_lumens", "manifold"}


@hookimpl
def pycemrg_steps() -> Iterable[Step]:
    for name, summary, run, contract in _STEPS:
        yield Step(
            name=name,
            summary=summary,
            run=Ref(f"schematics_builtin.catalogue.{run}"),
            contract=Ref(f"schematics_builtin.catalogue.{contract}"),
            frozen_reference=name in _FROZEN,
            may_change_nothing=name in _IDLE,
        )


@hookimpl
def pycemrg_schematics() -> Iterable[Schematic]:
    yield from schematics.schematics()
    yield from closing_schematics.schematics()


@hookimpl
def pycemrg_recipes() -> Iterable[Recipe]:
    return (*recipes.RECIPES, *closing_recipe.recipes())


@hookimpl
def pycemrg_label_schemes() -> Iterable[LabelScheme]:
    return schemes.schemes()


@hookimpl
def pycemrg_structures() -> Iterable[Structure]:
    return structures.structures()
