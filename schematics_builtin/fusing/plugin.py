"""The contributions of the plugin ``fusing``; imports little, because every command loads this module."""

from __future__ import annotations

from collections.abc import Iterable

from pycemrg_core.api import Command, Ref, Schematic, Step, hookimpl

VEIN_DOUBTS = (
    *("situs-inversus", "image-direction", "missing-vein", "three-veins", "deep-division", "wide-mouth"),
    *("appendage-among-veins", "vein-order"),
)
"""What can be doubtful about a heart and its veins."""

# step kind, what it does, function, contract, doubts
_STEPS = (
    ("join", "close narrow gaps between labels", "join", "JoinContract", ()),
    ("crop_vessel", "cut vessels off, a given way along them", "crop_vessel", "CropVesselContract", ()),
    ("split_veins", "tell the pulmonary veins of one label apart", "split_veins", "SplitVeinsContract", VEIN_DOUBTS),
)

# The schematics, in the integers of the scheme cemrg.
_VEINS = ("LPV1", "LPV2", "RPV1", "RPV2")
_INTEGERS = {
    name: value
    for value, name in enumerate(
        ("LV_BP", "LV_myo", "RV_BP", "LA_BP", "RA_BP", "Ao_BP", "PArt_BP", *_VEINS, "LAA", "SVC", "IVC"), 1
    )
}
_ALL_VEINS = "pulmonary_veins"
_ALL_VEINS_VALUE = 15

# schematic, what is joined, the first label to each of the others
_JOINS = (
    ("join_left_ventricle", ("LV_BP", "LV_myo", "LA_BP", "Ao_BP")),
    ("join_right_ventricle", ("RV_BP", "RA_BP", "PArt_BP")),
    ("join_left_atrium", ("LA_BP", *_VEINS, "LAA")),
    ("join_right_atrium", ("RA_BP", "SVC", "IVC")),
)
# schematic, vessels, their root, length in mm, whether they end whole
_CROPS = (
    ("crop_aorta", ("Ao_BP",), "LV_BP", 50.0, 1),
    ("crop_pulmonary_artery", ("PArt_BP",), "RV_BP", 40.0, 1),
    ("crop_venae_cavae", ("SVC", "IVC"), "RA_BP", 20.0, 0),
    ("crop_pulmonary_veins", _VEINS, "LA_BP", 15.0, 0),
)
_SPLIT = {
    "ATRIUM_BLOOD_POOL_NAME": "LA_BP",
    "LV_BLOOD_POOL_NAME": "LV_BP",
    "RV_BLOOD_POOL_NAME": "RV_BP",
    "RA_BLOOD_POOL_NAME": "RA_BP",
    "LEFT_UPPER_VEIN_NAME": "LPV1",
    "LEFT_LOWER_VEIN_NAME": "LPV2",
    "RIGHT_UPPER_VEIN_NAME": "RPV1",
    "RIGHT_LOWER_VEIN_NAME": "RPV2",
}


@hookimpl
def pycemrg_steps() -> Iterable[Step]:
    for name, summary, run, contract, doubts in _STEPS:
        yield Step(
            name=name,
            summary=summary,
            run=Ref(f"schematics_builtin.fusing.steps:{run}"),
            contract=Ref(f"schematics_builtin.fusing.contracts:{contract}"),
            may_change_nothing=name != "split_veins",
            doubts=doubts,
        )


@hookimpl
def pycemrg_commands() -> Iterable[Command]:
    yield Command(
        name="fuse",
        summary="Make one heart of what segmentation tools write.",
        command=Ref("schematics_builtin.fusing.command:fuse"),
    )


@hookimpl
def pycemrg_schematics() -> Iterable[Schematic]:
    for name, labels in _JOINS:
        yield Schematic(
            name=name,
            step="join",
            summary=f"narrow gaps between {labels[0]} and {', '.join(labels[1:])}",
            labels={f"{label}_label": _INTEGERS[label] for label in labels},
            parameters={"gap": 2.5},
            semantic_map={"LABEL_NAMES": [f"{label}_label" for label in labels], "GAP_PARAMETER_NAME": "gap"},
        )
    for name, vessels, root, length_mm, whole_end in _CROPS:
        length = f"{name.removeprefix('crop_')}_length"
        yield Schematic(
            name=name,
            step="crop_vessel",
            summary=f"{', '.join(vessels)}: no longer than {length_mm:g} mm from {root}",
            labels={f"{label}_label": _INTEGERS[label] for label in (*vessels, root)},
            parameters={length: length_mm},
            semantic_map={
                "VESSEL_LABEL_NAMES": [f"{vessel}_label" for vessel in vessels],
                "ROOT_LABEL_NAME": f"{root}_label",
                "LENGTH_PARAMETER_NAME": length,
                "WHOLE_END": whole_end,
            },
        )
    yield Schematic(
        name="split_pulmonary_veins",
        step="split_veins",
        summary=f"{_ALL_VEINS} becomes {', '.join(_VEINS)}",
        labels={f"{label}_label": value for label, value in {**_INTEGERS, _ALL_VEINS: _ALL_VEINS_VALUE}.items()},
        semantic_map={
            **{role: f"{name}_label" for role, name in _SPLIT.items()},
            "SOURCE_VEIN_LABEL_NAME": f"{_ALL_VEINS}_label",
            "APPENDAGE_LABEL_NAMES": ["LAA_label"],
            "GREAT_VESSEL_LABEL_NAMES": ["Ao_BP_label", "PArt_BP_label"],
        },
    )
