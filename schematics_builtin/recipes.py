"""The recipes: which structures are made, in which order."""

from pycemrg_core.records import Recipe, include

RECIPES = (
    Recipe(
        name="biventricular_basic",
        summary="both ventricles' walls and the four valves",
        steps=(
            "lv_outflow",
            "rv_myocardium",
            "mitral_valve",
            "tricuspid_valve",
            "aortic_valve",
            "pulmonary_valve",
        ),
    ),
    Recipe(
        name="four_chamber_myocardium",
        summary="walls of the four chambers and the great arteries, no valves",
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
    ),
    Recipe(
        name="four_chamber_full",
        summary="four-chamber walls, then the four valves",
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
        steps=("la_myocardium", "lpv1_ring", "lpv2_ring", "rpv1_ring", "rpv2_ring", "laa_ring"),
    ),
    Recipe(
        name="right_atrium_with_veins",
        summary="right atrial wall and the rings of the venae cavae",
        steps=("ra_myocardium", "svc_ring", "ivc_ring"),
    ),
    Recipe(
        name="atria_full",
        summary="both atria with all vein rings",
        steps=(include("left_atrium_with_veins"), include("right_atrium_with_veins")),
    ),
)
