"""What the report plugin contributes; light, since every command imports it."""

from __future__ import annotations

from collections.abc import Iterable

from pycemrg_core.api import Command, Ref, hookimpl


@hookimpl
def pycemrg_commands() -> Iterable[Command]:
    yield Command(
        name="report",
        summary="Write one page about a run, to look at in a browser.",
        command=Ref("pycemrg_report.command:report"),
    )
