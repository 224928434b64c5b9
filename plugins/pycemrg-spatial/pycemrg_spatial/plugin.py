"""The contributions of the plugin; imports little, because every command loads this module."""

from __future__ import annotations

from collections.abc import Iterable

from pycemrg_core.api import Command, Ref, hookimpl


@hookimpl
def pycemrg_commands() -> Iterable[Command]:
    yield Command(
        name="sample",
        summary="Sample an image or its labels at the nodes or cells of a mesh.",
        command=Ref("pycemrg_spatial.commands.sample:sample"),
    )
    yield Command(
        name="voxelise",
        summary="Turn a mesh into a label map on the grid of an image.",
        command=Ref("pycemrg_spatial.commands.voxelise:voxelise"),
    )
