"""What the plugin ``certificate`` contributes. Every command imports this module, so it is light."""

from __future__ import annotations

from collections.abc import Iterable

from pycemrg_core.api import Check, Command, Output, Ref, Schematic, Step, hookimpl

_HERE = "schematics_builtin.certificate"

# check, what it looks for, what to do about it, function
_CHECKS = (
    (
        "lumen_contact",
        "two lumens touch that no rule allows to",
        "repair separates them; a large contact needs a recipe that makes a valve or a plane there",
        "contact:lumen_contact",
    ),
    (
        "lumen_open",
        "a lumen touches the background",
        "repair makes its wall there; if it should be open, choose the recipe that says so",
        "contact:lumen_open",
    ),
    (
        "closed_lumens",
        "a lumen is open to the outside or to another lumen, or wrongly closed",
        "repair closes what a wall or a valve can close; veins need a recipe that makes their planes",
        "cavities:closed_lumens",
    ),
    (
        "open_end",
        "an open vessel is open elsewhere than at one flat end",
        "repair closes further openings; cut a ragged end flat in the segmentation",
        "open_ends:open_end",
    ),
    (
        "valve_seal",
        "a valve does not separate its two lumens",
        "repair seals its gaps; look whether two labels are exchanged",
        "contact:valve_seal",
    ),
    (
        "wall_thickness",
        "a wall is thinner than asked",
        "repair fills it up to its thickness",
        "walls:wall_thickness",
    ),
    (
        "ring_loop",
        "a ring does not go round its vein",
        "no rule repairs it; a longer stub of the vein gives the ring room",
        "rings:ring_loop",
    ),
    (
        "edge_contact",
        "voxels of a structure meet by an edge or corner only",
        "repair joins those of the meshed labels as one",
        "shapes:edge_contact",
    ),
    (
        "components",
        "a label is in more than one component",
        "repair gives loose voxels to what they touch most",
        "shapes:components",
    ),
    (
        "holes",
        "a structure encloses background or another label",
        "repair fills enclosed background",
        "shapes:holes",
    ),
    (
        "tunnels",
        "walls that touch leave tunnels between them",
        "repair --gap MM fills the gaps in their way",
        "meshing:tunnels",
    ),
    (
        "narrow_gap",
        "background between walls is thinner than the edges of the mesh",
        "repair --gap MM fills it",
        "meshing:narrow_gap",
    ),
    (
        "tag_range",
        "a label is over 255",
        "give it another integer with 'pycemrg labels remap'",
        "image:tag_range",
    ),
    (
        "image_border",
        "the heart touches the border of the image",
        "repair enlarges the image",
        "image:image_border",
    ),
    (
        "not_made",
        "a structure that the recipe makes is not there",
        "look at what it is made from in the segmentation",
        "image:not_made",
    ),
)


@hookimpl
def pycemrg_commands() -> Iterable[Command]:
    yield Command(
        name="certify",
        summary="Report what in a grown heart would leak or break a mesher.",
        command=Ref(f"{_HERE}.commands.certify:certify"),
        after_run="is it closed?",
    )
    yield Command(
        name="repair",
        summary="Repair leaks, holes and loose voxels in a grown heart.",
        command=Ref(f"{_HERE}.commands.repair:repair"),
    )


@hookimpl
def pycemrg_steps() -> Iterable[Step]:
    yield Step(
        name="repair",
        summary="repair leaks, holes and loose voxels by rule",
        run=Ref(f"{_HERE}.repairing:repair_step"),
        contract=Ref(f"{_HERE}.repairing:RepairCreationContract"),
        may_change_nothing=True,
    )


@hookimpl
def pycemrg_schematics() -> Iterable[Schematic]:
    yield Schematic(
        name="repair",
        step="repair",
        summary="the heart so far, without the leaks, holes and loose voxels that a rule can repair",
        labels={},
        parameters={"repair_limit": 2.0, "repair_gap": 0.0, "repair_weld": 0},
        semantic_map={
            "LABEL_NAMES": ["*"],
            "LIMIT_PARAMETER_NAME": "repair_limit",
            "GAP_PARAMETER_NAME": "repair_gap",
            "WELD": "repair_weld",
        },
    )


@hookimpl
def pycemrg_outputs() -> Iterable[Output]:
    yield Output(
        name="certificate",
        file="certificate.json",
        summary="what in the heart would leak or break a mesher, and a verdict",
        function=Ref(f"{_HERE}.outputs:certificate"),
    )


@hookimpl
def pycemrg_checks() -> Iterable[Check]:
    for name, summary, advice, function in _CHECKS:
        yield Check(name=name, summary=summary, advice=advice, function=Ref(f"{_HERE}.checks.{function}"))
