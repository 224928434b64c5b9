"""Options that ``cohort run`` and ``cohort plan`` share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pycemrg_core.cli.kit import completing, require_order, setting_options, settings_from

if TYPE_CHECKING:
    from pycemrg_cohort.cases import Case
    from pycemrg_cohort.job import Job
    from pycemrg_core import Catalogue

F = TypeVar("F", bound=Callable[..., Any])


def cohort_options(command: F) -> F:
    """Add RECIPE, INPUTS, the settings of a run, and the options for the workers."""
    command = click.option(
        "--scheduler",
        metavar="ADDRESS",
        help="Use the workers of a running Dask scheduler, tls://HOST:PORT or tcp://HOST:PORT.",
    )(command)
    command = click.option(
        "--workers", type=click.IntRange(min=1), metavar="N", help="The number of worker processes on this machine."
    )(command)
    command = setting_options(command)
    command = click.argument("inputs", nargs=-1, required=True)(command)
    return click.argument("recipe", shell_complete=completing("recipe"))(command)


def work(
    catalogue: Catalogue,
    recipe: str,
    inputs: tuple[str, ...],
    *,
    parameters: dict[str, float],
    scheme: str | None,
    labels: str | None,
    config: str | None,
    then: tuple[str, ...],
    check: bool,
    pad: bool,
    accept: tuple[str, ...],
    outputs: tuple[str, ...] = (),
) -> tuple[Job, tuple[Case, ...]]:
    """The job and its cases. If a name, a setting or a table is wrong, raises before anything runs."""
    from pycemrg_cohort.cases import read_cases
    from pycemrg_cohort.job import Job, loaded_plugins, parameter_names
    from pycemrg_core.api import LabelScheme, names_in

    require_order(f"cohort {click.get_current_context().info_name}", recipe, inputs[0], catalogue)
    settings = settings_from(catalogue, parameters, labels, config, then, pad, accept)
    if scheme:
        catalogue.find(LabelScheme, scheme)
    names = names_in(catalogue)
    cases = read_cases(
        inputs,
        parameters=parameter_names(recipe, catalogue, settings),
        schemes=[name for c in catalogue.all(LabelScheme) for name in (c.name, c.qualified_name)],
        scheme=scheme or "",
        is_structure=lambda name: names.canonical(name) in names.known,
    )
    job = Job(recipe=recipe, settings=settings, check=check, outputs=outputs, plugins=loaded_plugins(catalogue))
    return job, cases


def require_one_place(ctx: click.Context, workers: int | None, scheduler: str | None) -> None:
    """Refuse --workers together with --scheduler."""
    if workers and scheduler:
        raise click.UsageError(
            "--workers is for this machine, and a scheduler has its own workers; give only one of the two", ctx
        )
