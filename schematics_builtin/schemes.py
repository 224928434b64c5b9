"""Label schemes: the integers that tools and data sets of the field write, by canonical structure name."""

from __future__ import annotations

from collections.abc import Iterator

from pycemrg_core.records import LabelScheme
from schematics_builtin.schematics import LABELS

# Blood pools in strong colours, walls in their pale companions, valves and rings in accents.
COLOURS = {
    "LV_BP_label": "#c8343c",
    "LV_myo_label": "#e8a598",
    "RV_BP_label": "#3a66b0",
    "LA_BP_label": "#e0703a",
    "RA_BP_label": "#3d94c4",
    "Ao_BP_label": "#9c1f4f",
    "PArt_BP_label": "#5b4aa8",
    "LPV1_label": "#f2a33c",
    "LPV2_label": "#e8bc4a",
    "RPV1_label": "#d98a2b",
    "RPV2_label": "#c9a227",
    "LAA_label": "#f07f6a",
    "SVC_label": "#2f7f8f",
    "IVC_label": "#46a59a",
    "RV_myo_label": "#a9c0e6",
    "LA_myo_label": "#f5cba7",
    "RA_myo_label": "#b5dcec",
    "Ao_wall_label": "#dba0ba",
    "PArt_wall_label": "#c0b4e4",
    "MV_label": "#2e9d55",
    "TV_label": "#7cc45a",
    "AV_label": "#0f6b4f",
    "PV_label": "#a4b83a",
    "LPV1_ring_label": "#7a4b12",
    "LPV2_ring_label": "#8d6a1f",
    "RPV1_ring_label": "#63400f",
    "RPV2_ring_label": "#746016",
    "LAA_ring_label": "#8f3a2b",
    "SVC_ring_label": "#164650",
    "IVC_ring_label": "#1f5a53",
}


def schemes() -> Iterator[LabelScheme]:
    """All label schemes as records."""
    yield LabelScheme(
        name="cemrg",
        summary="the integers of the CEMRG pipelines",
        labels=LABELS,
        colours=COLOURS,
        source="https://github.com/OpenHeartDevelopers/pycemrg-image-analysis",
    )
