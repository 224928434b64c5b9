"""Contributes a name that the built-in catalogue has."""

from pycemrg_core.api import Recipe, Schematic, hookimpl


@hookimpl
def pycemrg_schematics():
    yield Schematic(
        name="mitral_valve",
        step="valve",
        summary="a mitral valve of another thickness",
        labels={"LV_BP_label": 1, "LA_BP_label": 4, "MV_label": 201},
        parameters={"thin_valve_WT": 2.0},
        semantic_map={
            "STRUCTURE_A_NAME": "LA_BP_label",
            "STRUCTURE_B_NAME": "LV_BP_label",
            "TARGET_VALVE_NAME": "MV_label",
            "INTERSECTION_THICKNESS_PARAMETER_NAME": "thin_valve_WT",
            "APPLICATION_STEPS": [{"MODE": "REPLACE", "RULE_LABEL_NAMES": []}],
        },
    )


@hookimpl
def pycemrg_recipes():
    yield Recipe(name="this_mitral_valve", steps=("broken_conflict:mitral_valve",))
    yield Recipe(name="that_mitral_valve", steps=("builtin:mitral_valve",))
    yield Recipe(name="which_mitral_valve", steps=("mitral_valve",))
