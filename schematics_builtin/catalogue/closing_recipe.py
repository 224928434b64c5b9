"""The recipes of closed hearts, as tables: the complete heart, both ventricles, both atria."""

from __future__ import annotations

from collections.abc import Iterator

from pycemrg_core.api import Recipe, RecipeStep
from schematics_builtin.catalogue.closing_schematics import atrium_of
from schematics_builtin.catalogue.structures import VEINS

SCHEME = "cemrg-legacy"

# Each schematic, and the labels without which it is left out.
_WAITS_FOR = {
    "tidy_input": (),
    "svc_skirt": ("SVC", "RA_BP"),
    "ivc_skirt": ("IVC", "RA_BP"),
    "aortic_wall": ("Ao_BP",),
    "pulmonary_artery": ("PArt_BP",),
    "part_push_aorta": ("Ao_wall", "PArt_BP"),
    "la_myocardium": ("LA_BP",),
    "ra_myocardium": ("RA_BP",),
    "ra_push_la": ("LA_myo", "RA_BP"),
    "ra_push_aorta": ("Ao_wall", "RA_BP"),
    "svc_push_aorta": ("Ao_wall", "SVC"),
    "la_push_aorta": ("Ao_wall", "LA_BP"),
    "lv_outflow": ("LV_BP",),
    "lv_neck_push_rv": ("RV_BP", "LV_BP"),
    "rv_myocardium": ("RV_BP",),
    "rv_push_aorta": ("Ao_wall", "RV_BP"),
    "mitral_valve": ("LV_BP", "LA_BP"),
    "tricuspid_valve": ("RV_BP", "RA_BP"),
    "aortic_valve": ("LV_BP", "Ao_BP"),
    "separate_mv_av": ("AV", "MV"),
    "pulmonary_valve": ("RV_BP", "PArt_BP"),
    "mv_close_contact": ("LV_myo", "LA_BP"),
    "tv_close_contact": ("RV_myo", "RA_BP"),
    "av_close_contact": ("LV_myo", "Ao_BP"),
    "pv_close_contact": ("RV_myo", "PArt_BP"),
    "ao_close_contact": ("RV_myo", "Ao_BP"),
    "separate_veins": (),
    **{f"{vein.lower()}_ring_own_cell": (vein, f"{atrium_of(vein)}_myo") for vein in VEINS},
    **{f"{vein.lower()}_plane": (f"{atrium_of(vein)}_BP", vein) for vein in VEINS},
    "pv_gap": ("RV_BP", "PArt_wall"),
    "ao_open_end": ("AV", "Ao_BP"),
    "part_open_end": ("PV", "PArt_BP"),
    "seal_chambers": (),
    "make_manifold": (),
}

_VENTRICLES = (
    "tidy_input",
    "lv_outflow",
    "lv_neck_push_rv",
    "rv_myocardium",
    "mitral_valve",
    "tricuspid_valve",
    "aortic_valve",
    "separate_mv_av",
    "pulmonary_valve",
    "seal_ventricles",
    "make_manifold",
)

_ATRIA = (
    "tidy_input",
    "svc_skirt",
    "ivc_skirt",
    "la_myocardium",
    "ra_myocardium",
    "ra_push_la",
    "mitral_valve",
    "tricuspid_valve",
    "mv_close_contact",
    "separate_veins",
    *(f"{vein.lower()}_ring_own_cell" for vein in VEINS),
    *(f"{vein.lower()}_plane" for vein in VEINS),
    "seal_atria",
    "make_atria_manifold",  # for those who take the myocardium of the left ventricle out
    "make_manifold",
)


def recipes() -> Iterator[Recipe]:
    """All recipes of closed hearts."""
    yield _recipe(
        "four_chamber_closed",
        "the complete heart: four closed chambers, vein planes and rings, open arteries",
        tuple(_WAITS_FOR),
        open_=(),
        needs=("LV_BP", "LV_myo", "RV_BP", "LA_BP", "RA_BP"),
    )
    yield _recipe(
        "biventricular_closed",
        "both ventricles, closed by their walls and the four valves",
        _VENTRICLES,
        open_=("LA_BP", "RA_BP"),
        needs=("LV_BP", "LV_myo", "RV_BP"),
    )
    yield _recipe(
        "atria_closed",
        "both atria, closed by their walls, the mitral and tricuspid valves and vein planes with rings",
        _ATRIA,
        open_=("LV_BP", "RV_BP"),
        needs=(),
    )


def _recipe(name: str, summary: str, steps: tuple[str, ...], open_: tuple[str, ...], needs: tuple[str, ...]) -> Recipe:
    return Recipe(
        name=name,
        summary=summary,
        scheme=SCHEME,
        steps=tuple(
            RecipeStep(schematic=step, when_present=tuple(f"{label}_label" for label in _WAITS_FOR.get(step, ())))
            for step in steps
        ),
        open=(*(f"{lumen}_label" for lumen in (*open_, "Ao_BP", "PArt_BP", *VEINS)),),
        needs=tuple(f"{label}_label" for label in needs),
    )
