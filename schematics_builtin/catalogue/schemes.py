"""The built-in label schemes: the integers of tools and data sets in the field, by canonical structure name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from pycemrg_core.api import LabelScheme
from schematics_builtin.catalogue.schematics import LABELS
from schematics_builtin.catalogue.structures import GROUPS, STRUCTURES, VEINS


def _numbered(first: int, names: Iterable[str]) -> dict[str, int]:
    return {name: value for value, name in enumerate(names, first)}


def _planes(first: int, veins: Iterable[str]) -> dict[str, int]:
    return _numbered(first, (f"{vein}_plane_label" for vein in veins))


def _rings(first: int, veins: Iterable[str]) -> dict[str, int]:
    return _numbered(first, (f"{vein}_ring_label" for vein in veins))


# Published meshes list the veins in other orders; LPV1 is left superior, LPV2 left inferior, and so on right.
_STROCCHI_ORDER = ("LAA", "LPV1", "LPV2", "RPV2", "RPV1", "SVC", "IVC")

_VALVES = ("MV_label", "TV_label", "AV_label", "PV_label")

_MESH_WALLS = _numbered(
    1, ("LV_myo_label", "RV_myo_label", "LA_myo_label", "RA_myo_label", "Ao_wall_label", "PArt_wall_label")
)

# scheme: what it is, source, integers
SCHEMES: dict[str, tuple[str, str, Mapping[str, int]]] = {
    "cemrg": (
        "CEMRG label maps",
        "https://github.com/OpenHeartDevelopers/pycemrg-image-analysis",
        LABELS,
    ),
    "cemrg-legacy": (
        "older CEMRG label maps, with vein planes",
        "CEMRG cardiac model scripts; valves as in cemrg",
        {
            **{name: value for name, value in LABELS.items() if not name.endswith("_ring_label")},
            **_planes(205, VEINS),
            **_rings(221, VEINS),
        },
    ),
    "cemrg-mesh": (
        "CEMRG meshes: walls, valves, planes, rings",
        "CEMRG cardiac model scripts",
        {
            **_MESH_WALLS,
            **_numbered(7, _VALVES),
            **_planes(11, VEINS),
            **_rings(18, ("LAA", "SVC", "IVC", "LPV1", "LPV2", "RPV1", "RPV2")),
        },
    ),
    "strocchi-2020": (
        "heart failure cohort meshes",
        "Strocchi et al. 2020, PLoS ONE 15(6): e0235145, doi 10.1371/journal.pone.0235145",
        {
            **_MESH_WALLS,
            **_rings(7, _STROCCHI_ORDER),
            **_numbered(14, _VALVES),
            **_planes(18, _STROCCHI_ORDER),
        },
    ),
    "rodero-2021": (
        "healthy adult cohort meshes",
        "Rodero et al. 2021, PLoS Comput Biol 17(4): e1008851, doi 10.1371/journal.pcbi.1008851",
        {
            **_MESH_WALLS,
            **_numbered(7, _VALVES),
            **_planes(11, _STROCCHI_ORDER),
            **_rings(18, ("LAA", "RPV2", "LPV2", "LPV1", "RPV1", "SVC", "IVC")),
        },
    ),
    "totalsegmentator-heartchambers": (
        "TotalSegmentator, task heartchambers_highres",
        "Wasserthal et al. 2023, Radiol Artif Intell 5(5): e230024, doi 10.1148/ryai.230024",
        {
            "LV_myo_label": 1,
            "LA_BP_label": 2,
            "LV_BP_label": 3,
            "RA_BP_label": 4,
            "RV_BP_label": 5,
            "Ao_BP_label": 6,
            "PArt_BP_label": 7,
        },
    ),
    "totalsegmentator-total": (
        "TotalSegmentator 2, task total",
        "Wasserthal et al. 2023, Radiol Artif Intell 5(5): e230024, doi 10.1148/ryai.230024",
        {
            "heart_label": 51,
            "Ao_BP_label": 52,
            "pulmonary_veins_label": 53,
            "LAA_label": 61,
            "SVC_label": 62,
            "IVC_label": 63,
        },
    ),
    "totalsegmentator-v1": (
        "TotalSegmentator 1, task total",
        "Wasserthal et al. 2023, Radiol Artif Intell 5(5): e230024, doi 10.1148/ryai.230024",
        {
            "Ao_BP_label": 7,
            "IVC_label": 8,
            "LV_myo_label": 44,
            "LA_BP_label": 45,
            "LV_BP_label": 46,
            "RA_BP_label": 47,
            "RV_BP_label": 48,
            "PArt_BP_label": 49,
        },
    ),
    "mm-whs": (
        "Multi-Modality Whole Heart Segmentation challenge",
        "Zhuang and Shen 2016, Med Image Anal 31: 77-87, doi 10.1016/j.media.2016.02.006",
        {
            "LV_BP_label": 500,
            "RV_BP_label": 600,
            "LA_BP_label": 420,
            "RA_BP_label": 550,
            "LV_myo_label": 205,
            "Ao_BP_label": 820,
            "PArt_BP_label": 850,
        },
    ),
    "hvsmr-2": (
        "HVSMR-2.0, congenital heart disease MR",
        "Pace et al. 2024, Sci Data 11: 721, doi 10.1038/s41597-024-03469-9",
        _numbered(
            1,
            (
                "LV_BP_label",
                "RV_BP_label",
                "LA_BP_label",
                "RA_BP_label",
                "Ao_BP_label",
                "PArt_BP_label",
                "SVC_label",
                "IVC_label",
            ),
        ),
    ),
    "acdc": (
        "Automated Cardiac Diagnosis Challenge",
        "Bernard et al. 2018, IEEE Trans Med Imaging 37(11): 2514-2525, doi 10.1109/TMI.2018.2837502",
        {"RV_BP_label": 1, "LV_myo_label": 2, "LV_BP_label": 3},
    ),
    "mnms-2": (
        "M&Ms-2 challenge",
        "Martin-Isla et al. 2023, IEEE J Biomed Health Inform 27(7): 3302-3313, doi 10.1109/JBHI.2023.3267857",
        {"LV_BP_label": 1, "LV_myo_label": 2, "RV_BP_label": 3},
    ),
}


def schemes() -> Iterator[LabelScheme]:
    """All rows of the table as records."""
    for name, (summary, source, labels) in SCHEMES.items():
        groups = {group: tuple(m for m in members if m in labels) for group, members in GROUPS.items()}
        yield LabelScheme(
            name=name,
            summary=summary,
            labels=dict(sorted(labels.items(), key=lambda item: item[1])),
            groups={group: members for group, members in groups.items() if members},
            colours={structure: colour for structure, colour, _ in STRUCTURES if structure in labels},
            snomed={structure: code for structure, _, code in STRUCTURES if code and structure in labels},
            source=source,
        )
