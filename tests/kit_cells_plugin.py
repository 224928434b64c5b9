"""A plugin whose steps use lists of labels, a snapshot, background and the blueprint; for tests of the testing kit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import frozen

from pycemrg_core.api import (
    Edit,
    Label,
    LabelType,
    LabelVolume,
    Recipe,
    RecipeStep,
    Ref,
    Schematic,
    Step,
    edits_between,
    hookimpl,
    reads,
    reads_any,
    ring_round,
    snapshot,
    thickness,
    writes,
    writes_background,
)


@frozen(kw_only=True)
class CellContract:
    """A shell of ``vein`` in its own cell among ``rivals`` becomes ``target``."""

    vein: Label = reads("VEIN", label_type=LabelType.LUMEN)
    wall: Label = reads("WALL", label_type=LabelType.WALL)
    rivals: tuple[Label, ...] = reads_any("RIVALS", label_type=LabelType.LUMEN)
    target: Label = writes("TARGET", makes=ring_round("vein", on="wall"))
    mm: float = thickness("MM")
    before: str = snapshot("BEFORE")


def cell(volume: LabelVolume, contract: CellContract) -> Iterator[Edit]:
    """The part of the shell that no rival is nearer to; ties are nobody's, so that the order does not matter."""
    before = volume.snapshot(contract.before)
    shell = before.shell(contract.vein.value, contract.mm)
    rivals = tuple(rival.value for rival in contract.rivals)
    own = before.nearest([rivals, contract.vein.value], near=shell.region).of(contract.vein.value)
    yield Edit(shell.region, shell.mask & own.mask, contract.target.value)


@frozen(kw_only=True)
class OpenContract:
    """Voxels of ``label`` that touch no lumen among ``kept`` become background."""

    label: Label = reads("LABEL")
    kept: tuple[Label, ...] = reads_any("KEPT", label_type=LabelType.LUMEN)
    background: Label = writes_background()


def open_up(volume: LabelVolume, contract: OpenContract) -> Iterable[Edit]:
    """Keep what touches a lumen."""
    lumens = volume.blueprint.of_type(LabelType.LUMEN, among=[label.value for label in contract.kept])
    contact = volume.touching(contract.label.value, lumens)
    new = volume.array.copy()
    new[volume.mask(contract.label.value)] = 0
    new[tuple(contact.first.T)] = contract.label.value
    return edits_between(volume.array, new)


@hookimpl
def pycemrg_steps() -> Iterator[Step]:
    here = "kit_cells_plugin"
    yield Step(
        name="cell", summary="a shell in its own cell", run=Ref(f"{here}:cell"), contract=Ref(f"{here}:CellContract")
    )
    yield Step(name="open_up", summary="-", run=Ref(f"{here}:open_up"), contract=Ref(f"{here}:OpenContract"))


@hookimpl
def pycemrg_schematics() -> Iterator[Schematic]:
    yield Schematic(
        name="cell_ring",
        step="cell",
        labels={"A": 1, "B": 2, "W": 4, "R": 3},
        parameters={"mm": 3.0},
        semantic_map={"VEIN": "A", "WALL": "W", "RIVALS": ["B"], "TARGET": "R", "MM": "mm", "BEFORE": "start"},
    )
    yield Schematic(name="open_b", step="open_up", labels={"A": 1, "B": 2}, semantic_map={"LABEL": "B", "KEPT": ["A"]})


@hookimpl
def pycemrg_recipes() -> Iterator[Recipe]:
    yield Recipe(
        name="cells",
        steps=(
            RecipeStep(schematic="open_b", snapshot="start"),
            RecipeStep(schematic="cell_ring", when_present=("W",)),
        ),
    )
