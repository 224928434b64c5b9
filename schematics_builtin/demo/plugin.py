"""What the plugin ``demo`` contributes; light, since every command imports it."""

from __future__ import annotations

from collections.abc import Iterable

from pycemrg_core.api import Command, Ref, hookimpl


@hookimpl
def pycemrg_commands() -> Iterable[Command]:
    yield Command(
        name="demo",
        summary="Grow the heart that ships with the package, and draw it.",
        command=Ref("schematics_builtin.demo.command:demo"),
    )
