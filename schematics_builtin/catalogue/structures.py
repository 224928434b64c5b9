"""The structures of the heart by canonical name: colour, SNOMED CT code if there is one, spellings, groups, vessels.

Colours: blood pools are strong, walls are pale versions of them, valves are green, planes and rings dark.
Codes: DICOM PS3.16, context groups 3010, 12305 and 12339; pulmonary valve and heart from SNOMED CT.
"""

from __future__ import annotations

from collections.abc import Iterator

from pycemrg_core.api import Structure

# The veins and the appendage that a label map can contain; each can also have a plane and a ring.
VEINS = ("LPV1", "LPV2", "RPV1", "RPV2", "LAA", "SVC", "IVC")

# canonical name, colour, SNOMED CT code
STRUCTURES = (
    ("LV_BP_label", "#c8343c", "87878005"),
    ("LV_myo_label", "#e8a598", "49848007"),
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

# canonical name: what it is, and what else it is called, by TotalSegmentator, MM-WHS, HVSMR, nnU-Net, 3D Slicer, CEMRG
_CALLED = {
    "LV_BP_label": (
        "blood pool of the left ventricle",
        "LV|left ventricle|left ventricle blood pool|left ventricle blood cavity|left ventricle cavity|"
        "left ventricular blood pool|left ventricle of heart|LV blood pool|LVC|heart_ventricle_left|"
        "ventricle left",
    ),
    "LV_myo_label": (
        "wall of the left ventricle",
        "left ventricle myocardium|left ventricular myocardium|myocardium of the left ventricle|"
        "left ventricle wall|left ventricular wall|LV wall|LV myocardium|heart_myocardium|myocardium|"
        "myo|MLV|LVM",
    ),
    "RV_BP_label": (
        "blood pool of the right ventricle",
        "RV|right ventricle|right ventricle blood pool|right ventricle blood cavity|"
        "right ventricle cavity|right ventricular blood pool|right ventricle of heart|RV blood pool|RVC|"
        "heart_ventricle_right|ventricle right",
    ),
    "LA_BP_label": (
        "blood pool of the left atrium",
        "LA|left atrium|left atrium blood pool|left atrium blood cavity|left atrium cavity|"
        "left atrial blood pool|left atrium of heart|LA blood pool|LAC|heart_atrium_left|atrium left",
    ),
    "RA_BP_label": (
        "blood pool of the right atrium",
        "RA|right atrium|right atrium blood pool|right atrium blood cavity|right atrium cavity|"
        "right atrial blood pool|right atrium of heart|RA blood pool|RAC|heart_atrium_right|atrium right",
    ),
    "Ao_BP_label": (
        "blood pool of the aorta",
        "Ao|aorta|aorta blood pool|aortic blood pool|ascending aorta|heart_aorta",
    ),
    "PArt_BP_label": (
        "blood pool of the pulmonary artery",
        "PArt|PA|pulmonary artery|pulmonary artery blood pool|main pulmonary artery|pulmonary trunk|"
        "heart_pulmonary_artery",
    ),
    "LPV1_label": (
        "left superior pulmonary vein",
        "left superior pulmonary vein|LSPV|superior left pulmonary vein|left upper pulmonary vein",
    ),
    "LPV2_label": (
        "left inferior pulmonary vein",
        "left inferior pulmonary vein|LIPV|inferior left pulmonary vein|left lower pulmonary vein",
    ),
    "RPV1_label": (
        "right superior pulmonary vein",
        "right superior pulmonary vein|RSPV|superior right pulmonary vein|right upper pulmonary vein",
    ),
    "RPV2_label": (
        "right inferior pulmonary vein",
        "right inferior pulmonary vein|RIPV|inferior right pulmonary vein|right lower pulmonary vein",
    ),
    "LAA_label": (
        "left atrial appendage",
        "left atrial appendage|atrial_appendage_left|left auricle|LA appendage",
    ),
    "SVC_label": (
        "superior vena cava",
        "superior vena cava|vena cava superior",
    ),
    "IVC_label": (
        "inferior vena cava",
        "inferior vena cava|vena cava inferior",
    ),
    "pulmonary_veins_label": (
        "all pulmonary veins as one label",
        "pulmonary vein|PVs|pulmonary veins",
    ),
    "heart_label": (
        "the heart as one label",
        "whole heart",
    ),
    "RV_myo_label": (
        "wall of the right ventricle",
        "right ventricle myocardium|right ventricular myocardium|myocardium of the right ventricle|"
        "right ventricle wall|right ventricular wall|RV wall|RV myocardium",
    ),
    "LA_myo_label": (
        "wall of the left atrium",
        "left atrium myocardium|left atrial myocardium|myocardium of the left atrium|left atrium wall|"
        "left atrial wall|LA wall|LA myocardium",
    ),
    "RA_myo_label": (
        "wall of the right atrium",
        "right atrium myocardium|right atrial myocardium|myocardium of the right atrium|right atrium wall|"
        "right atrial wall|RA wall|RA myocardium",
    ),
    "Ao_wall_label": (
        "wall of the aorta",
        "aorta wall|aortic wall|Ao myo|wall of the aorta",
    ),
    "PArt_wall_label": (
        "wall of the pulmonary artery",
        "pulmonary artery wall|PA wall|wall of the pulmonary artery",
    ),
    "MV_label": (
        "mitral valve",
        "mitral valve",
    ),
    "TV_label": (
        "tricuspid valve",
        "tricuspid valve",
    ),
    "AV_label": (
        "aortic valve",
        "aortic valve",
    ),
    "PV_label": (
        "pulmonary valve",
        "pulmonary valve|pulmonic valve",
    ),
    "LPV1_plane_label": (
        "plane at the mouth of the left superior pulmonary vein",
        "left superior pulmonary vein plane|LSPV plane|superior left pulmonary vein plane|"
        "left upper pulmonary vein plane",
    ),
    "LPV2_plane_label": (
        "plane at the mouth of the left inferior pulmonary vein",
        "left inferior pulmonary vein plane|LIPV plane|inferior left pulmonary vein plane|"
        "left lower pulmonary vein plane",
    ),
    "RPV1_plane_label": (
        "plane at the mouth of the right superior pulmonary vein",
        "right superior pulmonary vein plane|RSPV plane|superior right pulmonary vein plane|"
        "right upper pulmonary vein plane",
    ),
    "RPV2_plane_label": (
        "plane at the mouth of the right inferior pulmonary vein",
        "right inferior pulmonary vein plane|RIPV plane|inferior right pulmonary vein plane|"
        "right lower pulmonary vein plane",
    ),
    "LAA_plane_label": (
        "plane at the mouth of the left atrial appendage",
        "left atrial appendage plane|atrial_appendage_left plane|left auricle plane|LA appendage plane",
    ),
    "SVC_plane_label": (
        "plane at the mouth of the superior vena cava",
        "superior vena cava plane|vena cava superior plane",
    ),
    "IVC_plane_label": (
        "plane at the mouth of the inferior vena cava",
        "inferior vena cava plane|vena cava inferior plane",
    ),
    "LPV1_ring_label": (
        "ring round the left superior pulmonary vein",
        "left superior pulmonary vein ring|LSPV ring|superior left pulmonary vein ring|left upper pulmonary vein ring",
    ),
    "LPV2_ring_label": (
        "ring round the left inferior pulmonary vein",
        "left inferior pulmonary vein ring|LIPV ring|inferior left pulmonary vein ring|left lower pulmonary vein ring",
    ),
    "RPV1_ring_label": (
        "ring round the right superior pulmonary vein",
        "right superior pulmonary vein ring|RSPV ring|superior right pulmonary vein ring|"
        "right upper pulmonary vein ring",
    ),
    "RPV2_ring_label": (
        "ring round the right inferior pulmonary vein",
        "right inferior pulmonary vein ring|RIPV ring|inferior right pulmonary vein ring|"
        "right lower pulmonary vein ring",
    ),
    "LAA_ring_label": (
        "ring round the left atrial appendage",
        "left atrial appendage ring|atrial_appendage_left ring|left auricle ring|LA appendage ring",
    ),
    "SVC_ring_label": (
        "ring round the superior vena cava",
        "superior vena cava ring|vena cava superior ring",
    ),
    "IVC_ring_label": (
        "ring round the inferior vena cava",
        "inferior vena cava ring|vena cava inferior ring",
    ),
}

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


# vessel: the chamber that it starts from, and the length that is kept of it, mm
_VESSELS = {
    "Ao_BP_label": ("LV_BP_label", 50.0),
    "PArt_BP_label": ("RV_BP_label", 40.0),
    "SVC_label": ("RA_BP_label", 20.0),
    "IVC_label": ("RA_BP_label", 20.0),
    **dict.fromkeys(
        ("LPV1_label", "LPV2_label", "RPV1_label", "RPV2_label", "pulmonary_veins_label"), ("LA_BP_label", 15.0)
    ),
}

# what meets without a gap, one of the two first
_JOINS = {
    "LV_BP_label": ("LV_myo_label", "LA_BP_label", "Ao_BP_label"),
    "RV_BP_label": ("RA_BP_label", "PArt_BP_label"),
    "LA_BP_label": (*(f"{vein}_label" for vein in VEINS[:5]), "pulmonary_veins_label"),
    "RA_BP_label": ("SVC_label", "IVC_label"),
}


def structures() -> Iterator[Structure]:
    """All rows of the tables as records."""
    for name, colour, snomed in STRUCTURES:
        summary, spellings = _CALLED[name]
        root, crop_mm = _VESSELS.get(name, ("", 0.0))
        yield Structure(
            name=name,
            summary=summary,
            spellings=tuple(spellings.split("|")),
            snomed=snomed,
            colour=colour,
            groups=tuple(group for group, members in GROUPS.items() if name in members),
            root=root,
            crop_mm=crop_mm,
            joins=_JOINS.get(name, ()),
        )
