"""The contributions of the plugin ``labels``; imports little, because every command loads this module."""

from __future__ import annotations

from collections.abc import Iterable

from pycemrg_core.api import Check, CheckOn, Command, Output, Ref, hookimpl

# command, help line, click command
_COMMANDS = (
    ("labels", "Show, check, recognise and change the labels of an image.", "labels:labels"),
    ("clean", "Remove islands and fill holes, label by label.", "clean:clean"),
)


# output, file, what it is
_TABLES = (
    ("slicer-table", "heart.ctbl", "names and colours of the labels, for 3D Slicer"),
    ("itksnap-table", "heart.label", "names and colours of the labels, for ITK-SNAP"),
)


# What about the sides of a heart can be so.
_DOUBTS = ("situs-inversus", "vein-order")


@hookimpl
def pycemrg_checks() -> Iterable[Check]:
    yield Check(
        name="label_anatomy",
        summary="size and anatomy cannot be what the labels say",
        function=Ref("schematics_builtin.labels.checks:anatomy"),
        advice="correct the labels, or name the scheme of the image",
        on=CheckOn.INPUT,
        doubts=("exchanged-labels", *_DOUBTS),
    )
    yield Check(
        name="heart_sides",
        summary="the heart is mirrored, or left and right or upper and lower veins are exchanged",
        function=Ref("schematics_builtin.labels.checks:sides"),
        advice="correct the labels or the direction of the image; if the heart is so, accept it by name",
        doubts=_DOUBTS,
    )


@hookimpl
def pycemrg_outputs() -> Iterable[Output]:
    for name, file, summary in _TABLES:
        function = Ref(f"schematics_builtin.labels.outputs:{name.replace('-', '_')}")
        yield Output(name=name, file=file, summary=summary, function=function)


@hookimpl
def pycemrg_commands() -> Iterable[Command]:
    for name, summary, command in _COMMANDS:
        yield Command(name=name, summary=summary, command=Ref(f"schematics_builtin.labels.commands.{command}"))
