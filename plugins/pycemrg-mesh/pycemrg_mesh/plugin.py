"""The contributions of the plugin; imports little, because every command loads this module."""

from __future__ import annotations

from collections.abc import Iterable

from pycemrg_core.api import Command, Ref, hookimpl


@hookimpl
def pycemrg_commands() -> Iterable[Command]:
    yield Command(
        name="mesh",
        summary="Mesh a closed heart with tetrahedra, and certify the mesh.",
        command=Ref("pycemrg_mesh.command:mesh"),
    )
