"""``pycemrg plan``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pycemrg_core.cli.completion import completing
from pycemrg_core.cli.options import require_order, setting_options, settings_from
from pycemrg_core.cli.session import echo_json, echo_table, plugin_options, session_of
from pycemrg_core.shown.words import counted
from pycemrg_core.text.files import name_of

if TYPE_CHECKING:
    from pycemrg_core.recipes.plans import PlannedStep

_SHOWN = 4  # labels of a step in the table; --json has all of them


@click.command(short_help="Show what a run would do, without running it.")
@click.argument("recipe", shell_complete=completing("recipe", "schematic"))
@click.argument("image")
@setting_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@plugin_options
@click.pass_context
def plan(
    ctx: click.Context,
    recipe: str,
    image: str,
    parameters: dict[str, float],
    scheme: str | None,
    labels: str | None,
    config: str | None,
    then: tuple[str, ...],
    check: bool,
    pad: bool,
    accept: tuple[str, ...],
    as_json: bool,
) -> None:
    """Show what RECIPE would do with IMAGE, without running it. Exits with 1 if it cannot run.

    RECIPE can be a single schematic too.
    """
    from pycemrg_core.cli.inputs import target_of
    from pycemrg_core.recipes import planner
    from pycemrg_core.recipes.preparation import make_room, prepare_source

    catalogue = session_of(ctx).catalogue()
    require_order("plan", recipe, image, catalogue)
    settings = settings_from(catalogue, parameters, labels, config, then, pad, accept)
    target, settings = target_of(recipe, catalogue, settings)
    prepared, settings, _ = prepare_source(
        image, catalogue, settings, recipe=target, scheme=scheme, name=image, check=check
    )
    planned = planner.plan(target, catalogue, prepared.facts, settings)
    prepared = make_room(prepared, planned, settings)
    warnings = [*prepared.notes, *planned.warnings]
    steps = [_described(step) for step in planned.steps]
    if as_json:
        echo_json(
            {
                "recipe": planned.recipe,
                "image": image,
                "pixel_type": planned.dtype,
                "steps": steps,
                "left_out": [{"name": one.name, "missing": list(one.missing)} for one in planned.left_out],
                "warnings": warnings,
            }
        )
        return
    rows = [
        (number, step["name"], step["step"], _some(step["writes"]), _text(step)) for number, step in enumerate(steps, 1)
    ]
    echo_table(("", "schematic", "step", "writes", "from"), rows, right=(0,))
    for one in planned.left_out:
        click.echo(f"left out: {one}")
    for warning in warnings:
        click.echo(f"note: {warning}", err=True)
    click.echo(f"{planned.recipe} runs on {name_of(image)}: {counted(len(steps), 'step')}, {planned.dtype} pixels")


def _described(step: PlannedStep) -> dict[str, Any]:
    from pycemrg_core.api import contracts

    writes = [*contracts.labels_written(step.contract), *contracts.labels_changed(step.contract)]
    numbers = {
        role.key: (getattr(step.contract, role.field_name), role.unit)
        for role in contracts.roles(type(step.contract))
        if role.use in (contracts.Use.THICKNESS, contracts.Use.NUMBER)
    }
    read = (contracts.Use.READS, contracts.Use.READS_ANY)
    return {
        "name": step.name,
        "step": step.step.name,
        "provider": step.step_provider.name,
        "reads": [f"{label.name} {label.value}" for label in contracts.labels_in(step.contract, *read)],
        "writes": [f"{label.name} {label.value}" for label in writes],
        "numbers": {key: f"{value:g} {unit}".strip() for key, (value, unit) in numbers.items()},
    }


def _text(step: dict[str, Any]) -> str:
    reads = list(dict.fromkeys(step["reads"]))
    few = len(reads) <= _SHOWN
    names = " and ".join(label.replace("_label", "") for label in reads) if few else _some(reads)
    return ", ".join([*filter(None, [names]), *step["numbers"].values()])


def _some(labels: list[str]) -> str:
    """The first few labels of a step, and how many more there are."""
    shown = ", ".join(labels[:_SHOWN]).replace("_label", "")
    return f"{shown} and {len(labels) - _SHOWN} more" if len(labels) > _SHOWN else shown
