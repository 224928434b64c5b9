"""The command ``pycemrg cohort plan``: test every case without running it."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import click

from pycemrg_cohort.commands.options import cohort_options, require_one_place, work
from pycemrg_core.api import counted
from pycemrg_core.cli.kit import echo_json, echo_table, plugin_options, session_of

if TYPE_CHECKING:
    from pycemrg_cohort.cases import Case


@click.command(short_help="Test whether every case would run, without running it.")
@cohort_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@plugin_options
@click.pass_context
def plan(
    ctx: click.Context,
    /,
    recipe: str,
    inputs: tuple[str, ...],
    workers: int | None,
    scheduler: str | None,
    as_json: bool,
    **settings: Any,
) -> None:
    """Test whether RECIPE would run on every case of INPUTS; exit with 1 if it would fail on one.

    The largest case that would not fail runs once in memory, to estimate the time for all cases and the memory of a
    worker.
    """
    from pycemrg_cohort.errors import CohortError

    require_one_place(ctx, workers, scheduler)
    catalogue = session_of(ctx).catalogue()
    job, cases = work(catalogue, recipe, inputs, **settings)
    found, total = _checked(cases, job.as_text(), workers, scheduler)
    if as_json:
        rows = [{"id": case.id, "path": case.path, **found[case.id]} for case in cases]
        echo_json({"recipe": recipe, "cases": rows, "total": total})
    else:
        _show(cases, found, total)
    if failing := sum(bool(one["problems"]) for one in found.values()):
        raise CohortError(f"{failing} of {counted(len(cases), 'case')} would fail")


def _checked(
    cases: Sequence[Case], job: str, workers: int | None, scheduler: str | None
) -> tuple[dict[str, dict[str, Any]], dict[str, Any] | None]:
    """The problems of each case by id, and the estimated cost of all; None when no case would run."""
    from pycemrg_cohort.cluster import connected
    from pycemrg_cohort.engine import plan_cases, sample_case
    from pycemrg_cohort.memory import case_bytes, voxel_bytes
    from pycemrg_cohort.progress import Progress
    from pycemrg_cohort.workers import Lost

    need = case_bytes(max(voxel_bytes(case.file) for case in cases))
    with connected(len(cases), need, workers, scheduler) as there:
        progress, found = Progress(len(cases), there.at_once), {}
        for one in plan_cases(there, cases, job):
            found[one.pop("id")] = one
            progress.finished(case="")
        progress.end()
        at_once = there.at_once()
        voxels = {name: prod(one["size"]) for name, one in found.items() if not one["problems"]}
        largest = max(voxels, key=lambda name: (voxels[name], name), default=None)
        if largest is None:
            return found, None
        cost = sample_case(there, next(case for case in cases if case.id == largest), job)
    if isinstance(cost, Lost):
        found[largest]["problems"] = [cost.why]
        return found, None
    # The time of a case is proportional to its voxels; the workers share the cases.
    seconds = cost["seconds"] * sum(voxels.values()) / voxels[largest] / max(1, min(at_once, len(voxels)))
    return found, {
        "sample": largest,
        "sample_seconds": round(cost["seconds"], 3),
        "workers": at_once,
        "seconds": round(seconds, 3),
        "memory_mib": round(cost["memory"] / 2**20),
    }


def _show(cases: Sequence[Case], found: dict[str, dict[str, Any]], total: dict[str, Any] | None) -> None:
    from pycemrg_cohort.progress import duration

    rows = []
    for case in cases:
        one = found[case.id]
        if one["problems"]:
            rows.append((case.id, "-", "-", "; ".join(one["problems"])))
            continue
        size = " x ".join(map(str, one["size"]))
        spacing = " x ".join(f"{length:.3g}" for length in one["spacing"])
        notes = counted(len(one["warnings"]), "note") if one["warnings"] else ""
        rows.append((case.id, size, spacing, ", ".join(filter(None, [counted(one["steps"], "step"), notes]))))
    echo_table(("case", "voxels", "mm", "what would happen"), rows)
    if total:
        click.echo(
            f"the largest, {total['sample']}, takes {duration(total['sample_seconds'])} and"
            f" {total['memory_mib']:,} MiB; all: about {duration(total['seconds'])} on"
            f" {counted(total['workers'], 'worker')}, without writing"
        )
