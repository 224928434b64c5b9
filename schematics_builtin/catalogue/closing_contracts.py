"""The contracts of the steps that close a heart: every label and number that each of them uses."""

from __future__ import annotations

from attrs import frozen

from pycemrg_core.api import (
    ApplicationStep,
    Label,
    LabelType,
    application_steps,
    changes,
    choice,
    number,
    plane_between,
    reads,
    reads_any,
    ring_round,
    thickness,
    writes,
)


@frozen(kw_only=True)
class CloseContract:
    """``close``: voxels of ``source`` within ``thickness_mm`` of ``near`` become ``target``.

    With ``contact`` 1 the distance is measured only from those voxels of ``near`` that share a face with ``source``:
    where something lies between the two, nothing is changed.
    """

    near: Label = reads("NEAR_LABEL_NAME")
    source: Label = reads("SOURCE_LABEL_NAME")
    target: Label = writes("TARGET_LABEL_NAME")
    thickness_mm: float = thickness("CLOSE_THICKNESS_PARAMETER_NAME")
    contact: int = choice("CONTACT", (0, 1))


@frozen(kw_only=True)
class PlaneContract:
    """``plane``: voxels of ``vein`` within ``thickness_mm`` of ``atrium`` become ``target``."""

    atrium: Label = reads("ATRIUM_BLOOD_POOL_NAME", label_type=LabelType.LUMEN)
    vein: Label = reads("SOURCE_VEIN_LABEL_NAME", label_type=LabelType.LUMEN)
    target: Label = writes("TARGET_PLANE_LABEL_NAME", makes=plane_between("atrium", "vein"))
    thickness_mm: float = thickness("PLANE_THICKNESS_PARAMETER_NAME")


@frozen(kw_only=True)
class SkirtContract:
    """``skirt``: the part of ``vessel`` next to ``chamber`` becomes ``target``.

    The axis runs from the middle of the vessel's voxels that touch the chamber to the middle of the vessel; the part
    below ``ratio`` of the vessel's length along it is given up.
    """

    vessel: Label = reads("VESSEL_LABEL_NAME", label_type=LabelType.LUMEN)
    chamber: Label = reads("CHAMBER_BLOOD_POOL_NAME", label_type=LabelType.LUMEN)
    target: Label = writes("TARGET_LABEL_NAME")
    ratio: float = number("SKIRT_RATIO_PARAMETER_NAME", unit="", minimum=0.0, between=(0.0, 1.0))


@frozen(kw_only=True)
class OpenVesselContract:
    """``open_vessel``: a vessel is cut off flat at the end of its segmentation.

    ``lumen`` is followed from ``root`` to its far end. Of the labels ``cut``, what lies beyond the plane ``cut_mm``
    before that end, and hangs together with the end, becomes background.
    """

    root: Label = reads("ROOT_LABEL_NAME")
    lumen: Label = reads("SOURCE_BLOOD_POOL_NAME", label_type=LabelType.LUMEN)
    cut: tuple[Label, ...] = changes("CUT_LABEL_NAMES")
    cut_mm: float = number("CUT_PARAMETER_NAME", unit="mm", minimum=0.0)


@frozen(kw_only=True)
class SeparateLumensContract:
    """``separate_lumens``: voxels of ``lumens`` within ``distance_mm`` of another of them become background.

    Voxels that share a face with another of them always do, however large the voxels are.
    """

    lumens: tuple[Label, ...] = changes("LABEL_NAMES")
    distance_mm: float = number("SEPARATION_PARAMETER_NAME", unit="mm", minimum=0.0)


@frozen(kw_only=True)
class OwnCellRingContract:
    """``ring_own_cell``: a ring as by ``ring``, but only in the vein's own cell.

    Background that is nearer to one of the ``rivals`` is left to it. Tissue that the application steps allow is
    overwritten only where the vein is nearer by two voxels. The ``rivals`` have their rings on the same wall, the
    ``far_rivals`` on the ``far_walls``, and background is left to those only within ``thickness_mm`` of these walls.
    Both lists may name the vein itself.
    """

    vein: Label = reads("SOURCE_VEIN_LABEL_NAME", label_type=LabelType.LUMEN)
    atrium_wall: Label = reads("ATRIUM_MYOCARDIUM_NAME", label_type=LabelType.WALL)
    target: Label = writes("TARGET_RING_LABEL_NAME", makes=ring_round("vein", on="atrium_wall"))
    rivals: tuple[Label, ...] = reads_any("RIVAL_LABEL_NAMES", label_type=LabelType.LUMEN)
    far_rivals: tuple[Label, ...] = reads_any("FAR_RIVAL_LABEL_NAMES", label_type=LabelType.LUMEN)
    far_walls: tuple[Label, ...] = reads_any("FAR_WALL_LABEL_NAMES", label_type=LabelType.WALL)
    thickness_mm: float = thickness("RING_THICKNESS_PARAMETER_NAME")
    application: tuple[ApplicationStep, ...] = application_steps("APPLICATION_STEPS")


@frozen(kw_only=True)
class SealLumensContract:
    """``seal_lumens``: a wall where a closed lumen touches the background or another lumen.

    ``walls`` are the walls of ``closed``, in the same order. Of two lumens that touch, the ``open`` one or else the
    larger one gives way, within ``thickness_mm`` of the contact. Voxels that touch always do, however large they are.
    """

    closed: tuple[Label, ...] = changes("CLOSED_LABEL_NAMES")
    walls: tuple[Label, ...] = changes("WALL_LABEL_NAMES")
    open: tuple[Label, ...] = changes("OPEN_LABEL_NAMES")
    thickness_mm: float = number("SEAL_PARAMETER_NAME", unit="mm", minimum=0.0)


@frozen(kw_only=True)
class ManifoldContract:
    """``manifold``: loose components, enclosed background and contacts by an edge or a corner only are mended.

    ``tissue`` is what is meshed, and ``lumens`` are what is not. Other labels stay as they are.
    """

    lumens: tuple[Label, ...] = changes("LUMEN_LABEL_NAMES")
    tissue: tuple[Label, ...] = changes("TISSUE_LABEL_NAMES")
