"""The contract of each step kind: every label and parameter it uses, by its role in a semantic map."""

from __future__ import annotations

from attrs import frozen

from pycemrg_core.api import (
    ApplicationStep,
    Label,
    LabelType,
    application_steps,
    choice,
    reads,
    ring_round,
    thickness,
    valve_between,
    wall_round,
    writes,
)


@frozen(kw_only=True)
class MyocardiumCreationContract:
    """``create``: a shell of ``thickness_mm`` around ``source`` becomes ``target``.

    Distances are measured from the centres of the source's voxels or, with ``from_surface`` 1, from half a voxel beyond
    them along each axis.
    """

    source: Label = reads("SOURCE_BLOOD_POOL_NAME", label_type=LabelType.LUMEN)
    target: Label = writes("TARGET_MYOCARDIUM_NAME", makes=wall_round("source", thickness="thickness_mm"))
    thickness_mm: float = thickness("WALL_THICKNESS_PARAMETER_NAME")
    application: tuple[ApplicationStep, ...] = application_steps("APPLICATION_STEPS")
    from_surface: int = choice("FROM_SURFACE", (0, 1))


@frozen(kw_only=True)
class ValveCreationContract:
    """``valve``: voxels of ``structure_b`` within ``thickness_mm`` of ``structure_a`` become ``target``."""

    structure_a: Label = reads("STRUCTURE_A_NAME", label_type=LabelType.LUMEN)
    structure_b: Label = reads("STRUCTURE_B_NAME", label_type=LabelType.LUMEN)
    target: Label = writes("TARGET_VALVE_NAME", makes=valve_between("structure_a", "structure_b"))
    thickness_mm: float = thickness("INTERSECTION_THICKNESS_PARAMETER_NAME")
    application: tuple[ApplicationStep, ...] = application_steps("APPLICATION_STEPS")


@frozen(kw_only=True)
class RingCreationContract:
    """``ring``: a shell around ``vein``, only the part within ``thickness_mm`` of ``atrium_wall``."""

    vein: Label = reads("SOURCE_VEIN_LABEL_NAME", label_type=LabelType.LUMEN)
    atrium_wall: Label = reads("ATRIUM_MYOCARDIUM_NAME", label_type=LabelType.WALL)
    target: Label = writes("TARGET_RING_LABEL_NAME", makes=ring_round("vein", on="atrium_wall"))
    thickness_mm: float = thickness("RING_THICKNESS_PARAMETER_NAME")
    application: tuple[ApplicationStep, ...] = application_steps("APPLICATION_STEPS")


@frozen(kw_only=True)
class PushCreationContract:
    """``push``: ``pushed_blood_pool`` within ``thickness_mm`` of ``pusher_wall`` becomes ``pushed_wall``."""

    pusher_wall: Label = reads("PUSHER_WALL_NAME", label_type=LabelType.WALL)
    pushed_blood_pool: Label = reads("PUSHED_BLOOD_POOL_NAME", label_type=LabelType.LUMEN)
    pushed_wall: Label = writes("PUSHED_WALL_NAME", label_type=LabelType.WALL)
    thickness_mm: float = thickness("PUSHED_WALL_THICKNESS_PARAMETER_NAME")
