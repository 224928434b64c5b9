"""The contributions of the plugin ``fusing``; imports little, because every command loads this module."""

from __future__ import annotations

from collections.abc import Iterable

from pycemrg_core.api import Command, Ref, Step, hookimpl
from schematics_builtin.fusing.doubts import VEIN_DOUBTS

# step kind, what it does, function, contract, doubts
_STEPS = (
    ("join", "close narrow gaps between labels", "join", "JoinContract", ()),
    ("crop_vessel", "cut vessels off, a given way along them", "crop_vessel", "CropVesselContract", ()),
    ("split_veins", "tell the pulmonary veins of one label apart", "split_veins", "SplitVeinsContract", VEIN_DOUBTS),
)


@hookimpl
def pycemrg_steps() -> Iterable[Step]:
    for name, summary, run, contract, doubts in _STEPS:
        yield Step(
            name=name,
            summary=summary,
            run=Ref(f"schematics_builtin.fusing.steps:{run}"),
            contract=Ref(f"schematics_builtin.fusing.contracts:{contract}"),
            may_change_nothing=name != "split_veins",
            doubts=doubts,
        )


@hookimpl
def pycemrg_commands() -> Iterable[Command]:
    yield Command(
        name="fuse",
        summary="Make one heart of what segmentation tools write.",
        command=Ref("schematics_builtin.fusing.command:fuse"),
    )
