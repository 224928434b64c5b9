"""The structures of the heart by canonical name: colour, SNOMED CT code if there is one, and groups.

Colours: blood pools are strong, walls are pale versions of them, valves are green, planes and rings dark.
Codes: DICOM PS3.16, context groups 3010 and 12339; pulmonary valve and heart from SNOMED CT.
"""

from __future__ import annotations

# The veins and the appendage that a label map can contain; each can also have a plane and a ring.
VEINS = ("LPV1", "LPV2", "RPV1", "RPV2", "LAA", "SVC", "IVC")

# canonical name, colour, SNOMED CT code
STRUCTURES = (
    ("LV_BP_label", "#c8343c", "87878005"),
    ("LV_myo_label", "#e8a598", ""),
    ("RV_BP_label", "#3a66b0", "53085002"),
    ("LA_BP_label", "#e0703a", "82471001"),
    ("RA_BP_label", "#3d94c4", "73829009"),
    ("Ao_BP_label", "#9c1f4f", "15825003"),
    ("PArt_BP_label", "#5b4aa8", "81040000"),
    ("LPV1_label", "#f2a33c", "43863001"),
    ("LPV2_label", "#e8bc4a", "51249003"),
    ("RPV1_label", "#d98a2b", "8629005"),
    ("RPV2_label", "#c9a227", "113273001"),
    ("LAA_label", "#f07f6a", "33626005"),
    ("SVC_label", "#2f7f8f", "48345005"),
    ("IVC_label", "#46a59a", "64131007"),
    ("pulmonary_veins_label", "#eab040", "122972007"),
    ("heart_label", "#b5535a", "80891009"),
    ("RV_myo_label", "#a9c0e6", ""),
    ("LA_myo_label", "#f5cba7", ""),
    ("RA_myo_label", "#b5dcec", ""),
    ("Ao_wall_label", "#dba0ba", ""),
    ("PArt_wall_label", "#c0b4e4", ""),
    ("MV_label", "#2e9d55", "91134007"),
    ("TV_label", "#7cc45a", "46030003"),
    ("AV_label", "#0f6b4f", "34202007"),
    ("PV_label", "#a4b83a", "39057004"),
    ("LPV1_plane_label", "#b8741c", ""),
    ("LPV2_plane_label", "#ad8628", ""),
    ("RPV1_plane_label", "#a3651a", ""),
    ("RPV2_plane_label", "#967a18", ""),
    ("LAA_plane_label", "#bd5a47", ""),
    ("SVC_plane_label", "#22606d", ""),
    ("IVC_plane_label", "#337f76", ""),
    ("LPV1_ring_label", "#7a4b12", ""),
    ("LPV2_ring_label", "#8d6a1f", ""),
    ("RPV1_ring_label", "#63400f", ""),
    ("RPV2_ring_label", "#746016", ""),
    ("LAA_ring_label", "#8f3a2b", ""),
    ("SVC_ring_label", "#164650", ""),
    ("IVC_ring_label", "#1f5a53", ""),
)

_WALLS = ("LV_myo_label", "RV_myo_label", "LA_myo_label", "RA_myo_label", "Ao_wall_label", "PArt_wall_label")

GROUPS: dict[str, tuple[str, ...]] = {
    "chambers": ("LV_BP_label", "RV_BP_label", "LA_BP_label", "RA_BP_label"),
    "blood_pools": (
        "LV_BP_label",
        "RV_BP_label",
        "LA_BP_label",
        "RA_BP_label",
        "Ao_BP_label",
        "PArt_BP_label",
        *(f"{vein}_label" for vein in VEINS),
        "pulmonary_veins_label",
    ),
    "veins": (*(f"{vein}_label" for vein in VEINS), "pulmonary_veins_label"),
    "walls": _WALLS,
    "valves": ("MV_label", "TV_label", "AV_label", "PV_label"),
    "planes": tuple(f"{vein}_plane_label" for vein in VEINS),
    "rings": tuple(f"{vein}_ring_label" for vein in VEINS),
    "left_heart": (
        *("LV_BP_label", "LV_myo_label", "LA_BP_label", "LA_myo_label", "Ao_BP_label", "Ao_wall_label"),
        *("LPV1_label", "LPV2_label", "RPV1_label", "RPV2_label", "pulmonary_veins_label", "LAA_label"),
        *("MV_label", "AV_label"),
    ),
    "right_heart": (
        *("RV_BP_label", "RV_myo_label", "RA_BP_label", "RA_myo_label", "PArt_BP_label", "PArt_wall_label"),
        *("SVC_label", "IVC_label", "TV_label", "PV_label"),
    ),
}
