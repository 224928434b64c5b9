"""What pycemrg-internal-part contributes: records only, built on the step kinds ``create`` and ``push``."""

from __future__ import annotations

from collections.abc import Iterator

from pycemrg_core.api import Recipe, Schematic, hookimpl, include

# schematic, blood pool that yields, its integer, its wall, the wall's integer, thickness parameter
_PUSHES = (
    ("la_push_part", "LA_BP_label", 4, "LA_myo_label", 104, "LA_WT"),
    ("ra_push_part", "RA_BP_label", 5, "RA_myo_label", 105, "RA_WT"),
)


@hookimpl
def pycemrg_schematics() -> Iterator[Schematic]:
    yield Schematic(
        name="rv_outflow",
        step="create",
        summary="RV_myo: muscle round the outflow, in place of the root of PArt_wall",
        labels={"RV_BP_label": 3, "RV_myo_label": 103, "PArt_wall_label": 107},
        parameters={"RV_neck_WT": 2.0},
        semantic_map={
            "SOURCE_BLOOD_POOL_NAME": "RV_BP_label",
            "TARGET_MYOCARDIUM_NAME": "RV_myo_label",
            "WALL_THICKNESS_PARAMETER_NAME": "RV_neck_WT",
            "APPLICATION_STEPS": [{"MODE": "REPLACE_ONLY", "RULE_LABEL_NAMES": ["PArt_wall_label"]}],
        },
    )
    for name, pool, pool_value, wall, wall_value, thickness in _PUSHES:
        yield Schematic(
            name=name,
            step="push",
            summary=f"{wall.removesuffix('_label')}: {pool.removesuffix('_label')} near PArt_wall",
            labels={"PArt_wall_label": 107, pool: pool_value, wall: wall_value},
            parameters={thickness: 2.0},
            semantic_map={
                "PUSHER_WALL_NAME": "PArt_wall_label",
                "PUSHED_BLOOD_POOL_NAME": pool,
                "PUSHED_WALL_NAME": wall,
                "PUSHED_WALL_THICKNESS_PARAMETER_NAME": thickness,
            },
        )


@hookimpl
def pycemrg_recipes() -> Iterator[Recipe]:
    # Walls first: a push needs the pusher's. Valves last, out of what the walls have left of the blood pools.
    yield Recipe(
        name="four_chamber_internal_part",
        summary="four chambers and valves, the pulmonary artery between the atria",
        steps=(
            include("four_chamber_myocardium"),
            "rv_outflow",
            "la_push_part",
            "ra_push_part",
            "mitral_valve",
            "tricuspid_valve",
            "aortic_valve",
            "pulmonary_valve",
        ),
    )
