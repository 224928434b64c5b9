"""The built-in schematics as tables: source, target, thickness, and the labels that may be overwritten."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pycemrg_core.api import Schematic

# The integers of the CEMRG label maps.
LABELS = {
    # chambers, great vessels, veins and appendage, from a segmentation
    "LV_BP_label": 1,
    "LV_myo_label": 2,
    "RV_BP_label": 3,
    "LA_BP_label": 4,
    "RA_BP_label": 5,
    "Ao_BP_label": 6,
    "PArt_BP_label": 7,
    "LPV1_label": 8,
    "LPV2_label": 9,
    "RPV1_label": 10,
    "RPV2_label": 11,
    "LAA_label": 12,
    "SVC_label": 13,
    "IVC_label": 14,
    # walls
    "RV_myo_label": 103,
    "LA_myo_label": 104,
    "RA_myo_label": 105,
    "Ao_wall_label": 106,
    "PArt_wall_label": 107,
    # valves
    "MV_label": 201,
    "TV_label": 202,
    "AV_label": 203,
    "PV_label": 204,
    # rings
    "LPV1_ring_label": 208,
    "LPV2_ring_label": 209,
    "RPV1_ring_label": 210,
    "RPV2_ring_label": 211,
    "LAA_ring_label": 212,
    "SVC_ring_label": 213,
    "IVC_ring_label": 214,
}

# Default thicknesses in mm.
PARAMETERS = {
    "LV_neck_WT": 2.0,
    "Ao_WT": 2.0,
    "PArt_WT": 2.0,
    "RV_WT": 3.5,
    "LA_WT": 2.0,
    "RA_WT": 2.0,
    "valve_WT": 4.0,
    "ring_thickness": 2.0,
    "walls_from_surface": 0,
}

# Application steps as (mode, labels of the mode).
Rule = tuple[str, ...]
ADD: Rule = ("ADD",)
REPLACE: Rule = ("REPLACE",)

# schematic, blood pool, wall, thickness, application steps
WALLS: tuple[tuple[str, str, str, str, list[Rule]], ...] = (
    ("lv_outflow", "LV_BP_label", "LV_myo_label", "LV_neck_WT", [ADD]),
    ("aortic_wall", "Ao_BP_label", "Ao_wall_label", "Ao_WT",
        [("REPLACE_EXCEPT", "LV_BP_label", "LV_myo_label", "Ao_BP_label")]),
    ("pulmonary_artery", "PArt_BP_label", "PArt_wall_label", "PArt_WT",
        [("REPLACE_EXCEPT", "RV_BP_label", "Ao_wall_label", "Ao_BP_label")]),
    ("rv_myocardium", "RV_BP_label", "RV_myo_label", "RV_WT", [("REPLACE_ONLY", "Ao_wall_label")]),
    ("la_myocardium", "LA_BP_label", "LA_myo_label", "LA_WT",
        [("REPLACE_ONLY", "RA_BP_label"), ("REPLACE_ONLY", "SVC_label")]),
    ("ra_myocardium", "RA_BP_label", "RA_myo_label", "RA_WT", [("REPLACE_ONLY", "RPV1_label")]),
)  # fmt: skip

# schematic, structure B that gives voxels, nearby structure A, valve, thickness
VALVES = (
    ("mitral_valve", "LV_BP_label", "LA_BP_label", "MV_label", "valve_WT"),
    ("tricuspid_valve", "RV_BP_label", "RA_BP_label", "TV_label", "valve_WT"),
    ("aortic_valve", "LV_BP_label", "Ao_BP_label", "AV_label", "valve_WT"),
    ("pulmonary_valve", "RV_BP_label", "PArt_BP_label", "PV_label", "valve_WT"),
)

# schematic, vein, wall of the atrium, ring, thickness, application steps
RINGS: tuple[tuple[str, str, str, str, str, list[Rule]], ...] = (
    ("lpv1_ring", "LPV1_label", "LA_myo_label", "LPV1_ring_label", "ring_thickness", []),
    ("lpv2_ring", "LPV2_label", "LA_myo_label", "LPV2_ring_label", "ring_thickness", []),
    ("rpv1_ring", "RPV1_label", "LA_myo_label", "RPV1_ring_label", "ring_thickness",
        [("REPLACE_ONLY", "SVC_label")]),
    ("rpv2_ring", "RPV2_label", "LA_myo_label", "RPV2_ring_label", "ring_thickness", []),
    ("laa_ring", "LAA_label", "LA_myo_label", "LAA_ring_label", "ring_thickness", []),
    ("svc_ring", "SVC_label", "RA_myo_label", "SVC_ring_label", "ring_thickness",
        [("REPLACE_ONLY", "Ao_wall_label"), ("REPLACE_ONLY", "LA_myo_label"),
         ("REPLACE_ONLY", "RPV1_ring_label"), ("REPLACE_ONLY", "RPV1_label"),
         ("REPLACE_ONLY", "RPV2_ring_label"), ("REPLACE_ONLY", "RPV2_label")]),
    ("ivc_ring", "IVC_label", "RA_myo_label", "IVC_ring_label", "ring_thickness", []),
)  # fmt: skip

# schematic, wall that pushes, blood pool that yields, its wall, thickness
PUSHES = (
    ("part_push_aorta", "Ao_wall_label", "PArt_BP_label", "PArt_wall_label", "PArt_WT"),
    ("part_push_lv", "LV_myo_label", "PArt_BP_label", "PArt_wall_label", "PArt_WT"),
    ("la_push_aorta", "Ao_wall_label", "LA_BP_label", "LA_myo_label", "LA_WT"),
    ("rv_push_aorta", "Ao_wall_label", "RV_BP_label", "RV_myo_label", "RV_WT"),
)


def schematics() -> Iterator[Schematic]:
    """All rows of the tables as records."""
    for name, source, target, wall_thickness, application in WALLS:
        yield _schematic(name, "create", f"{_short(target)}: a wall around {_short(source)}", {
            "SOURCE_BLOOD_POOL_NAME": source,
            "TARGET_MYOCARDIUM_NAME": target,
            "WALL_THICKNESS_PARAMETER_NAME": wall_thickness,
            "FROM_SURFACE": "walls_from_surface",
        }, application)  # fmt: skip
    for name, b, a, target, wall_thickness in VALVES:
        yield _schematic(name, "valve", f"{_short(target)}: {_short(b)} near {_short(a)}", {
            "STRUCTURE_A_NAME": a,
            "STRUCTURE_B_NAME": b,
            "TARGET_VALVE_NAME": target,
            "INTERSECTION_THICKNESS_PARAMETER_NAME": wall_thickness,
        }, [REPLACE])  # fmt: skip
    for name, vein, wall, target, wall_thickness, application in RINGS:
        yield _schematic(name, "ring", f"{_short(target)}: around {_short(vein)} on {_short(wall)}", {
            "SOURCE_VEIN_LABEL_NAME": vein,
            "TARGET_RING_LABEL_NAME": target,
            "RING_THICKNESS_PARAMETER_NAME": wall_thickness,
            "ATRIUM_MYOCARDIUM_NAME": wall,
        }, application)  # fmt: skip
    for name, pusher, pushed, target, wall_thickness in PUSHES:
        yield _schematic(name, "push", f"{_short(target)}: {_short(pushed)} near {_short(pusher)}", {
            "PUSHER_WALL_NAME": pusher,
            "PUSHED_WALL_NAME": target,
            "PUSHED_BLOOD_POOL_NAME": pushed,
            "PUSHED_WALL_THICKNESS_PARAMETER_NAME": wall_thickness,
        })  # fmt: skip


def _schematic(
    name: str,
    step: str,
    summary: str,
    roles: Mapping[str, str],
    application: list[Rule] | None = None,
) -> Schematic:
    semantic_map: dict[str, object] = dict(roles)
    if application is not None:
        semantic_map["APPLICATION_STEPS"] = [
            {"MODE": mode, "RULE_LABEL_NAMES": list(labels)} for mode, *labels in application
        ]
    named = [*roles.values(), *(label for _, *labels in application or () for label in labels)]
    return Schematic(
        name=name,
        step=step,
        summary=summary,
        labels={label: LABELS[label] for label in named if label in LABELS},
        parameters={parameter: PARAMETERS[parameter] for parameter in named if parameter in PARAMETERS},
        semantic_map=semantic_map,
    )


def _short(label: str) -> str:
    return label.removesuffix("_label")
