"""What the plugin ``demo`` contributes. Every command imports this module, so it is light."""

from __future__ import annotations

from collections.abc import Iterable

from pycemrg_core.api import Command, Ref, hookimpl


@hookimpl
def pycemrg_commands() -> Iterable[Command]:
    yield Command(
        name="demo",
        summary="Run four_chamber_closed on the heart that comes with the package.",
        command=Ref("schematics_builtin.demo.command:demo"),
    )
