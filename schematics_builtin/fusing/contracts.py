"""The contracts of the steps that do parts of a fusion on a label map that is one already."""

from __future__ import annotations

from attrs import frozen

from pycemrg_core.api import Label, LabelType, changes, choice, number, reads, reads_any, writes, writes_background


@frozen(kw_only=True)
class JoinContract:
    """``join``: an open gap of at most ``gap_mm`` between two of ``labels`` becomes the nearer of them.

    The first label is joined to each of the others. The groove beside a contact is no gap.
    """

    labels: tuple[Label, ...] = changes("LABEL_NAMES")
    gap_mm: float = number("GAP_PARAMETER_NAME", unit="mm", minimum=0.0)


@frozen(kw_only=True)
class CropVesselContract:
    """``crop_vessel``: what of each of ``vessels`` is farther than ``length_mm`` from ``root`` becomes background.

    The length is measured along the vessel; less than a tenth of a vessel is not cut off. With ``whole_end`` 1 a vessel
    that does not end in one plane is cut before its section gets small.
    """

    vessels: tuple[Label, ...] = changes("VESSEL_LABEL_NAMES")
    root: Label = reads("ROOT_LABEL_NAME")
    length_mm: float = number("LENGTH_PARAMETER_NAME", unit="mm", minimum=0.0)
    whole_end: int = choice("WHOLE_END", (0, 1))


@frozen(kw_only=True)
class SplitVeinsContract:
    """``split_veins``: the one label ``veins`` becomes four pulmonary veins; what is in no vein becomes background.

    Chambers and ``great_vessels`` show which way is left, back and up. ``appendage`` is that of ``atrium``.
    """

    veins: Label = reads("SOURCE_VEIN_LABEL_NAME", label_type=LabelType.LUMEN)
    atrium: Label = reads("ATRIUM_BLOOD_POOL_NAME", label_type=LabelType.LUMEN)
    appendage: tuple[Label, ...] = reads_any("APPENDAGE_LABEL_NAMES", label_type=LabelType.LUMEN)
    left_ventricle: Label = reads("LV_BLOOD_POOL_NAME", label_type=LabelType.LUMEN)
    right_ventricle: Label = reads("RV_BLOOD_POOL_NAME", label_type=LabelType.LUMEN)
    right_atrium: Label = reads("RA_BLOOD_POOL_NAME", label_type=LabelType.LUMEN)
    great_vessels: tuple[Label, ...] = reads_any("GREAT_VESSEL_LABEL_NAMES", label_type=LabelType.LUMEN)
    left_upper: Label = writes("LEFT_UPPER_VEIN_NAME", label_type=LabelType.LUMEN)
    left_lower: Label = writes("LEFT_LOWER_VEIN_NAME", label_type=LabelType.LUMEN)
    right_upper: Label = writes("RIGHT_UPPER_VEIN_NAME", label_type=LabelType.LUMEN)
    right_lower: Label = writes("RIGHT_LOWER_VEIN_NAME", label_type=LabelType.LUMEN)
    background: Label = writes_background()
