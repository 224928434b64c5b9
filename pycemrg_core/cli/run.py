"""``pycemrg run``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pycemrg_core.cli.options import (
    label_table_option,
    setting_options,
    settings_from,
    table_path,
    write_table,
)
from pycemrg_core.cli.session import counted, plugin_options, session_of
from schematics_builtin.certificate.commands.findings import verdict_line

if TYPE_CHECKING:
    from pycemrg_core.plugins.catalogue import Catalogue
    from pycemrg_core.recipes.planner import Plan
    from pycemrg_core.recipes.preparation import Prepared
    from pycemrg_core.recipes.runner import Resume, RunResult
    from pycemrg_core.runs.replay import KeptSteps
    from pycemrg_core.runs.run_folder import Source
    from schematics_builtin.labels.label_files import Kind


REPORT = "report"


@click.command(short_help="Grow a label map by a recipe.")
@click.argument("recipe", required=False)
@click.argument("image", required=False)
@click.option("-o", "--output", metavar="DIR", help="The folder for heart.nrrd and run.json.")
@setting_options
@click.option("--picture", is_flag=True, help="Also draw slices before and after, as slices.png.")
@label_table_option
@click.option("--certify", is_flag=True, help="Also certify the result, as certificate.json.")
@click.option("--report", is_flag=True, help="Also write the page about it, report.html (plugin pycemrg-report).")
@click.option("--keep-steps", is_flag=True, help="Also write the image after each step, into DIR/steps.")
@click.option("--resume", is_flag=True, help="Take up a run with --keep-steps where it stopped.")
@click.option("--again", metavar="RUN.JSON", help="Repeat the run of a record, bit by bit.")
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
    check: bool,
    picture: bool,
    label_table: Kind | None,
    certify: bool,
    report: bool,
    keep_steps: bool,
    resume: bool,
    again: str | None,
    any_version: bool,
) -> None:
    """Grow the label map IMAGE by RECIPE and write the result into a folder.

    \b
      pycemrg run four_chamber_full heart_labels.nrrd -o out
      pycemrg run four_chamber_full heart_labels.nrrd -o thick --set LA_WT=2.5
      pycemrg run --again out/run.json
    """
    if any_version and not again:
        raise click.UsageError("--any-version goes with --again", ctx)
    catalogue = session_of(ctx).catalogue()
    page = report_command(catalogue) if report else None
    if again:
        if image or parameters or scheme or labels or config or keep_steps or resume or certify or report:
            raise click.UsageError(
                "--again takes at most an IMAGE, -o, --picture, --label-table and --any-version", ctx
            )
        _run_again(catalogue, again, recipe, output, any_version, picture, label_table)
        return
    if not recipe or not image or not output:
        raise click.UsageError("give a RECIPE, an IMAGE and -o DIR; see 'pycemrg list-recipes'", ctx)

    from pycemrg_core.images import image_files
    from pycemrg_core.recipes.planner import plan
    from pycemrg_core.recipes.preparation import prepare
    from pycemrg_core.runs.replay import STEPS, KeptSteps
    from pycemrg_core.runs.run_folder import Source, check_place

    settings = settings_from(catalogue, parameters, labels, config)
    volume, notes = image_files.read_volume(image)
    prepared = prepare(volume, catalogue, settings, recipe=recipe, scheme=scheme, name=image, notes=notes, check=check)
    planned = plan(recipe, catalogue, prepared.facts, settings)
    folder, source = Path(output), Source.of(image)
    check_place(folder, source)
    kept = KeptSteps(folder / STEPS, planned, source, prepared) if keep_steps or resume else None
    start = kept.resume() if kept and resume else None
    _execute(
        catalogue, planned, prepared, source, folder,
        picture=picture, label_table=label_table, certify=certify, kept=kept, start=start,
    )  # fmt: skip
    if page:
        ctx.invoke(page, folder=output, output=None)


def report_command(catalogue: Catalogue) -> click.Command:
    """The command that writes the page about a run. Raises :class:`UnknownNameError` when no plugin has it."""
    from pycemrg_core.api.records import Command
    from pycemrg_core.errors import UnknownNameError

    try:
        command: click.Command = catalogue.get(Command, REPORT).command.load()
    except UnknownNameError:
        remedy = "install it with: pip install pycemrg-report, or leave --report out"
        raise UnknownNameError(f"--report needs the plugin pycemrg-report, which is not loaded; {remedy}") from None
    return command


def _run_again(
    catalogue: Catalogue,
    record: str,
    image: str | None,
    output: str | None,
    any_version: bool,
    picture: bool,
    label_table: Kind | None,
) -> None:
    from pycemrg_core.errors import OutputError
    from pycemrg_core.images import image_files
    from pycemrg_core.runs.replay import SavedRun
    from pycemrg_core.runs.run_folder import Source, check_place

    saved = SavedRun.read(record)
    source = Source.of(image or saved.input_path)
    planned = saved.plan(catalogue, source, any_version=any_version)
    folder = (
        Path(output) if output else saved.path.resolve().parent.with_name(f"{saved.path.resolve().parent.name}_again")
    )
    check_place(folder, source)
    prepared = saved.prepare(*image_files.read_volume(source.path))
    result = _execute(catalogue, planned, prepared, source, folder, picture=picture, label_table=label_table)
    if result.volume.voxels_sha256() != saved.data["output"]["voxels_sha256"]:
        raise OutputError(f"{folder}: the image differs from the one of {record}; compare the two run.json")
    click.echo(f"every voxel is as in {record}")


def _execute(
    catalogue: Catalogue,
    planned: Plan,
    prepared: Prepared,
    source: Source,
    folder: Path,
    *,
    picture: bool,
    label_table: Kind | None,
    certify: bool = False,
    kept: KeptSteps | None = None,
    start: Resume | None = None,
) -> RunResult:
    """Run, show progress, write the result."""
    from pycemrg_core.errors import PycemrgError
    from pycemrg_core.runs.run_folder import CERTIFICATE, IMAGE, RECORD, write_json, write_result

    result = _steps(planned, prepared, folder, kept, start)
    for warning in result.record.warnings:
        click.echo(f"note: {warning}", err=True)
    extra: dict[str, Callable[[Path], Any]] = {}
    if picture:
        extra["slices.png"] = lambda path: draw(prepared, result, catalogue, planned, path)
    if label_table:
        name = table_path(folder / IMAGE, label_table).name
        extra[name] = lambda path: write_table(result.image, planned.names, catalogue, path, label_table)
    certificate = result.certificate(catalogue, name=IMAGE) if certify else None
    if certificate:
        data = certificate.as_json()
        extra[CERTIFICATE] = lambda path: write_json(data, path)
    try:
        write_result(result, source, folder, extra)
    except KeyboardInterrupt:
        raise PycemrgError(f"interrupted; {folder} is as it was") from None
    written = [IMAGE, RECORD, *extra]
    click.echo(f"{folder}: {', '.join(written[:-1])} and {written[-1]} written")
    if certificate:
        click.echo(verdict_line(certificate))
        if not certificate.passed:
            click.echo(f"{folder / CERTIFICATE} says what; 'pycemrg repair' closes what can be closed by rule")
    return result


def _steps(planned: Plan, prepared: Prepared, folder: Path, kept: KeptSteps | None, start: Resume | None) -> RunResult:
    """Run the steps with a line of progress for each."""
    from pycemrg_core.errors import PycemrgError
    from pycemrg_core.recipes.runner import RunResult, StepFinished, StepStarted, run_plan

    progress = Progress()
    result = None
    try:
        for event in run_plan(planned, prepared, resume=start):
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
        how = "go on with --resume" if kept else f"{folder} is as it was"
        raise PycemrgError(f"interrupted; {how}") from None
    assert isinstance(result, RunResult)
    return result


def draw(prepared: Prepared, result: RunResult, catalogue: Catalogue, planned: Plan, path: Path) -> None:
    """Draw the slices in the colours that label schemes give to the names."""
    from pycemrg_core.images.image_files import image_of
    from pycemrg_core.recipes.conversion import colours_of
    from schematics_builtin.pictures.picture import draw_slices

    draw_slices(image_of(prepared.volume), result.image, planned.names, colours_of(catalogue), path)


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
        """End the line of a step that did not finish, so that the error has one of its own."""
        if self._open:
            click.echo(err=True)
