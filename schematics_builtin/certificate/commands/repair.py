"""``pycemrg repair``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pycemrg_core.api import amount, counted, name_of
from pycemrg_core.cli.kit import (
    accept_option,
    echo_json,
    plugin_options,
    require_output,
    session_of,
    status,
    wrapped,
)
from schematics_builtin.certificate.commands.asked import (
    echo_next,
    judged_heart,
    recipe_option,
    repaired_name,
    scheme_option,
)
from schematics_builtin.certificate.commands.findings import echo_verdict

if TYPE_CHECKING:
    from pycemrg_core.api import Finding
    from schematics_builtin.certificate.repairing import Repair


@click.command(short_help="Repair leaks, holes and loose voxels in a grown heart.")
@click.argument("image")
@click.option("-o", "--output", metavar="FILE", help="The image to write.  [default: IMAGE_repaired.nrrd]")
@recipe_option
@scheme_option
@accept_option
@click.option(
    "--limit", type=click.FloatRange(0, 100), metavar="PERCENT", default=2.0, show_default=True,
    help="The most that a structure of blood may gain or lose.",
)  # fmt: skip
@click.option(
    "--gap", type=click.FloatRange(0, 20), metavar="MM", default=0.0,
    help="Also fill background between walls that is thinner than this.",
)  # fmt: skip
@click.option("--weld", is_flag=True, help="Also weld labels whose own voxels meet only at an edge or corner.")
@click.option("-v", "--verbose", is_flag=True, help="List every change and every finding.")
@click.option("--json", "as_json", is_flag=True, help="Print what changed, and the new certificate, as JSON.")
@plugin_options
@click.pass_context
def repair(
    ctx: click.Context,
    image: str,
    output: str | None,
    recipe: str | None,
    scheme: str | None,
    accept: tuple[str, ...],
    limit: float,
    gap: float,
    weld: bool,
    verbose: bool,
    as_json: bool,
) -> None:
    """Repair the label map IMAGE by rule, and certify it again. Exits with 1 if the verdict is still FAIL.

    Loose voxels get the label that they touch most. Enclosed background is filled. Leaks are sealed with the
    adjacent valve or wall. Walls are filled up to the thickness that the recipe asks for. Voxels that meet only
    at an edge are joined. If the heart touches the border of the image, the image is enlarged. Without --recipe,
    run.json beside IMAGE says what the heart must be.

    A mesh generator may also pinch at narrow gaps between walls, and where a single label has such edges: --gap fills
    the gaps, with the edge length of the mesh, and --weld welds the labels.

    \b
      pycemrg repair out/heart.nrrd
      pycemrg repair heart.nrrd -o repaired.nrrd --recipe four_chamber_full
      pycemrg repair out/heart.nrrd -o out/meshable.nrrd --gap 1.2 --weld
    """
    from pycemrg_core.api import write_volume
    from schematics_builtin.certificate.hearts import heart_of, is_ungrown
    from schematics_builtin.certificate.repairing import repair as repair_image
    from schematics_builtin.manifold import GAP
    from schematics_builtin.readers import named_extras, segments_of

    output = output or str(repaired_name(image))
    require_output(output, image, image=True)
    catalogue = session_of(ctx).catalogue()
    read, asked = judged_heart(image, catalogue, recipe, scheme, accept)
    name = Path(output).name
    with status() as told:
        done = repair_image(
            read.volume, catalogue, asked, limit_percent=limit, gap_mm=gap, weld=weld, name=name, told=told
        )
    names = asked.names if scheme or read.labels else {}
    segments = segments_of(names, catalogue, read.segmentation.segments if read.labels else ())
    write_volume(done.volume, output, named_extras(output, done.volume, segments))
    click.echo(f"{name_of(output)} written", err=True)
    if as_json:
        echo_json(_as_json(done))
    else:
        _show(done, verbose)
        if gap and not any(entry.rule == GAP for entry in done.ledger):
            click.echo(f"{GAP}: none is thinner than {gap:g} mm")
        echo_verdict(done.certificate)
        heart, about = heart_of(read.volume, asked), image
        if done.certificate.passed or not is_ungrown(heart):
            heart, about = heart_of(done.volume, asked), output
        echo_next(done.certificate, heart, about, catalogue, given=recipe, repaired=True)
    if not done.certificate.passed:
        ctx.exit(1)


def _show(done: Repair, verbose: bool) -> None:
    from schematics_builtin.certificate.groups import place_of

    for rule in dict.fromkeys(entry.rule for entry in done.ledger):
        changes = sorted((e.change for e in done.ledger if e.rule == rule), key=lambda one: -one.voxels)
        voxels, mm3 = sum(one.voxels for one in changes), sum(one.mm3 for one in changes)
        if verbose or len(changes) == 1:
            for one in changes:
                click.echo(f"{rule}: {_amount(one.voxels, one.mm3)} of {one.old_name} -> {one.new_name}")
        else:
            most = f"most {changes[0].old_name} -> {changes[0].new_name}, {changes[0].voxels:,}"
            click.echo(wrapped(f"{rule}: {_amount(voxels, mm3)}; {most}", "", "  "))
    low, high = done.padding
    if any((*low, *high)):
        click.echo(f"border: the image grew by {low} voxels at its low and {high} at its high ends (x, y, z)")
    if not done.ledger and not any((*low, *high)):
        click.echo("nothing that a rule can repair" if done.left else "nothing to repair")
    alike: dict[tuple[Any, ...], list[Finding]] = {}
    for finding, why in _not_repaired(done):
        alike.setdefault((finding.check, why, finding if verbose else None), []).append(finding)
    for (check, why, _), (first, *more) in alike.items():
        others = f"; and {len(more):,} more" if more else ""
        click.echo(wrapped(f"not repaired: {check}: {first.what}{place_of(first)}{others}; {why}", "", "  "))


def _amount(voxels: int, mm3: float) -> str:
    return f"{counted(voxels, 'voxel')} ({amount(mm3, 'mm3')})"


def _not_repaired(done: Repair) -> list[tuple[Any, str]]:
    """The remaining errors, each with the reason."""
    found = []
    for finding in done.left:
        held = dict.fromkeys(done.reasons(finding))
        found.append((finding, "; ".join(held) or "no rule repairs this; correct the segmentation and run again"))
    return found


def _as_json(done: Repair) -> dict[str, Any]:
    from pycemrg_core.api import to_data

    return {
        "ledger": [{"rule": entry.rule, **to_data(entry.change)} for entry in done.ledger],
        "padding": {"low": list(done.padding[0]), "high": list(done.padding[1])},
        "not_repaired": [{"check": one.check, "what": one.what, "why": why} for one, why in _not_repaired(done)],
        "certificate": done.certificate.as_json(),
    }
