"""``pycemrg run``."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from pycemrg_core.cli.completion import completing
from pycemrg_core.cli.options import (
    folder_for,
    outputs_from,
    require_order,
    setting_options,
    settings_from,
    with_option,
)
from pycemrg_core.cli.session import plugin_options, session_of, wrapped
from pycemrg_core.shown.words import counted
from pycemrg_core.text.files import name_of

if TYPE_CHECKING:
    from pycemrg_core.api.records import Output
    from pycemrg_core.cli.terminal import Interrupts
    from pycemrg_core.errors import PycemrgError
    from pycemrg_core.plugins.catalogue import Catalogue, Contribution
    from pycemrg_core.recipes.plans import Plan
    from pycemrg_core.recipes.preparation import Prepared
    from pycemrg_core.recipes.runner import Resume, RunResult
    from pycemrg_core.runs.finished import FinishedRun
    from pycemrg_core.runs.kept_steps import KeptSteps
    from pycemrg_core.runs.outputs import Outputs
    from pycemrg_core.runs.run_folder import Source


@click.command(short_help="Run a recipe on a label map.")
@click.argument("recipe", required=False, shell_complete=completing("recipe", "schematic"))
@click.argument("image", required=False)
@click.option("-o", "--output", metavar="DIR", help="The folder for heart.nrrd and run.json.  [default: IMAGE_RECIPE]")
@setting_options
@with_option
@click.option("--keep-steps", is_flag=True, help="Also write the image after each step, into DIR/steps.")
@click.option("--resume", is_flag=True, help="Continue an interrupted run that had --keep-steps.")
@click.option("--force", is_flag=True, help="Replace files in DIR that are of another heart, or of no run.")
@click.option("--again", metavar="RUN.JSON", help="Repeat a recorded run exactly.")
@click.option("--any-version", is_flag=True, help="With --again: allow other plugin versions.")
@plugin_options
@click.pass_context
def run(
    ctx: click.Context,
    recipe: str | None,
    image: str | None,
    output: str | None,
    parameters: dict[str, float],
    scheme: str | None,
    labels: str | None,
    config: str | None,
    then: tuple[str, ...],
    check: bool,
    pad: bool,
    accept: tuple[str, ...],
    outputs: tuple[str, ...],
    keep_steps: bool,
    resume: bool,
    force: bool,
    again: str | None,
    any_version: bool,
) -> None:
    """Run RECIPE on the label map IMAGE and write the result into a folder.

    RECIPE can be a single schematic too; see 'pycemrg list-schematics'.

    \b
      pycemrg run four_chamber_full heart_labels.nrrd -o out
      pycemrg run four_chamber_full heart_labels.nrrd -o thick --set LA_WT=2.5
      pycemrg run four_chamber_full heart_labels.nrrd -o out --with picture,certificate
      pycemrg run --again out/run.json
    """
    if any_version and not again:
        raise click.UsageError("--any-version needs --again", ctx)
    catalogue = session_of(ctx).catalogue()
    chosen = outputs_from(catalogue, outputs)
    if again:
        if image or parameters or scheme or labels or config or then or accept or keep_steps or resume:
            raise click.UsageError("--again takes at most an IMAGE, -o, --with, --force and --any-version", ctx)
        _run_again(ctx, catalogue, again, recipe, output, any_version, chosen, force)
        return
    if not recipe or not image:
        raise click.UsageError("give a RECIPE and an IMAGE; see 'pycemrg list-recipes'", ctx)

    from pycemrg_core.cli.inputs import target_of
    from pycemrg_core.recipes.planner import plan
    from pycemrg_core.recipes.preparation import make_room, prepare_source
    from pycemrg_core.runs.earlier import require_place
    from pycemrg_core.runs.run_folder import IMAGE, STEPS, Source, held

    require_order("run", recipe, image, catalogue)
    settings = settings_from(catalogue, parameters, labels, config, then, pad, accept)
    target, settings = target_of(recipe, catalogue, settings)
    prepared, settings, read = prepare_source(
        image, catalogue, settings, recipe=target, scheme=scheme, name=image, check=check
    )
    planned = plan(target, catalogue, prepared.facts, settings)
    prepared = make_room(prepared, planned, settings)
    folder, source = Path(output or folder_for(image, recipe)), Source.of(image, read)
    with held(folder):
        kept = None
        if keep_steps or resume:
            from pycemrg_core.runs.kept_steps import KeptSteps

            kept = KeptSteps(folder / STEPS, planned, source, prepared)
        start = kept.resume() if kept and resume else None
        fresh = kept is not None and start is None
        _echo_notes(source.notes)
        _echo_notes(require_place(folder, source, catalogue, chosen, force=force, keep_steps=fresh))
        done = _execute(ctx, catalogue, planned, prepared, source, folder, chosen, kept=kept, start=start)
    _judge(ctx, done)
    if done.outputs.verdict is None:
        _echo_next(catalogue, folder / IMAGE)


def _run_again(
    ctx: click.Context,
    catalogue: Catalogue,
    record: str,
    image: str | None,
    output: str | None,
    any_version: bool,
    chosen: tuple[Contribution[Output], ...],
    force: bool,
) -> None:
    from pycemrg_core.errors import OutputError
    from pycemrg_core.runs.earlier import require_place
    from pycemrg_core.runs.replay import SavedRun
    from pycemrg_core.runs.run_folder import Source, held

    saved = SavedRun.read(record)
    source = Source.of(image or saved.input_path)
    planned = saved.plan(catalogue, source, any_version=any_version)
    beside = saved.path.resolve().parent
    folder = Path(output or os.path.relpath(beside.with_name(f"{beside.name}_again")))
    with held(folder):
        _echo_notes(source.notes)
        _echo_notes(require_place(folder, source, catalogue, chosen, force=force))
        prepared = saved.prepare(*saved.read_input(source, catalogue))
        done = _execute(ctx, catalogue, planned, prepared, source, folder, chosen)
    if done.run.voxels_sha256 != saved.data["output"]["voxels_sha256"]:
        raise OutputError(f"{name_of(folder)}: the image differs from the one of {record}; compare the two run.json")
    click.echo(f"every voxel is the same as in {record}")
    _judge(ctx, done)


def _echo_notes(notes: tuple[str, ...]) -> None:
    for note in notes:
        click.echo(f"note: {note}", err=True)


class _Done(NamedTuple):
    run: FinishedRun
    outputs: Outputs


def _execute(
    ctx: click.Context,
    catalogue: Catalogue,
    planned: Plan,
    prepared: Prepared,
    source: Source,
    folder: Path,
    chosen: tuple[Contribution[Output], ...],
    *,
    kept: KeptSteps | None = None,
    start: Resume | None = None,
) -> _Done:
    """Run, show progress, make the outputs, write everything."""
    from pycemrg_core.runs.finished import FinishedRun
    from pycemrg_core.runs.outputs import make_outputs
    from pycemrg_core.runs.results import write_result
    from pycemrg_core.runs.run_folder import IMAGE, RECORD

    for one in planned.left_out:
        click.echo(f"left out: {one}", err=True)
    interrupts = session_of(ctx).interrupts
    result = _steps(planned, prepared, folder, kept, start, interrupts)
    _echo_notes(result.record.warnings)
    run = FinishedRun(
        result=result,
        prepared=prepared,
        plan=planned,
        source=source,
        catalogue=catalogue,
        kept_steps=kept.folder if kept else None,
    )
    try:
        outputs = make_outputs(run, chosen)
        interrupts.check()
        removed = write_result(run, folder, outputs)
    except KeyboardInterrupt:
        raise _interrupted(folder, kept) from None
    if removed:
        click.echo(f"note: {', '.join(removed)} of an earlier run removed from {name_of(folder)}", err=True)
    written = [IMAGE, RECORD, *outputs.files]
    click.echo(f"{name_of(folder)}: {', '.join(written[:-1])} and {written[-1]} written")
    for _, made in outputs.made:
        for line in made.summary.splitlines():
            text = line.lstrip()
            click.echo(wrapped(text, line[: len(line) - len(text)], "  "))
    return _Done(run, outputs)


def _echo_next(catalogue: Catalogue, heart: Path) -> None:
    """The commands that tell something about a result on which no output gave a verdict."""
    from pycemrg_core.api.records import Command

    for one in catalogue.all(Command):
        if one.record.after_run:
            click.echo(f"next: pycemrg {one.name} {shlex.quote(str(heart))}  ({one.record.after_run})")


def _judge(ctx: click.Context, done: _Done) -> None:
    """Exit with 1 when an output could not be made, or its verdict is against the heart."""
    from pycemrg_core.errors import PycemrgError

    if failures := done.outputs.failures:
        raise PycemrgError("; ".join(map(str, failures))) from failures[0]
    if done.outputs.verdict is False:
        ctx.exit(1)


def _steps(
    planned: Plan,
    prepared: Prepared,
    folder: Path,
    kept: KeptSteps | None,
    start: Resume | None,
    interrupts: Interrupts,
) -> RunResult:
    """Run the steps with a line of progress for each."""
    from pycemrg_core.recipes.runner import RunResult, StepFinished, StepStarted, run_plan

    progress = Progress()
    result = None
    try:
        for event in run_plan(planned, prepared, resume=start):
            interrupts.check()
            if isinstance(event, StepStarted):
                progress.started(event.number, event.total, event.name)
            elif isinstance(event, StepFinished):
                progress.finished(event)
                if kept:
                    kept.keep(event)
            else:
                result = event
    except BaseException as error:
        progress.stopped()
        if not isinstance(error, KeyboardInterrupt):
            raise
        raise _interrupted(folder, kept) from None
    assert isinstance(result, RunResult)
    return result


def _interrupted(folder: Path, kept: KeptSteps | None) -> PycemrgError:
    """What to say of a run that was stopped, during its steps or after them."""
    from pycemrg_core.errors import PycemrgError

    how = "the finished steps are kept, continue with --resume" if kept else f"{name_of(folder)} is unchanged"
    return PycemrgError(f"interrupted; {how}")


class Progress:
    """A line per step on a terminal, nothing in a pipe."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()
        self._open = False

    def started(self, number: int, total: int, name: str) -> None:
        if self._shown:
            click.echo(f"[{number:2}/{total}] {name} ...", err=True, nl=False)
            self._open = True

    def finished(self, event: Any) -> None:
        if self._shown:
            record = event.record
            done = f"[{event.number:2}/{event.total}] {record.name:<24} {record.seconds:7.2f} s"
            click.echo(f"\r{done}  {counted(record.voxels, 'voxel')}".ljust(60), err=True)
            self._open = False

    def stopped(self) -> None:
        """End the line of a step that did not finish, so that the error starts on a new line."""
        if self._open:
            click.echo(err=True)
