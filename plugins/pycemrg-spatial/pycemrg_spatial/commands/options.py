"""Options and output that the commands share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def mesh_options(command: F) -> F:
    """Add the options ``--mesh-unit`` and ``--mesh-frame``."""
    command = click.option(
        "--mesh-frame", type=click.Choice(["world", "inr"]), default="world", show_default=True,
        help="inr: the mesh was made from an .inr; its coordinates are index times spacing.",
    )(command)  # fmt: skip
    return click.option(
        "--mesh-unit", type=click.Choice(["mm", "um", "m"]), default="mm", show_default=True,
        help="The unit of the mesh coordinates; openCARP meshes mostly use um.",
    )(command)  # fmt: skip


def echo_notes(notes: Iterable[str]) -> None:
    for note in notes:
        click.echo(f"note: {note}", err=True)
