"""The recipe of the complete heart."""

from __future__ import annotations

from pycemrg_core.api import Recipe, RecipeStep
from schematics_builtin.catalogue.closing_schematics import atrium_of
from schematics_builtin.catalogue.structures import VEINS

Entries = tuple[tuple[str, tuple[str, ...]], ...]

# Each schematic, and the labels without which it is left out.
_BEFORE_RINGS: Entries = (
    ("tidy_input", ()),
    ("svc_skirt", ("SVC", "RA_BP")),
    ("ivc_skirt", ("IVC", "RA_BP")),
    ("aortic_wall", ("Ao_BP",)),
    ("pulmonary_artery", ("PArt_BP",)),
    ("part_push_aorta", ("Ao_wall", "PArt_BP")),
    ("la_myocardium", ("LA_BP",)),
    ("ra_myocardium", ("RA_BP",)),
    ("ra_push_la", ("LA_myo", "RA_BP")),
    ("ra_push_aorta", ("Ao_wall", "RA_BP")),
    ("svc_push_aorta", ("Ao_wall", "SVC")),
    ("la_push_aorta", ("Ao_wall", "LA_BP")),
    ("lv_outflow", ("LV_BP",)),
    ("lv_neck_push_rv", ("RV_BP", "LV_BP")),
    ("rv_myocardium", ("RV_BP",)),
    ("rv_push_aorta", ("Ao_wall", "RV_BP")),
    ("mitral_valve", ("LV_BP", "LA_BP")),
    ("tricuspid_valve", ("RV_BP", "RA_BP")),
    ("aortic_valve", ("LV_BP", "Ao_BP")),
    ("separate_mv_av", ("AV", "MV")),
    ("pulmonary_valve", ("RV_BP", "PArt_BP")),
    ("mv_close_contact", ("LV_myo", "LA_BP")),
    ("tv_close_contact", ("RV_myo", "RA_BP")),
    ("av_close_contact", ("LV_myo", "Ao_BP")),
    ("pv_close_contact", ("RV_myo", "PArt_BP")),
    ("ao_close_contact", ("RV_myo", "Ao_BP")),
    ("separate_veins", ()),
)
_AFTER_PLANES: Entries = (
    ("pv_gap", ("RV_BP", "PArt_wall")),
    ("ao_open_end", ("AV", "Ao_BP")),
    ("part_open_end", ("PV", "PArt_BP")),
    ("seal_chambers", ()),
    ("make_manifold", ()),
)


def four_chamber_closed() -> Recipe:
    """The complete heart: four closed chambers, vein planes and rings, open arteries."""
    rings = tuple((f"{vein.lower()}_ring_own_cell", (vein, f"{atrium_of(vein)}_myo")) for vein in VEINS)
    planes = tuple((f"{vein.lower()}_plane", (f"{atrium_of(vein)}_BP", vein)) for vein in VEINS)
    return Recipe(
        name="four_chamber_closed",
        summary="the complete heart: four closed chambers, vein planes and rings, open arteries",
        scheme="cemrg-legacy",
        steps=tuple(
            RecipeStep(schematic=name, when_present=tuple(f"{label}_label" for label in labels))
            for name, labels in (*_BEFORE_RINGS, *rings, *planes, *_AFTER_PLANES)
        ),
        open=("Ao_BP_label", "PArt_BP_label", *(f"{vein}_label" for vein in VEINS)),
    )
