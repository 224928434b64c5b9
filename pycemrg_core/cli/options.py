"""Options that ``run`` and ``plan`` share, and the settings that they give."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pycemrg_core.cli.completion import completing
from pycemrg_core.text.numbers import parse_number

if TYPE_CHECKING:
    from pycemrg_core.api.records import LabelScheme, Output
    from pycemrg_core.images.named_volume import NamedVolume
    from pycemrg_core.plugins.catalogue import Catalogue, Contribution
    from pycemrg_core.recipes.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])


def _assignments(_ctx: click.Context, _param: click.Parameter, texts: tuple[str, ...]) -> dict[str, float]:
    values: dict[str, float] = {}
    for text in texts:
        name, _, value = text.partition("=")
        found = parse_number(value)
        if found is None or not name.strip():
            like = (name.split() or ["thickness"])[0]
            raise click.BadParameter(f"{text!r} is not NAME=NUMBER; write it like {like}=2.5")
        if values.setdefault(name.strip(), found) != found:
            raise click.BadParameter(
                f"{name.strip()} is set to {values[name.strip()]:g} and to {found:g}; give it once"
            )
    return values


def _names(_ctx: click.Context, _param: click.Parameter, texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip() for text in texts for name in text.split(",") if name.strip()))


def accept_option(command: F) -> F:
    """``--accept``, the doubts of checks and steps that are no errors in this image."""
    return click.option(
        "--accept", metavar="DOUBT,...", multiple=True, callback=_names,
        help="What a check or step doubts and you know to be so; the message names it.",
    )(command)  # fmt: skip


def setting_options(command: F) -> F:
    """``--scheme``, ``--set``, ``--then``, ``--labels``, ``--config``, ``--accept``, ``--no-check``, ``--no-pad``."""
    command = click.option(
        "--no-pad", "pad", is_flag=True, flag_value=False, default=True,
        help="Do not add background where a wall would meet the border of the image.",
    )(command)  # fmt: skip
    command = click.option(
        "--no-check", "check", is_flag=True, flag_value=False, default=True,
        help="Leave out the checks of the image, such as whether its anatomy fits the labels.",
    )(command)  # fmt: skip
    command = accept_option(command)
    command = click.option(
        "--config", metavar="DIR", help="A folder with labels.yaml, parameters.json and semantic_maps/."
    )(command)
    command = click.option("--labels", metavar="FILE", help="A labels.yaml with the integers of your image.")(command)
    command = click.option(
        "--scheme", metavar="NAME", shell_complete=completing("label scheme"),
        help="The label scheme of IMAGE; see 'pycemrg list-schemes'.",
    )(command)  # fmt: skip
    command = click.option(
        "--then", metavar="SCHEMATIC", multiple=True, shell_complete=completing("schematic"),
        help="Run this schematic after the recipe; may be repeated. See 'pycemrg list-schematics'.",
    )(command)  # fmt: skip
    return click.option(
        "--set", "parameters", metavar="NAME=NUMBER", multiple=True, callback=_assignments,
        shell_complete=completing("parameter", end="="),
        help="Set a parameter, such as thickness=2.5 (mm); may be repeated.",
    )(command)  # fmt: skip


def with_option(command: F) -> F:
    """``--with``, the outputs to write next to the result; :func:`outputs_from` finds them."""
    return click.option(
        "--with", "outputs", metavar="OUTPUT,...", multiple=True, callback=_names,
        shell_complete=completing("output", lists=True),
        help="Also write these outputs, separated by commas. See 'pycemrg list-outputs'.",
    )(command)  # fmt: skip


def outputs_from(catalogue: Catalogue, names: tuple[str, ...]) -> tuple[Contribution[Output], ...]:
    """The outputs that ``--with`` names, and the outputs that they need.

    Raises :class:`PycemrgError` for an output that cannot be made. If its plugin is not loaded, the text says where to
    find the plugin.
    """
    if not names:
        return ()
    from pycemrg_core.cli.hints import unavailable
    from pycemrg_core.errors import UnknownNameError
    from pycemrg_core.runs.outputs import choose_outputs

    try:
        return choose_outputs(catalogue, names)
    except UnknownNameError as error:
        missing = [text for name in names if (text := unavailable("outputs", name, catalogue))]
        raise UnknownNameError("; ".join(missing) or str(error)) from error


def settings_from(
    catalogue: Catalogue,
    parameters: dict[str, float],
    labels: str | None,
    config: str | None,
    then: tuple[str, ...] = (),
    pad: bool = True,
    accept: tuple[str, ...] = (),
) -> Settings:
    """The settings that the options give; ``--labels`` and ``--set`` win over ``--config``."""
    import attrs

    from pycemrg_core.recipes.checking import require_doubts
    from pycemrg_core.recipes.settings import Settings

    require_doubts(accept, catalogue)
    settings = Settings()
    if config:
        from pycemrg_core.runs.configuration import read_config

        settings = read_config(Path(config), catalogue)
    if labels:
        from pycemrg_core.text.label_tables import read_labels_file

        settings = attrs.evolve(settings, labels={**settings.labels, **read_labels_file(labels)})
    return attrs.evolve(settings, parameters=parameters, then=then, pad=pad, accept=accept)


def heart_from(
    image: str, catalogue: Catalogue, scheme: str | None = None, *, flat: bool = False, beside: bool = True
) -> NamedVolume:
    """Read what a command takes as a heart, as one label map, and print the notes.

    ``scheme``: the user says which label scheme names the integers, so names in the source are not used. ``flat``: a
    2-D image is one slice. ``beside``: where neither the user nor the source names the labels, the run whose
    ``run.json`` lies beside the image does. Raises :class:`ImageError`, and :class:`UnknownNameError` for the scheme.
    """
    import attrs

    from pycemrg_core.api.records import LabelScheme
    from pycemrg_core.errors import ImageError
    from pycemrg_core.images.named_volume import perhaps_a_mask, read_heart, read_slice
    from pycemrg_core.text.files import name_of

    if scheme:
        catalogue.find(LabelScheme, scheme)
    read = (read_slice(image) if flat else None) or read_heart(image, catalogue, named=bool(scheme))
    if scheme and read.labels:
        raise ImageError(f"{name_of(image)}: its labels have names and no integers; leave out --scheme")
    if beside and not scheme and not read.labels:
        from pycemrg_core.runs.naming import names_beside

        labels, more = names_beside(image, catalogue, read.volume)
        read = attrs.evolve(read, labels=labels, notes=(*read.notes, *more))
    notes = list(read.notes)
    if len(read.volume.boxes) == 1 and not read.labels and not scheme:
        notes.append(f"{name_of(image)}: {perhaps_a_mask()}")
    for note in notes:
        click.echo(f"note: {note}", err=True)
    return read


def scheme_from(read: NamedVolume, catalogue: Catalogue, scheme: str | None, usual: str) -> LabelScheme:
    """What names the integers of a heart: the ``scheme`` that the user gave, the names that
    :func:`heart_from` found, or the scheme ``usual``.

    Raises :class:`UnknownNameError`.
    """
    from pycemrg_core.api.records import LabelScheme
    from pycemrg_core.images.structures import source_scheme

    if read.labels and not scheme:
        return source_scheme(read.labels, catalogue)
    return catalogue.get(LabelScheme, scheme or usual)


def require_output(output: str | os.PathLike[str], *inputs: str | os.PathLike[str] | None, image: bool = False) -> None:
    """Refuse an output that is a folder, or one of the inputs, since nothing works in place, or part of a run's result.

    The folder of an input that is a folder, such as one of masks, is refused too: its files are the input. ``image``:
    the output is an image, so a format that cannot be written is refused before the work. Raises :class:`OutputError`.
    """
    from pycemrg_core.errors import OutputError
    from pycemrg_core.runs.earlier import require_not_of_a_run
    from pycemrg_core.text.files import name_of, same_file

    if os.path.isdir(output):
        raise OutputError(f"{name_of(output)}: is a folder; give the name of a file in it")
    if any(same_file(output, one) for one in inputs if one):
        raise OutputError(f"{name_of(output)}: the result would overwrite its input; choose another name")
    folder = os.path.realpath(os.path.dirname(os.fspath(output)) or ".")
    if inside := next((one for one in inputs if one and os.path.isdir(one) and os.path.realpath(one) == folder), None):
        raise OutputError(f"{name_of(output)}: lies in the input {name_of(inside)}; choose another folder")
    require_not_of_a_run(Path(output))
    if image:
        from pycemrg_core.images.writing import writable_extension

        writable_extension(output)


def require_order(command: str, recipe: str, image: str, catalogue: Catalogue) -> None:
    """Refuse an image in the place of the recipe, and the recipe in the place of the image."""
    from pycemrg_core.api.records import Recipe, Schematic
    from pycemrg_core.text.files import name_of

    known = any(one.answers_to(image) for kind in (Recipe, Schematic) for one in catalogue.all(kind))
    if known and os.path.exists(recipe) and not os.path.exists(image):
        raise click.UsageError(f"the recipe comes first: pycemrg {command} {image} {name_of(recipe)}")


def folder_for(image: str, recipe: str) -> str:
    """The folder for a result when the user names none: in this folder, called after the image and the recipe."""
    from pycemrg_core.text.files import stem_of

    return f"{stem_of(image)}_{recipe.rpartition(':')[2]}"
