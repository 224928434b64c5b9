"""What the user can choose for a fusion, and what the structures of the catalogue say where nothing is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from schematics_builtin.fusing.sources import Grid

HEART = "heart_label"
VEINS = "pulmonary_veins_label"
APPENDAGE = "LAA_label"
ATRIUM = "LA_BP_label"
PULMONARY = ("LPV1_label", "LPV2_label", "RPV1_label", "RPV2_label")
ARTERIES = ("Ao_BP_label", "PArt_BP_label")
"""Vessels that a recipe opens at their end, which is therefore cut flat."""
CAVAE = ("SVC_label", "IVC_label")
CHAMBERS = ("LV_BP_label", "LV_myo_label", "RV_BP_label", ATRIUM, "RA_BP_label")
"""The chambers, and the myocardium that makes a heart of them."""
ORDER = (
    *("LV_BP_label", "LV_myo_label", "RV_BP_label", APPENDAGE, "RA_BP_label", ATRIUM, "Ao_BP_label"),
    *("PArt_BP_label", "SVC_label", "IVC_label", *PULMONARY, VEINS),
)
"""Of two structures that claim a voxel, the first one gets it; the others come after these, by name."""
GAP_MM = 2.5
"""The widest gap that is closed."""
FROM = ("label", "atrium", "keep")
"""Where the pulmonary veins come from."""


@frozen(kw_only=True)
class Choices:
    """How to fuse. Structures are canonical names, lengths mm.

    ``spacing_mm`` makes cubic voxels of this size; ``grid`` is the grid of the result, to the voxel. ``prefer`` names
    the source that a structure comes from, ``over`` are pairs of which the first structure wins. ``roots`` are the
    chambers of vessels, ``crops`` the lengths that are kept of them, ``joins`` the pairs whose gaps are closed.
    ``veins`` says where the pulmonary veins come from: their common ``label``, the ``atrium`` that holds them, or they
    are left as they are (``keep``). ``accept`` are doubts. ``asked_crops`` and
    ``asked_joins`` are those of them that the user asked for.
    """

    spacing_mm: float | None = None
    grid: Grid | None = None
    prefer: Mapping[str, str] = field(factory=dict)
    over: tuple[tuple[str, str], ...] = ()
    roots: Mapping[str, str] = field(factory=dict)
    crops: Mapping[str, float] = field(factory=dict)
    joins: tuple[tuple[str, str], ...] = ()
    margin_mm: float = 10.0
    veins: str = "label"
    accept: tuple[str, ...] = ()
    asked_crops: tuple[str, ...] = ()
    asked_joins: tuple[tuple[str, str], ...] = ()

    def as_data(self) -> dict[str, Any]:
        """What was chosen, as plain data; without what follows from the structures of the catalogue."""
        return {
            "grid": None if self.grid is None else self.grid.as_data(),
            "spacing_mm": self.spacing_mm,
            "prefer": dict(self.prefer),
            "over": [list(pair) for pair in self.over],
            "crops": {name: self.crops[name] for name in self.asked_crops},
            "joins": [list(pair) for pair in self.asked_joins],
            "margin_mm": None if self.grid is not None else self.margin_mm,
            "veins": self.veins,
            "accept": list(self.accept),
        }
