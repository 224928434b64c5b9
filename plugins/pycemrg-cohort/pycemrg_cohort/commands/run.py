"""The command ``pycemrg cohort run``: run a recipe on every case."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pycemrg_cohort.commands.options import cohort_options, require_one_place, work
from pycemrg_core.api import counted, name_of
from pycemrg_core.cli.kit import outputs_from, plugin_options, session_of, with_option, wrapped

if TYPE_CHECKING:
    from pycemrg_cohort.cases import Case


_STATEMENTS = 6  # different ones that are printed


@click.command(short_help="Run a recipe on every case.")
@cohort_options
@click.option("-o", "--output", required=True, metavar="DIR", help="The folder of the cohort.")
@with_option
@plugin_options
@click.pass_context
def run(
    ctx: click.Context,
    /,
    recipe: str,
    inputs: tuple[str, ...],
    output: str,
    workers: int | None,
    scheduler: str | None,
    outputs: tuple[str, ...],
    **settings: Any,
) -> None:
    """Run RECIPE on every case of INPUTS, and write one folder per case.

    INPUTS are label maps, folders of label maps, patterns in quotes, and tables (.csv or .tsv). Repeat the command
    to continue an interrupted run: finished cases whose result would be the same are not run again.

    \b
      pycemrg cohort run four_chamber_full hearts -o out
      pycemrg cohort run four_chamber_full "hearts/*.nrrd" -o out --set LA_WT=2.5
      pycemrg cohort run four_chamber_full hearts -o out --with certificate,report
      pycemrg cohort run four_chamber_full cohort.csv -o out --scheduler tcp://node1:8786
    """
    from pycemrg_core.cli.kit import held, require_folder

    require_one_place(ctx, workers, scheduler)
    catalogue = session_of(ctx).catalogue()
    chosen = outputs_from(catalogue, outputs)
    job, cases = work(catalogue, recipe, inputs, outputs=outputs, **settings)
    root = Path(output)
    require_folder(root)

    from pycemrg_cohort import marker
    from pycemrg_cohort.engine import sweep
    from pycemrg_cohort.errors import CohortError
    from pycemrg_cohort.summary import write_summary

    outcomes: dict[str, dict[str, Any]] = {}
    with held(root):
        sweep(root)
        before = {case.id for case in cases if (root / "cases" / case.id / marker.NAME).is_file()}
        try:
            _bring(
                cases,
                job.as_text(),
                root.absolute(),
                workers,
                scheduler,
                outcomes,
                outputs=not all(one.provider.built_in for one in chosen),
            )
        except KeyboardInterrupt:
            done = sum(outcome["state"] == "done" for outcome in outcomes.values())
            raise CohortError(
                f"interrupted: {done} of {counted(len(cases), 'case')} are done; repeat the command to continue"
            ) from None
        finally:
            sweep(root)
        write_summary(root, job, cases, outcomes)
    # A case that a worker finished just before it died was not done before this run.
    _tell(root, cases, outcomes, sum(outcome["again"] and name in before for name, outcome in outcomes.items()))
    if any(outcome.get("verdict") == "FAIL" for outcome in outcomes.values()):
        ctx.exit(1)


def _tell(root: Path, cases: Sequence[Case], outcomes: dict[str, dict[str, Any]], before: int) -> None:
    """Print the outcome of the cohort, with ``before`` cases done before this run; raise if a case failed."""
    from pycemrg_cohort.errors import CohortError
    from pycemrg_cohort.summary import COHORT, TABLE

    failed = [case.id for case in cases if outcomes[case.id]["state"] == "failed"]
    click.echo(
        f"{name_of(root)}: {counted(len(cases), 'case')}, {len(cases) - len(failed)} done"
        f"{f' ({before} of them before)' if before else ''}, {len(failed)} failed; {COHORT} and {TABLE} written"
    )
    verdicts = [outcome.get("verdict") for outcome in outcomes.values()]
    if any(verdicts):
        click.echo(f"verdicts: {verdicts.count('PASS')} PASS, {verdicts.count('FAIL')} FAIL")
        said = Counter(str(one["statement"]) for one in outcomes.values() if one.get("statement"))
        for statement, count in sorted(said.items(), key=lambda one: (-one[1], one[0]))[:_STATEMENTS]:
            click.echo(wrapped(f"{counted(count, 'case')}: {statement}", "  ", "    "))
        if len(said) > _STATEMENTS:
            click.echo(f"  and {len(said) - _STATEMENTS} others; see {name_of(root / TABLE)}")
    if failed:
        raise CohortError(
            f"{len(failed)} of {counted(len(cases), 'case')} failed, {failed[0]}: {outcomes[failed[0]]['error']}"
            f"{f' (all errors are in {name_of(root / TABLE)})' if len(failed) > 1 else ''}"
        )


def _bring(
    cases: Sequence[Case],
    job: str,
    root: Path,
    workers: int | None,
    scheduler: str | None,
    outcomes: dict[str, dict[str, Any]],
    *,
    outputs: bool,
) -> None:
    """Bring all cases up to date and fill ``outcomes``, by id, as they finish."""
    from pycemrg_cohort.cluster import connected
    from pycemrg_cohort.engine import run_cases
    from pycemrg_cohort.memory import case_bytes, voxel_bytes
    from pycemrg_cohort.progress import Progress

    need = case_bytes(max(voxel_bytes(case.file) for case in cases), outputs=outputs)
    with connected(len(cases), need, workers, scheduler) as found:
        progress = Progress(len(cases), found.at_once)
        progress.show()
        try:
            for outcome in run_cases(found, cases, job, root):
                outcomes[outcome["id"]] = outcome
                progress.finished(case=outcome["id"], error=outcome["error"], before=outcome["again"])
        except KeyboardInterrupt:
            progress.note("stopping ...")
            raise
        finally:
            progress.end()
