"""The structures that close a heart, as tables of what is made of what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pycemrg_core.api import Schematic
from schematics_builtin.catalogue.schematics import LABELS
from schematics_builtin.catalogue.structures import GROUPS, VEINS

# Default thicknesses in mm, and the share of a cava's length that its skirt takes.
PARAMETERS = {
    "LV_neck_WT": 2.0,
    "RV_WT": 3.5,
    "RA_WT": 2.0,
    "LA_WT": 2.0,
    "Ao_WT": 2.0,
    "PArt_WT": 2.0,
    "skirt_ratio": 0.02,
    "valve_separation": 8.0,
    "vein_separation": 1.5,
    "own_cell_ring_thickness": 4.0,
    "plane_thickness": 4.0,
    "open_end_cut": 1.0,
    "seal_thickness": 2.0,
}

_LAST_INPUT = 14  # labels up to this integer come from a segmentation
_LA_VEINS, _RA_VEINS = VEINS[:5], VEINS[5:]
_CHAMBERS = ("LV", "RV", "LA", "RA")

# schematic, wall that pushes, lumen that yields, its wall, thickness
_PUSHES = (
    ("ra_push_la", "LA_myo", "RA_BP", "RA_myo", "RA_WT"),
    ("ra_push_aorta", "Ao_wall", "RA_BP", "RA_myo", "RA_WT"),
    ("svc_push_aorta", "Ao_wall", "SVC", "RA_myo", "RA_WT"),
)

# schematic, what is near, what yields, what becomes of it, thickness, whether only where the two touch
_CLOSES = (
    ("lv_neck_push_rv", "RV_BP", "LV_BP", "LV_myo", "LV_neck_WT", 0),
    ("separate_mv_av", "AV", "MV", "LV_myo", "valve_separation", 0),
    ("mv_close_contact", "LV_myo", "LA_BP", "LA_myo", "LA_WT", 1),
    ("tv_close_contact", "RV_myo", "RA_BP", "RA_myo", "RA_WT", 1),
    ("av_close_contact", "LV_myo", "Ao_BP", "Ao_wall", "Ao_WT", 1),
    ("pv_close_contact", "RV_myo", "PArt_BP", "PArt_wall", "PArt_WT", 1),
    ("ao_close_contact", "RV_myo", "Ao_BP", "Ao_wall", "Ao_WT", 1),
    ("pv_gap", "RV_BP", "PArt_wall", "RV_myo", "PArt_WT", 0),
)

# vein: what its ring is written over, beside the background
_RING_OVER = {"RPV1": ("SVC",), "SVC": ("Ao_wall", "LA_myo")}

# schematic, lumen, the valve at its root, its wall
_OPEN_ENDS = (
    ("ao_open_end", "Ao_BP", "AV", "Ao_wall"),
    ("part_open_end", "PArt_BP", "PV", "PArt_wall"),
)

# schematic, chambers that are closed, chambers that stay open, what they are called
_SEALS = (
    ("seal_chambers", _CHAMBERS, (), "chambers"),
    ("seal_ventricles", _CHAMBERS[:2], _CHAMBERS[2:], "ventricles"),
    ("seal_atria", _CHAMBERS[2:], _CHAMBERS[:2], "atria"),
)

# schematic, what is said of it, tissue that is not meshed
_MANIFOLDS = (
    ("make_manifold", "", ()),
    ("make_atria_manifold", ", without LV_myo", ("LV_myo_label",)),
)


def schematics() -> Iterator[Schematic]:
    """All rows of the tables as records."""
    yield from _before_the_rings()
    for vein in VEINS:
        yield _ring(vein)
    yield from _after_the_rings()


def _before_the_rings() -> Iterator[Schematic]:
    yield _schematic(
        "tidy_input", "reassign_islands", "islands go to the neighbour they touch most",
        {"LABEL_NAMES": [name for name, value in LABELS.items() if value <= _LAST_INPUT]},
    )  # fmt: skip
    for vein in _RA_VEINS:
        yield _schematic(f"{vein.lower()}_skirt", "skirt", f"the part of {vein} next to RA_BP becomes RA_BP", {
            "VESSEL_LABEL_NAME": f"{vein}_label",
            "CHAMBER_BLOOD_POOL_NAME": "RA_BP_label",
            "TARGET_LABEL_NAME": "RA_BP_label",
            "SKIRT_RATIO_PARAMETER_NAME": "skirt_ratio",
        })  # fmt: skip
    for name, pusher, pushed, target, thickness in _PUSHES:
        yield _schematic(name, "push", f"{target}: {pushed} near {pusher}", {
            "PUSHER_WALL_NAME": f"{pusher}_label",
            "PUSHED_WALL_NAME": f"{target}_label",
            "PUSHED_BLOOD_POOL_NAME": f"{pushed}_label",
            "PUSHED_WALL_THICKNESS_PARAMETER_NAME": thickness,
        })  # fmt: skip
    for name, near, source, target, thickness, contact in _CLOSES:
        where = "where it touches" if contact else "near"
        yield _schematic(name, "close", f"{target}: {source} {where} {near}", {
            "NEAR_LABEL_NAME": f"{near}_label",
            "SOURCE_LABEL_NAME": f"{source}_label",
            "TARGET_LABEL_NAME": f"{target}_label",
            "CLOSE_THICKNESS_PARAMETER_NAME": thickness,
            "CONTACT": contact,
        })  # fmt: skip
    yield _schematic(
        "separate_veins", "separate_lumens", "veins that come near each other give way",
        {"LABEL_NAMES": [f"{vein}_label" for vein in VEINS], "SEPARATION_PARAMETER_NAME": "vein_separation"},
    )  # fmt: skip


def _after_the_rings() -> Iterator[Schematic]:
    for vein in VEINS:
        yield _schematic(f"{vein.lower()}_plane", "plane", f"{vein}_plane: {vein} near {atrium_of(vein)}_BP", {
            "ATRIUM_BLOOD_POOL_NAME": f"{atrium_of(vein)}_BP_label",
            "SOURCE_VEIN_LABEL_NAME": f"{vein}_label",
            "TARGET_PLANE_LABEL_NAME": f"{vein}_plane_label",
            "PLANE_THICKNESS_PARAMETER_NAME": "plane_thickness",
        })  # fmt: skip
    for name, lumen, valve, wall in _OPEN_ENDS:
        yield _schematic(name, "open_vessel", f"{lumen} ends open, cut flat", {
            "ROOT_LABEL_NAME": f"{valve}_label",
            "SOURCE_BLOOD_POOL_NAME": f"{lumen}_label",
            "CUT_LABEL_NAMES": [f"{lumen}_label", f"{wall}_label"],
            "CUT_PARAMETER_NAME": "open_end_cut",
        })  # fmt: skip
    for name, closed, open_, what in _SEALS:
        yield _schematic(name, "seal_lumens", f"the {what} do not leak", {
            "CLOSED_LABEL_NAMES": [f"{chamber}_BP_label" for chamber in closed],
            "WALL_LABEL_NAMES": [f"{chamber}_myo_label" for chamber in closed],
            "OPEN_LABEL_NAMES": [
                *(f"{lumen}_BP_label" for lumen in (*open_, "Ao", "PArt")),
                *(f"{vein}_label" for vein in VEINS),
            ],
            "SEAL_PARAMETER_NAME": "seal_thickness",
        })  # fmt: skip
    for name, what, not_meshed in _MANIFOLDS:
        yield _schematic(name, "manifold", f"no loose components, enclosed background or pinches{what}", {
            "LUMEN_LABEL_NAMES": [one for one in _INTEGERS if one in {*_BLOOD, *not_meshed}],
            "TISSUE_LABEL_NAMES": [one for one in _INTEGERS if one not in {*_BLOOD, *not_meshed}],
        })  # fmt: skip


def atrium_of(vein: str) -> str:
    """The atrium that a vein or the appendage opens into."""
    return "LA" if vein in _LA_VEINS else "RA"


def _ring(vein: str) -> Schematic:
    own, far = (_LA_VEINS, _RA_VEINS) if vein in _LA_VEINS else (_RA_VEINS, _LA_VEINS)
    wall, far_wall = ("LA_myo", "RA_myo") if vein in _LA_VEINS else ("RA_myo", "LA_myo")
    over = _RING_OVER.get(vein)
    mode = {"MODE": "REPLACE_ONLY" if over else "ADD", "RULE_LABEL_NAMES": [f"{label}_label" for label in over or ()]}
    return _schematic(
        f"{vein.lower()}_ring_own_cell", "ring_own_cell", f"{vein}_ring: round {vein} on {wall}, in its own cell",
        {
            "SOURCE_VEIN_LABEL_NAME": f"{vein}_label",
            "ATRIUM_MYOCARDIUM_NAME": f"{wall}_label",
            "TARGET_RING_LABEL_NAME": f"{vein}_ring_label",
            "RIVAL_LABEL_NAMES": [f"{rival}_label" for rival in own],
            "FAR_RIVAL_LABEL_NAMES": [f"{rival}_label" for rival in far],
            "FAR_WALL_LABEL_NAMES": [f"{far_wall}_label"],
            "RING_THICKNESS_PARAMETER_NAME": "own_cell_ring_thickness",
            "APPLICATION_STEPS": [mode],
        },
    )  # fmt: skip


def _schematic(name: str, step: str, summary: str, semantic_map: Mapping[str, Any]) -> Schematic:
    named = [name for filled in semantic_map.values() for name in _names_in(filled)]
    return Schematic(
        name=name,
        step=step,
        summary=summary,
        labels={label: _INTEGERS[label] for label in named if label in _INTEGERS},
        parameters={parameter: PARAMETERS[parameter] for parameter in named if parameter in PARAMETERS},
        semantic_map=semantic_map,
    )


def _names_in(filled: Any) -> list[str]:
    """The names of labels and parameters in what fills a role: a name, a list of names or application steps."""
    if isinstance(filled, str):
        return [filled]
    if not isinstance(filled, list):
        return []
    return [name for part in filled for name in ([part] if isinstance(part, str) else part["RULE_LABEL_NAMES"])]


# The recipe takes its integers from its scheme; these are for people who use a schematic on its own.
_INTEGERS = {
    **{name: value for name, value in LABELS.items() if not name.endswith("_ring_label")},
    **{f"{vein}_plane_label": 205 + at for at, vein in enumerate(VEINS)},
    **{f"{vein}_ring_label": 221 + at for at, vein in enumerate(VEINS)},
}
_BLOOD = frozenset(GROUPS["blood_pools"])
