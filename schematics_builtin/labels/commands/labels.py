"""The command group ``pycemrg labels``: show, check, recognise and change the labels of an image."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pycemrg_core.api import counted, name_of
from pycemrg_core.cli.kit import (
    accept_option,
    completing,
    csv_text,
    echo_json,
    echo_table,
    heart_from,
    plugin_options,
    require_output,
    scheme_from,
    session_of,
    style,
    wrapped,
)
from schematics_builtin.labels.commands.changing import USUAL, chosen_labels, keep, remap, remove
from schematics_builtin.labels.commands.merging import merge
from schematics_builtin.labels.commands.splitting import split_veins

if TYPE_CHECKING:
    from pycemrg_core import Catalogue
    from pycemrg_core.api import LabelScheme
    from schematics_builtin.labels.anatomy.judge import Suggestion
    from schematics_builtin.labels.diagnosis import LabelDiagnostic, LabelReport, LabelStatus
    from schematics_builtin.labels.measuring import Facts

_LARGE_ML = 0.5
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_scheme = click.option(
    "--scheme",
    metavar="NAME",
    shell_complete=completing("label scheme"),
    help=f"Names for the integers; default: those in IMAGE, or in run.json beside it, or else {USUAL}.",
)


@click.group(short_help="Show, check, recognise and change the labels of an image.")
def labels() -> None:
    """Show, check, recognise and change the labels of an image."""


for _command in (remap, keep, remove, merge, split_veins):
    labels.add_command(_command)


def _status_json(status: LabelStatus) -> dict[str, Any]:
    from pycemrg_core.api import to_data

    data: dict[str, Any] = to_data(status)
    return data


def _scheme_report(image: str, scheme: str | None, catalogue: Catalogue) -> tuple[LabelReport, LabelScheme]:
    """The labels of an image, and what names them.

    Where neither the user nor the image says it, and the anatomy is clearly that of another scheme than the usual one,
    that scheme names them.
    """
    from pycemrg_core.api import LabelScheme
    from schematics_builtin.labels.diagnosis import LabelDiagnostic
    from schematics_builtin.labels.measuring import facts_of

    read = heart_from(image, catalogue, scheme, flat=True)
    record, facts = scheme_from(read, catalogue, scheme, USUAL), facts_of(read.volume)
    if not scheme and not read.labels and (found := _looks_like(facts, catalogue)) not in ("", USUAL):
        record = catalogue.get(LabelScheme, found)
        click.echo(f"note: {name_of(image)} looks like {found}, whose names are shown; see 'labels detect'", err=True)
    return LabelDiagnostic(names=record.labels).compare(read.volume, facts), record


def _looks_like(facts: Facts, catalogue: Catalogue) -> str:
    """The label scheme that the anatomy says it is; empty if it does not say."""
    from schematics_builtin.labels.anatomy import rank

    ranking = rank(facts, _schemes(catalogue))
    if ranking.verdict != "confident":
        return ""
    return USUAL if USUAL in ranking.readings[0].schemes else ranking.top


def _show(report: LabelReport) -> None:
    """Print the labels in the image, each with the two labels that it touches most."""
    rows = []
    for status in report.labels:
        if status.state == "missing":
            continue
        touches = ", ".join(
            (contact.name or str(contact.value)).removesuffix("_label") for contact in status.touches[:2]
        )
        name = status.name.removesuffix("_label") or "?"
        box = " ".join(f"{first}:{last}" for first, last in status.box)
        rows.append((status.value, name, f"{status.voxels:,}", f"{status.ml:.2f}", status.components, box, touches))
    echo_table(("", "name", "voxels", "mL", "comp.", "box x y z", "touches most"), rows, right=(0, 2, 3, 4))


@labels.command(short_help="Values, names, volumes, components and neighbours.")
@click.argument("image")
@_scheme
@_json
@plugin_options
@click.pass_context
def show(ctx: click.Context, image: str, scheme: str | None, as_json: bool) -> None:
    """List the labels of IMAGE: value, name, voxels, mL, components, bounding box, and the two it touches most.

    "comp." counts the connected components; the box is the first and last voxel along x, y and z. --json also prints
    all contacts, in mm2.
    """
    report, _ = _scheme_report(image, scheme, session_of(ctx).catalogue())
    if as_json:
        echo_json([_status_json(status) for status in report.labels if status.state != "missing"])
        return
    _show(report)


@labels.command(short_help="Volumes in mL, as a table, CSV or JSON.")
@click.argument("image")
@click.argument("names", nargs=-1)
@_scheme
@_json
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@plugin_options
@click.pass_context
def volumes(
    ctx: click.Context, image: str, names: tuple[str, ...], scheme: str | None, as_json: bool, as_csv: bool
) -> None:
    """Print the volume of each label of IMAGE in mL. NAMES (labels, groups or integers) choose some of them.

    With NAMES, a label that is not in the image is listed with 0, and the table ends with the sum.
    """
    if as_json and as_csv:
        raise click.UsageError("give --json or --csv, not both", ctx)
    catalogue = session_of(ctx).catalogue()
    report, record = _scheme_report(image, scheme, catalogue)
    chosen = chosen_labels(names, record, catalogue)
    rows = [
        (status.value, status.name, status.voxels, round(status.ml, 6))
        for status in report.labels
        if (status.value in chosen if names else status.state != "missing")
    ]
    named = {value: name for name, value in record.labels.items()}
    rows += [(value, named.get(value, ""), 0, 0.0) for value in sorted(chosen - {row[0] for row in rows})]
    if as_json:
        echo_json([dict(zip(("value", "name", "voxels", "ml"), row, strict=True)) for row in rows])
    elif as_csv:
        click.echo(csv_text([("value", "name", "voxels", "ml"), *rows]), nl=False)
    else:
        shown: list[tuple[Any, ...]] = [
            (value, name or "?", f"{voxels:,}", f"{ml:.2f}") for value, name, voxels, ml in rows
        ]
        if names:
            shown.append(("", "sum", f"{sum(row[2] for row in rows):,}", f"{sum(row[3] for row in rows):.2f}"))
        echo_table(("value", "name", "voxels", "mL"), shown, right=(0, 2, 3))


@labels.command(short_help="Does the image have what a recipe needs, in the right places?")
@click.argument("image")
@click.option("--recipe", metavar="NAME", help="Compare with the needs of a recipe.")
@click.option("--schematic", metavar="NAME", help="Compare with the needs of a single schematic.")
@click.option("--scheme", metavar="NAME", help="The label scheme of IMAGE, if it differs from the recipe.")
@click.option("--labels", "labels_file", metavar="FILE", help="A file with the integers of your image.")
@accept_option
@_json
@plugin_options
@click.pass_context
def check(
    ctx: click.Context,
    image: str,
    recipe: str | None,
    schematic: str | None,
    scheme: str | None,
    labels_file: str | None,
    accept: tuple[str, ...],
    as_json: bool,
) -> None:
    """Compare IMAGE with what a recipe, a schematic or a label scheme expects; exit with 1 on problems."""
    if (recipe and schematic) or not (recipe or schematic or scheme):
        raise click.UsageError("nothing to compare with; give --recipe, --schematic or --scheme", ctx)
    from pycemrg_core import prepare_source, read_heart
    from pycemrg_core.api import PlanError, perhaps_a_mask, require_sound
    from pycemrg_core.cli.kit import settings_from

    catalogue = session_of(ctx).catalogue()
    settings = settings_from(catalogue, {}, labels_file, None, accept=accept)
    _diagnostic(catalogue, recipe, schematic, scheme, settings)  # first, so that a wrong name is refused early
    if recipe or schematic:
        prepared, settings, read = prepare_source(
            image, catalogue, settings, recipe=recipe, scheme=scheme, name=image, check=False
        )
        volume, notes = prepared.volume, read.notes
    else:
        read = read_heart(image, catalogue, named=True)
        volume, notes = read.volume, read.notes
    diagnostic, names = _diagnostic(catalogue, recipe, schematic, scheme, settings)
    report = diagnostic.compare(volume)
    problems = list(report.problems)
    try:
        notes = (*notes, *require_sound(volume, names, catalogue, image, accept))
    except PlanError as error:
        problems += error.problems
    if problems and len(volume.boxes) == 1:
        problems.append(perhaps_a_mask())
    if as_json:
        data = {"labels": [_status_json(status) for status in report.labels], "problems": problems}
        echo_json({**data, "notes": [*notes, *report.notes]})
    else:
        _show(report)
        for note in (*notes, *report.notes):
            click.echo(f"note: {note}")
        for problem in problems:
            click.echo(f"problem: {problem}")
        click.echo(f"{name_of(image)}: {counted(len(problems), 'problem') if problems else 'no problem'}")
    if problems:
        ctx.exit(1)


def _diagnostic(
    catalogue: Catalogue, recipe: str | None, schematic: str | None, scheme: str | None, settings: Any
) -> tuple[LabelDiagnostic, Any]:
    from schematics_builtin.labels.diagnosis import LabelDiagnostic

    if recipe:
        diagnostic = LabelDiagnostic.for_recipe(recipe, catalogue, settings)
    elif schematic:
        diagnostic = LabelDiagnostic.for_schematic(schematic, catalogue, settings)
    else:
        assert scheme
        diagnostic = LabelDiagnostic.for_scheme(scheme, catalogue)
    return diagnostic, diagnostic.names


@labels.command(short_help="Which label scheme is this? Found from the anatomy, not the integers.")
@click.argument("image")
@_json
@plugin_options
@click.pass_context
def detect(ctx: click.Context, image: str, as_json: bool) -> None:
    """Rank the label schemes by how well the anatomy of IMAGE fits them, with the evidence.

    The integers alone prove nothing: several schemes use 1 to 7. "ambiguous" means that the anatomy does not
    decide; the reasons are listed.
    """
    from schematics_builtin.labels.anatomy import rank
    from schematics_builtin.labels.measuring import facts_of

    catalogue = session_of(ctx).catalogue()
    volume = heart_from(image, catalogue, beside=False).volume
    ranking = rank(facts_of(volume), _schemes(catalogue))
    if as_json:
        echo_json(_ranking_json(ranking))
        return
    if ranking.verdict == "confident":
        click.echo(f"{name_of(image)} is in the scheme {style(ranking.top, bold=True)}")
        if unsure := ranking.readings[0].unsure:
            click.echo(f"  with {', '.join(map(str, unsure))} exchanged, it would fit nearly as well")
    else:
        click.echo(f"{name_of(image)}: {ranking.verdict}")
        for doubt in ranking.doubts:
            click.echo(f"  {doubt}")
    if not ranking.readings:
        return
    rows = [
        (" = ".join(reading.schemes), f"{reading.score:.1f}", f"{max(reading.evidence.fit, 0):.0%}")
        for reading in ranking.readings[:6]
    ]
    click.echo()
    echo_table(("points", "fit", "scheme"), [(score, fit, names) for names, score, fit in rows], right=(0, 1))
    best = ranking.readings[0]
    click.echo(f"\nevidence for {best.schemes[0]}:")
    for line in best.evidence.lines[:8]:
        click.echo(wrapped(str(line), "  ", "        "))


def _schemes(catalogue: Catalogue) -> dict[str, Any]:
    from pycemrg_core.api import LabelScheme

    return {c.name: c.record.labels for c in catalogue.all(LabelScheme) if isinstance(c.record, LabelScheme)}


def _ranking_json(ranking: Any) -> dict[str, Any]:
    return {
        "verdict": ranking.verdict,
        "scheme": ranking.top if ranking.readings else "",
        "doubts": list(ranking.doubts),
        "readings": [
            {
                "schemes": list(reading.schemes),
                "score": round(reading.score, 3),
                "fit": round(reading.evidence.fit, 4),
                "evidence": [{"points": round(line.points, 3), "text": line.text} for line in reading.evidence.lines],
            }
            for reading in ranking.readings
        ],
    }


@labels.command(short_help="Which structure is each integer? For maps in an unknown scheme.")
@click.argument("image")
@click.option("-o", "--output", metavar="FILE", help="Write the structures that are sure as a labels.yaml.")
@_json
@plugin_options
@click.pass_context
def suggest(ctx: click.Context, image: str, output: str | None, as_json: bool) -> None:
    """Give each integer of IMAGE the structure that its anatomy suggests, such as 3D Slicer's 1 to N.

    "unsure" means that another structure would fit nearly as well; look at these in a viewer. Where IMAGE names its
    labels, these names are given.
    """
    import attrs

    from pycemrg_core.api import LabelError, LabelScheme
    from schematics_builtin.labels.anatomy import suggest as suggest_structures
    from schematics_builtin.labels.anatomy.judge import Suggestion
    from schematics_builtin.labels.measuring import facts_of

    if output:
        require_output(output, image)
    catalogue = session_of(ctx).catalogue()
    read = heart_from(image, catalogue)
    volume, scheme = read.volume, catalogue.get(LabelScheme, USUAL)
    facts = facts_of(volume)
    # The structures that segmentation tools write; walls and rings are offered only if there are more labels.
    segmented = [*scheme.groups["blood_pools"], "LV_myo_label"]
    # A few stray voxels with a label of their own are no wall.
    large = int((facts.volume_ml >= _LARGE_ML).sum())
    if read.labels:
        found = [Suggestion(value, name, math.inf, "") for name, value in read.labels.items() if value in volume.boxes]
    elif (known := _looks_like(facts, catalogue)) and known != USUAL:
        found = _as_in(known, facts, catalogue)
        click.echo(f"note: {name_of(image)} looks like {known}; see 'labels detect'", err=True)
    else:
        found = list(suggest_structures(facts, segmented if large <= len(segmented) else scheme.labels))
    sure = {one.structure: one.label for one in found if one.sure}
    if not sure:  # what is left are guesses, one as good as another
        found = [attrs.evolve(one, structure="", instead="") for one in found]
    if as_json:
        echo_json(
            [{"value": one.label, "name": one.structure, "sure": one.sure, "otherwise": one.instead} for one in found]
        )
    else:
        rows: list[tuple[Any, ...]] = [
            (one.label, one.structure or "none", "sure" if one.sure else _otherwise(one)) for one in found
        ]
        if sure:
            echo_table(("value", "structure", ""), rows, right=(0,))
        else:
            echo_table(("value", "structure"), [(one.label, "unknown") for one in found], right=(0,))
    if not sure:
        rest = f", and {name_of(output)} is not written" if output else ""
        raise LabelError(
            f"{name_of(image)}: the anatomy does not say what any label is{rest}; look at them in a viewer"
        )
    if output:
        _write_labels(Path(output), sure)
        click.echo(f"{name_of(output)} written, with the structures that are sure", err=as_json)


def _as_in(scheme: str, facts: Facts, catalogue: Catalogue) -> list[Suggestion]:
    """What the integers mean in a scheme that the anatomy confirms; what could be exchanged is not sure."""
    from pycemrg_core.api import LabelScheme
    from schematics_builtin.labels.anatomy import rank
    from schematics_builtin.labels.anatomy.judge import Suggestion

    reading = rank(facts, _schemes(catalogue)).readings[0]
    names = {value: name for name, value in catalogue.get(LabelScheme, scheme).labels.items()}
    unsure = [names[value] for value in reading.unsure if value in names]
    found = []
    for value in facts.labels:
        name = names.get(value, "")
        other = next((one for one in unsure if one != name), "") if name in unsure else ""
        found.append(Suggestion(value, name, 0.0 if other else math.inf, other))
    return found


def _otherwise(one: Suggestion) -> str:
    """Why a structure is not sure."""
    if one.structure or one.instead:
        return f"unsure, or {one.instead or 'none'}"
    return "too few or too scattered voxels"


def _write_labels(path: Path, table: dict[str, int]) -> None:
    from pycemrg_core.api import as_yaml
    from pycemrg_core.cli.kit import write_text

    write_text(as_yaml({"labels": table}), path)
