"""What ``certify`` and ``repair`` share: the heart that they judge, by which rules, and what to do next."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import click

from pycemrg_core.api import stem_of
from pycemrg_core.cli.kit import completing

recipe_option = click.option(
    "--recipe",
    metavar="NAME",
    shell_complete=completing("recipe"),
    help="The recipe that made IMAGE; its rules are used.",
)
scheme_option = click.option(
    "--scheme",
    metavar="NAME",
    shell_complete=completing("label scheme"),
    help="The label scheme of IMAGE; see 'pycemrg list-schemes'.",
)

if TYPE_CHECKING:
    from pycemrg_core import Catalogue
    from pycemrg_core.api import Blueprint, Heart, NamedVolume
    from schematics_builtin.certificate.certification import Certificate


def judged_heart(
    image: str, catalogue: Catalogue, recipe: str | None, scheme: str | None, accept: tuple[str, ...]
) -> tuple[NamedVolume, Blueprint]:
    """Read a label map, and say what it must be. Prints the notes.

    Without a recipe and a scheme, ``run.json`` beside the image says it, if it is about these voxels. The names in the
    image say what its integers are, where neither a scheme nor that record does.
    """
    from pycemrg_core.cli.kit import heart_from
    from schematics_builtin.certificate.hearts import asked_beside, asked_of

    asked = asked_of(catalogue, recipe, scheme, accept)  # first, so that a wrong name is refused before the image
    read = heart_from(image, catalogue, scheme, beside=False)
    if read.labels:
        asked = asked_of(catalogue, recipe, None, accept, labels=read.labels)
    if not recipe and not scheme:
        beside, note = asked_beside(Path(image), read.volume, catalogue)
        if note:
            click.echo(f"note: {note}", err=True)
        asked = attrs.evolve(beside, accepted=(*beside.accepted, *accept)) if beside else asked
    return read, asked


def echo_next(
    certificate: Certificate,
    heart: Heart,
    image: str,
    catalogue: Catalogue,
    *,
    given: str | None,
    repaired: bool = False,
) -> None:
    """Print the next command, on a line of its own that can be copied.

    ``image`` is the file that it is about, ``given`` the recipe that the user named.
    """
    click.echo(f"next: {_next(certificate, heart, image, catalogue, given, repaired)}")


def _next(
    certificate: Certificate, heart: Heart, image: str, catalogue: Catalogue, given: str | None, repaired: bool
) -> str:
    from pycemrg_core.cli.kit import RECORD
    from schematics_builtin.certificate.hearts import is_ungrown
    from schematics_builtin.certificate.repairing import is_repaired

    path = Path(image)
    name = shlex.quote(image)
    # A recipe by its name has its own thicknesses; run.json has those of the run.
    needed = given or ("" if path.with_name(RECORD).is_file() else certificate.recipe)
    recipe = f" --recipe {needed}" if needed else ""
    if certificate.passed:
        if catalogue.named("mesh"):
            return f"pycemrg mesh {name}{recipe} -o {shlex.quote(str(path.with_name(f'{stem_of(image)}.vtu')))}"
        return "mesh the tissue; 'pycemrg labels remap' drops the blood and renumbers"
    if is_ungrown(heart):
        fitting = _fitting(heart, catalogue)
        how = f"plan {fitting} {name}" if fitting else f"labels detect {name}"
        return f"this is a segmentation that no recipe has grown; pycemrg {how}"
    errors = [one.check for one in certificate.findings if one.severity.value == "error"]
    if not repaired and any(map(is_repaired, errors)):
        return f"pycemrg repair {name}{recipe} -o {shlex.quote(str(repaired_name(image)))}"
    return f"correct the segmentation and run again; 'pycemrg describe {errors[0]}' explains a check"


def _fitting(heart: Heart, catalogue: Catalogue) -> str:
    """The recipe that needs most of what a segmentation has."""
    from pycemrg_core.api import Recipe

    has = {name for label in heart.volume.boxes for name in heart.name(label).split(" or ")}
    fitting = [one.record for one in catalogue.all(Recipe) if one.record.needs and has.issuperset(one.record.needs)]
    return max(fitting, key=lambda one: len(one.needs)).name if fitting else ""


def repaired_name(image: str) -> Path:
    """Where a repaired image goes when the user names no file: beside the image, as NRRD."""
    return Path(image).with_name(f"{stem_of(image)}_repaired.nrrd")
