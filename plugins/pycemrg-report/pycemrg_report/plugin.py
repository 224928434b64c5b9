"""The contributions of the report plugin; imports little, because every command loads this module."""

from __future__ import annotations

from collections.abc import Iterable

from pycemrg_core.api import Command, Output, Ref, hookimpl


@hookimpl
def pycemrg_commands() -> Iterable[Command]:
    yield Command(
        name="report",
        summary="Write one page about a run, for a browser.",
        command=Ref("pycemrg_report.command:report"),
    )


@hookimpl
def pycemrg_outputs() -> Iterable[Output]:
    yield Output(
        name="report",
        file="report.html",
        summary="one page about the run, for a browser",
        function=Ref("pycemrg_report.report:page"),
        uses=("certificate",),
    )
