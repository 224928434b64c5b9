"""What pycemrg-partition contributes; every command imports this module, so the code is referred to by name."""

from __future__ import annotations

from collections.abc import Iterator

from pycemrg_core.api import Measures, Metric, Recipe, Ref, Schematic, Step, hookimpl, include


@hookimpl
def pycemrg_steps() -> Iterator[Step]:
    yield Step(
        name="partition",
        summary="turn the part of a blood pool near another structure into wall",
        run=Ref("pycemrg_partition.step:partition"),
        contract=Ref("pycemrg_partition.step:PartitionContract"),
    )


@hookimpl
def pycemrg_schematics() -> Iterator[Schematic]:
    yield Schematic(
        name="partition_rpv1_svc",
        step="partition",
        summary="RA_myo: RPV1 near SVC, so that left and right blood do not meet",
        labels={"SVC_label": 13, "RPV1_label": 10, "RA_myo_label": 105},
        parameters={"partition_WT": 1.5},
        semantic_map={
            "PARTITION_FROM_NAME": "SVC_label",
            "GAP_BLOOD_POOL_NAME": "RPV1_label",
            "TARGET_WALL_NAME": "RA_myo_label",
            "PARTITION_THICKNESS_PARAMETER_NAME": "partition_WT",
        },
    )


@hookimpl
def pycemrg_recipes() -> Iterator[Recipe]:
    # Last, when walls and valves have taken their share: what is still open then is a gap.
    yield Recipe(
        name="four_chamber_partitioned",
        summary="four chambers and valves, with wall between the upper veins",
        steps=(include("four_chamber_full"), "partition_rpv1_svc"),
    )


@hookimpl
def pycemrg_metrics() -> Iterator[Metric]:
    yield Metric(
        name="open_faces",
        summary="area of the voxel faces by which two blood pools meet; 0 when sealed",
        measures=Measures.STRUCTURES,
        function=Ref("pycemrg_partition.metric:open_faces"),
        unit="mm2",
    )
