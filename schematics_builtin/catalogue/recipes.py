"""The built-in recipes: which structures are made, in which order."""

from pycemrg_core.api import Recipe, include

# No structure is made at their far ends, where the segmentation stops.
_VEINS = ("LPV1_label", "LPV2_label", "RPV1_label", "RPV2_label", "LAA_label", "SVC_label", "IVC_label")
_LA_MOUTHS = tuple(("LA_BP_label", vein) for vein in _VEINS[:5])
_RA_MOUTHS = tuple(("RA_BP_label", vein) for vein in _VEINS[5:])
_ATRIOVENTRICULAR = (("LV_BP_label", "LA_BP_label"), ("RV_BP_label", "RA_BP_label"))
_OUTFLOWS = (("LV_BP_label", "Ao_BP_label"), ("RV_BP_label", "PArt_BP_label"))
_VENTRICLES = ("LV_BP_label", "RV_BP_label")
_ARTERIES = ("Ao_BP_label", "PArt_BP_label")

RECIPES = (
    Recipe(
        name="biventricular_basic",
        summary="both ventricles' walls and the four valves",
        scheme="cemrg",
        steps=(
            "lv_outflow",
            "rv_myocardium",
            "mitral_valve",
            "tricuspid_valve",
            "aortic_valve",
            "pulmonary_valve",
        ),
        open=("LA_BP_label", "RA_BP_label", *_ARTERIES, *_VEINS),
    ),
    Recipe(
        name="four_chamber_myocardium",
        summary="walls of the four chambers and the great arteries, no valves",
        scheme="cemrg",
        steps=(
            "lv_outflow",
            "aortic_wall",
            "pulmonary_artery",
            "part_push_aorta",
            "part_push_lv",
            "rv_myocardium",
            "la_myocardium",
            "la_push_aorta",
            "ra_myocardium",
            "rv_push_aorta",
        ),
        open=_VEINS,
        may_touch=(*_LA_MOUTHS, *_RA_MOUTHS, *_ATRIOVENTRICULAR, *_OUTFLOWS),
    ),
    Recipe(
        name="four_chamber_full",
        summary="four-chamber walls, then the four valves",
        scheme="cemrg",
        steps=(
            include("four_chamber_myocardium"),
            "mitral_valve",
            "tricuspid_valve",
            "aortic_valve",
            "pulmonary_valve",
        ),
    ),
    Recipe(
        name="left_atrium_with_veins",
        summary="left atrial wall and the rings of its veins and appendage",
        scheme="cemrg",
        steps=("la_myocardium", "lpv1_ring", "lpv2_ring", "rpv1_ring", "rpv2_ring", "laa_ring"),
        open=("RA_BP_label", *_VENTRICLES, *_ARTERIES, *_VEINS),
        may_touch=(*_LA_MOUTHS, _ATRIOVENTRICULAR[0]),
    ),
    Recipe(
        name="right_atrium_with_veins",
        summary="right atrial wall and the rings of the venae cavae",
        scheme="cemrg",
        steps=("ra_myocardium", "svc_ring", "ivc_ring"),
        open=("LA_BP_label", *_VENTRICLES, *_ARTERIES, *_VEINS),
        may_touch=(*_RA_MOUTHS, _ATRIOVENTRICULAR[1]),
    ),
    Recipe(
        name="atria_full",
        summary="both atria with all vein rings",
        scheme="cemrg",
        steps=(include("left_atrium_with_veins"), include("right_atrium_with_veins")),
    ),
)
