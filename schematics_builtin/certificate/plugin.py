"""What the plugin ``certificate`` contributes. Every command imports this module, so it is light."""

from __future__ import annotations

from collections.abc import Iterable

from pycemrg_core.api import Check, Command, Output, Ref, Schematic, Step, hookimpl

_HERE = "schematics_builtin.certificate"

# command, help line, click command
_COMMANDS = (
    ("certify", "Report what in a grown heart would leak or break a mesher.", "commands.certify:certify"),
    ("repair", "Repair leaks, holes and loose voxels in a grown heart.", "commands.repair:repair"),
)

# check, what it looks for, function
_CHECKS = (
    ("lumen_contact", "two lumens touch that no rule allows to", "contact:lumen_contact"),
    ("lumen_open", "a lumen touches the background", "contact:lumen_open"),
    (
        "closed_lumens",
        "a lumen is open to the outside or to another lumen, or wrongly closed",
        "cavities:closed_lumens",
    ),
    ("open_end", "an open vessel is open elsewhere than at one flat end", "open_ends:open_end"),
    ("valve_seal", "a valve does not separate its two lumens", "contact:valve_seal"),
    ("wall_thickness", "a wall is thinner than asked", "walls:wall_thickness"),
    ("ring_loop", "a ring does not go round its vein", "rings:ring_loop"),
    ("edge_contact", "voxels of a structure meet by an edge or corner only", "shapes:edge_contact"),
    ("components", "a label is in more than one component", "shapes:components"),
    ("holes", "a structure encloses background or another label", "shapes:holes"),
    ("tag_range", "a label is over 255", "image:tag_range"),
    ("image_border", "the heart touches the border of the image", "image:image_border"),
    ("not_made", "a structure that the recipe makes is not there", "image:not_made"),
)


@hookimpl
def pycemrg_commands() -> Iterable[Command]:
    for name, summary, command in _COMMANDS:
        yield Command(name=name, summary=summary, command=Ref(f"{_HERE}.{command}"))


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
        parameters={"repair_limit": 2.0},
        semantic_map={"LABEL_NAMES": ["*"], "LIMIT_PARAMETER_NAME": "repair_limit"},
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
    for name, summary, function in _CHECKS:
        yield Check(name=name, summary=summary, function=Ref(f"{_HERE}.checks.{function}"))
