"""Options and output that the commands share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from pycemrg_spatial.placing import Frame
    from pycemrg_spatial.segsmooth import Segsmooth

F = TypeVar("F", bound=Callable[..., Any])


def mesh_options(command: F) -> F:
    """Add ``--mesh-unit``, ``--mesh-frame`` and ``--segsmooth``; :func:`segsmooth_of` reads the last one."""
    command = click.option(
        "--segsmooth", nargs=2, metavar="GIVEN WRITTEN",
        help="The mesh was made from the .inr of WRITTEN, which segsmooth made of GIVEN; both are .nrrd files.",
    )(command)  # fmt: skip
    command = click.option(
        "--mesh-frame", type=click.Choice(["world", "inr"]), default="world", show_default=True,
        help="inr: the mesh was made from an .inr; its coordinates are index times spacing.",
    )(command)  # fmt: skip
    return click.option(
        "--mesh-unit", type=click.Choice(["mm", "um", "m"]), default="mm", show_default=True,
        help="The unit of the mesh coordinates; openCARP meshes mostly use um.",
    )(command)  # fmt: skip


def segsmooth_of(ctx: click.Context, files: tuple[str, str] | None, frame: Frame) -> Segsmooth | None:
    """The frame that ``--segsmooth`` says. Refuses it beside ``--mesh-frame inr``."""
    if files is None:
        return None
    if frame == "inr":
        raise click.UsageError("--segsmooth says what the mesh was made from; leave out --mesh-frame inr", ctx)
    from pycemrg_spatial.segsmooth import read_segsmooth

    return read_segsmooth(*files)


def echo_notes(notes: Iterable[str]) -> None:
    for note in notes:
        click.echo(f"note: {note}", err=True)
