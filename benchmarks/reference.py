"""Measure the time of the recipe ``four_chamber_full`` in the reference library, pycemrg-image-analysis.

Runs in an interpreter where this library is installed; it can differ from the interpreter of the benchmark:

    python reference.py heart.nrrd [--output walls.nrrd]

The image must be a label map in the ``cemrg`` scheme. One line of JSON goes to stdout:

    {"version": "0.2.0", "seconds": 12.3, "steps": {"lv_outflow": 0.9, ...}}

The time is CPU seconds of all threads, for the fourteen steps in memory, without imports, without reading the image
and the configuration, and without writing the output.
"""

import argparse
import contextlib
import json
import logging
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from time import process_time
from typing import Any

import SimpleITK as sitk
from pycemrg.data.labels import LabelManager
from pycemrg_image_analysis import logic
from pycemrg_image_analysis.recipes import get_recipe
from pycemrg_image_analysis.scaffolding import ImageAnalysisScaffolder
from pycemrg_image_analysis.utilities.masks import MaskOperationMode

RECIPE = "four_chamber_full"

# The schematics of the library do not define pushes; its users write this table themselves.
# step: (pusher wall, pushed wall, pushed blood pool, thickness parameter)
PUSHES = {
    "part_push_aorta": ("Ao_wall_label", "PArt_wall_label", "PArt_BP_label", "PArt_WT"),
    "part_push_lv": ("LV_myo_label", "PArt_wall_label", "PArt_BP_label", "PArt_WT"),
    "la_push_aorta": ("Ao_wall_label", "LA_myo_label", "LA_BP_label", "LA_WT"),
    "rv_push_aorta": ("Ao_wall_label", "RV_myo_label", "RV_BP_label", "RV_WT"),
}


class Heart:
    """One configured run: the configuration folder of a user, and the engines that read it."""

    def __init__(self, folder: Path) -> None:
        """Write the configuration of the recipe to `folder` and load it, like users of the library."""
        components = get_recipe(RECIPE).required_schematics
        ImageAnalysisScaffolder().scaffold_components(folder, components)
        self.folder = folder
        self.labels = LabelManager(folder / "labels.yaml")
        self.parameters: dict[str, float] = json.loads((folder / "parameters.json").read_text())
        self.maps = {name: self._semantic_map(name) for name in components}
        self.myocardium = logic.MyocardiumLogic()
        self.valves = logic.ValveLogic()

    def _semantic_map(self, name: str) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads((self.folder / "semantic_maps" / f"{name}.json").read_text())
        return loaded

    def step(self, kind: str, name: str, image: sitk.Image) -> sitk.Image:
        """The image after the step `name`, which is of the `kind` create, push or valve."""
        return {"create": self._create, "push": self._push, "valve": self._valve}[kind](name, image)

    def _create(self, name: str, image: sitk.Image) -> sitk.Image:
        roles = {logic.MyocardiumSemanticRole[role]: value for role, value in self.maps[name].items()}
        return self.myocardium.create_from_semantic_map(image, self.labels, self.parameters, roles)

    def _push(self, name: str, image: sitk.Image) -> sitk.Image:
        pusher, wall, blood_pool, thickness = PUSHES[name]
        contract = logic.PushStructureContract(
            pusher_wall_label=self.labels.get_value(pusher),
            pushed_wall_label=self.labels.get_value(wall),
            pushed_bp_label=self.labels.get_value(blood_pool),
            pushed_wall_thickness=self.parameters[thickness],
        )
        return self.myocardium.push_structure(image, contract)

    def _valve(self, name: str, image: sitk.Image) -> sitk.Image:
        roles = self.maps[name]
        rule = logic.ValveRule(
            structure_a_name=roles["STRUCTURE_A_NAME"],
            structure_b_name=roles["STRUCTURE_B_NAME"],
            target_valve_name=roles["TARGET_VALVE_NAME"],
            intersection_thickness_parameter_name=roles["INTERSECTION_THICKNESS_PARAMETER_NAME"],
            application_steps=[
                logic.ApplicationStep(MaskOperationMode[step["MODE"]], step["RULE_LABEL_NAMES"])
                for step in roles["APPLICATION_STEPS"]
            ],
        )
        builder = logic.MyocardiumPathBuilder(self.folder, self.labels, self.parameters, image)
        draft = builder.build_valve_contract(name)
        contract = logic.ValveCreationContract(
            input_image=draft.input_image,
            label_manager=draft.label_manager,
            parameters=draft.parameters,
            output_path=draft.output_path,
            rule=rule,
        )
        return self.valves.create_from_rule(contract)


def main() -> None:
    """Read the image, run the recipe, print the seconds."""
    parser = argparse.ArgumentParser(description="time four_chamber_full in the reference library")
    parser.add_argument("image", type=Path, help="label map in the cemrg scheme")
    parser.add_argument("--output", type=Path, help="where to write the resulting label map")
    arguments = parser.parse_args()

    logging.disable(logging.INFO)
    image = sitk.ReadImage(arguments.image)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        heart = Heart(Path(folder))
        seconds: dict[str, float] = {}
        for step in get_recipe(RECIPE).steps:
            start = process_time()
            image = heart.step(step.step_type, step.component_name, image)
            seconds[step.component_name] = process_time() - start
            print(f"reference: {step.component_name} {seconds[step.component_name]:.1f} s", file=sys.stderr)

    total = sum(seconds.values())
    print(json.dumps({"version": version("pycemrg-image-analysis"), "seconds": total, "steps": seconds}))
    if arguments.output:
        sitk.WriteImage(image, arguments.output, useCompression=True)


if __name__ == "__main__":
    main()
