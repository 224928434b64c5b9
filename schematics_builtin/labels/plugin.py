"""What the plugin ``labels`` contributes; light, since every command imports it."""

from __future__ import annotations

from collections.abc import Iterable

from pycemrg_core.api import Command, Ref, hookimpl

# command, help line, click command
_COMMANDS = (
    ("labels", "Show, check, recognise and change the labels of an image.", "labels:labels"),
    ("clean", "Remove islands and fill holes, label by label.", "clean:clean"),
)


@hookimpl
def pycemrg_commands() -> Iterable[Command]:
    for name, summary, command in _COMMANDS:
        yield Command(name=name, summary=summary, command=Ref(f"schematics_builtin.labels.commands.{command}"))
