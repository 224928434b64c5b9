"""The contributions of the plugin ``fusing``; imports little, because every command loads this module."""

from __future__ import annotations

from collections.abc import Iterable

from pycemrg_core.api import Command, Ref, hookimpl


@hookimpl
def pycemrg_commands() -> Iterable[Command]:
    yield Command(
        name="fuse",
        summary="Make one heart of what segmentation tools write.",
        command=Ref("schematics_builtin.fusing.command:fuse"),
    )
