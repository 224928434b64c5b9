"""What the built-in catalogue contributes; light, since every command imports it."""

from __future__ import annotations

from collections.abc import Iterable

from pycemrg_core.hookspecs import hookimpl
from pycemrg_core.records import Command, LabelScheme, Recipe, Schematic, Step
from pycemrg_core.refs import Ref
from schematics_builtin import recipes, schematics, schemes

_STEPS = "schematics_builtin.steps"
_CONTRACTS = "schematics_builtin.contracts"
_CLEANUP = "schematics_builtin.cleanup"


@hookimpl
def pycemrg_steps() -> Iterable[Step]:
    yield Step(
        name="create",
        summary="grow a wall of a given thickness round a blood pool",
        run=Ref(f"{_STEPS}:create"),
        contract=Ref(f"{_CONTRACTS}:MyocardiumCreationContract"),
    )
    yield Step(
        name="valve",
        summary="turn the part of structure B near structure A into a valve",
        run=Ref(f"{_STEPS}:valve"),
        contract=Ref(f"{_CONTRACTS}:ValveCreationContract"),
    )
    yield Step(
        name="ring",
        summary="grow a ring round a vein where it meets the atrial wall",
        run=Ref(f"{_STEPS}:ring"),
        contract=Ref(f"{_CONTRACTS}:RingCreationContract"),
        frozen_reference=True,
    )
    yield Step(
        name="push",
        summary="let one wall push another structure's wall into its blood pool",
        run=Ref(f"{_STEPS}:push"),
        contract=Ref(f"{_CONTRACTS}:PushCreationContract"),
    )
    yield Step(
        name="keep_largest_component",
        summary="keep only the largest component of each label",
        run=Ref(f"{_CLEANUP}:keep_largest_component"),
        contract=Ref(f"{_CLEANUP}:KeepLargestComponentContract"),
    )
    yield Step(
        name="keep_largest_structure",
        summary="keep the largest component of several labels as one",
        run=Ref(f"{_CLEANUP}:keep_largest_structure"),
        contract=Ref(f"{_CLEANUP}:KeepLargestStructureContract"),
    )
    yield Step(
        name="remove_small",
        summary="remove components below a volume, but never a label's last",
        run=Ref(f"{_CLEANUP}:remove_small"),
        contract=Ref(f"{_CLEANUP}:RemoveSmallContract"),
    )
    yield Step(
        name="fill_holes",
        summary="fill background that a label encloses",
        run=Ref(f"{_CLEANUP}:fill_holes"),
        contract=Ref(f"{_CLEANUP}:FillHolesContract"),
    )
    yield Step(
        name="reassign_islands",
        summary="give islands to the neighbour they share most surface with",
        run=Ref(f"{_CLEANUP}:reassign_islands"),
        contract=Ref(f"{_CLEANUP}:ReassignIslandsContract"),
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


@hookimpl
def pycemrg_commands() -> Iterable[Command]:
    yield Command(
        name="demo",
        summary="Grow the heart that ships with the package, and draw it.",
        command=Ref("schematics_builtin.commands.demo:demo"),
    )
    yield Command(
        name="labels",
        summary="Show, check, recognise and change the labels of an image.",
        command=Ref("schematics_builtin.commands.labels:labels"),
    )
    yield Command(
        name="clean",
        summary="Remove islands and fill holes, label by label.",
        command=Ref("schematics_builtin.commands.clean:clean"),
    )
