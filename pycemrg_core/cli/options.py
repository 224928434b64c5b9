"""Options that ``run`` and ``plan`` share, and what they come to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    import SimpleITK as sitk

    from pycemrg_core.plugins.catalogue import Catalogue
    from pycemrg_core.recipes.planner import Settings
    from schematics_builtin.labels.label_files import Kind

F = TypeVar("F", bound=Callable[..., Any])


def _assignments(_ctx: click.Context, _param: click.Parameter, texts: tuple[str, ...]) -> dict[str, float]:
    values = {}
    for text in texts:
        name, equals, number = text.partition("=")
        try:
            values[name.strip()] = float(number)
        except ValueError:
            equals = ""
        if not equals or not name.strip():
            raise click.BadParameter(f"{text!r} is not NAME=NUMBER, such as thickness=2.5")
    return values


def setting_options(command: F) -> F:
    """``--scheme``, ``--set``, ``--labels``, ``--config`` and ``--no-check``."""
    command = click.option(
        "--no-check", "check", is_flag=True, flag_value=False, default=True,
        help="Go on although size or anatomy speak against the labels.",
    )(command)  # fmt: skip
    command = click.option(
        "--config", metavar="DIR", help="A folder with labels.yaml, parameters.json and semantic_maps/."
    )(command)
    command = click.option("--labels", metavar="FILE", help="A labels.yaml with the integers of your image.")(command)
    command = click.option("--scheme", metavar="NAME", help="The label scheme of IMAGE; see 'pycemrg list-schemes'.")(
        command
    )
    return click.option(
        "--set", "parameters", metavar="NAME=NUMBER", multiple=True, callback=_assignments,
        help="Set a parameter, such as thickness=2.5 (mm); may be repeated.",
    )(command)  # fmt: skip


label_table_option = click.option(
    "--label-table",
    type=click.Choice(["slicer", "itksnap"]),
    help="Also write names and colours for that viewer, beside the image.",
)


def table_path(image: Path, kind: Kind) -> Path:
    """The name of the label table beside an image."""
    stem = image.name.removesuffix(".gz").rpartition(".")[0]
    return image.with_name(f"{stem}.ctbl" if kind == "slicer" else f"{stem}.label")


def write_table(image: sitk.Image, names: Mapping[int, str], catalogue: Catalogue, path: Path, kind: Kind) -> None:
    """Write the table of an image's labels: their names, and the colours that label schemes give them."""
    from pycemrg_core.images.image_files import volume_of
    from pycemrg_core.recipes.conversion import colours_of
    from schematics_builtin.labels.label_files import LabelRow, write_label_table

    colours = colours_of(catalogue)
    rows = []
    for value in volume_of(image).boxes:
        name = names.get(value, f"label_{value}")
        rows.append(LabelRow(value, name, colours.get(name, "")))
    write_label_table(rows, path, kind)


def settings_from(
    catalogue: Catalogue, parameters: dict[str, float], labels: str | None, config: str | None
) -> Settings:
    """The settings that the options give; ``--labels`` and ``--set`` win over ``--config``."""
    import attrs

    from pycemrg_core.recipes.planner import Settings
    from pycemrg_core.runs.configuration import read_config, read_labels_file

    settings = read_config(Path(config), catalogue) if config else Settings()
    if labels:
        settings = attrs.evolve(settings, labels={**settings.labels, **read_labels_file(Path(labels)).labels})
    return attrs.evolve(settings, parameters=parameters)
