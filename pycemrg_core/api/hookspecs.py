"""What a plugin can contribute.

A plugin is a light module, named by an entry point of the group ``pycemrg.v1``, with functions marked
``@hookimpl``. Each hook takes no arguments and returns an iterable of records. While the catalogue is built, it
calls each hook of each plugin once. A plugin may leave out any hook. No plugin overrides another: if two plugins
use the same name, that name alone is refused, and the user writes ``provider:name``.
"""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from pycemrg_core.api.records import (
    Augmentation,
    Check,
    Command,
    LabelScheme,
    Metric,
    Output,
    Reader,
    Recipe,
    Schematic,
    Step,
    Structure,
)

PROJECT = "pycemrg"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a function of a plugin as a hook: ``@hookimpl`` above ``def pycemrg_recipes():``."""


class HookSpecs:
    """The hooks, each with a complete example."""

    @hookspec
    def pycemrg_schematics(self) -> Iterable[Schematic]:
        """Structures that can be made. Each is a step kind with the labels and parameters that it uses.

        Example::

            from pycemrg_core.api import Schematic, hookimpl

            @hookimpl
            def pycemrg_schematics():
                yield Schematic(
                    name="rv_outflow",
                    step="create",
                    summary="a wall round the right ventricle's outflow",
                    labels={"RV_BP_label": 3, "RV_myo_label": 103},
                    parameters={"RV_neck_WT": 2.0},
                    semantic_map={
                        "SOURCE_BLOOD_POOL_NAME": "RV_BP_label",
                        "TARGET_MYOCARDIUM_NAME": "RV_myo_label",
                        "WALL_THICKNESS_PARAMETER_NAME": "RV_neck_WT",
                        "APPLICATION_STEPS": [{"MODE": "ADD", "RULE_LABEL_NAMES": []}],
                    },
                )
        """
        raise NotImplementedError

    @hookspec
    def pycemrg_recipes(self) -> Iterable[Recipe]:
        """Schematics in the order in which they run. A recipe may include another recipe.

        Example::

            from pycemrg_core.api import Recipe, hookimpl, include

            @hookimpl
            def pycemrg_recipes():
                yield Recipe(
                    name="biventricular_with_outflow",
                    summary="both ventricles, and the right outflow's wall",
                    steps=(include("biventricular_basic"), "rv_outflow"),
                )
        """
        raise NotImplementedError

    @hookspec
    def pycemrg_steps(self) -> Iterable[Step]:
        """Step kinds. Each is a pure function and its contract, both referred to by name.

        Example::

            from pycemrg_core.api import Ref, Step, hookimpl

            @hookimpl
            def pycemrg_steps():
                yield Step(
                    name="seal",
                    summary="voxels of B within t of A become C",
                    run=Ref("my_heart.steps:seal"),
                    contract=Ref("my_heart.steps:SealContract"),
                )
        """
        raise NotImplementedError

    @hookspec
    def pycemrg_metrics(self) -> Iterable[Metric]:
        """Measures of one image, or of two images.

        Example::

            from pycemrg_core.api import Measures, Metric, Ref, hookimpl

            @hookimpl
            def pycemrg_metrics():
                yield Metric(
                    name="blood_volume",
                    summary="volume of a blood pool",
                    measures=Measures.STRUCTURE,
                    function=Ref("my_heart.metrics:blood_volume"),
                    unit="mL",
                )
        """
        raise NotImplementedError

    @hookspec
    def pycemrg_label_schemes(self) -> Iterable[LabelScheme]:
        """The integers that a tool or a data set uses, by canonical structure name.

        Example::

            from pycemrg_core.api import LabelScheme, hookimpl

            @hookimpl
            def pycemrg_label_schemes():
                yield LabelScheme(
                    name="my-scanner",
                    summary="what our scanner's software exports",
                    labels={"LV_BP_label": 10, "LV_myo_label": 20},
                    groups={"left_heart": ("LV_BP_label", "LV_myo_label")},
                    source="the scanner's manual",
                )
        """
        raise NotImplementedError

    @hookspec
    def pycemrg_structures(self) -> Iterable[Structure]:
        """What labels can mean: canonical names, what else the structures are called, and how they belong together.

        Example::

            from pycemrg_core.api import Structure, hookimpl

            @hookimpl
            def pycemrg_structures():
                yield Structure(
                    name="RCA_label",
                    summary="right coronary artery",
                    spellings=("RCA", "right coronary artery", "coronary_right"),
                    snomed="13647002",
                    colour="#c2185b",
                    groups=("vessels",),
                    root="Ao_BP_label",
                    crop_mm=30,
                    joins=("Ao_BP_label",),
                )
        """
        raise NotImplementedError

    @hookspec
    def pycemrg_readers(self) -> Iterable[Reader]:
        """Forms in which tools write segmentations: what a command that takes a heart can read.

        A reader says whether a file or folder has its form, and reads it. A layer is one label map, loaded when it is
        asked for; a segment is one label of it, under the name that the tool gave it::

            from pycemrg_core.api import Layer, Segment, Segmentation, read_volume

            def is_ours(path):
                return path.name.endswith("_heart.nrrd")

            def read_ours(path):
                segments = (Segment(value=1, name="LV"), Segment(value=2, name="LV myocardium"))
                return Segmentation(layers=(Layer(segments=segments, load=lambda: read_volume(path), files=(path,)),))

        Example::

            from pycemrg_core.api import Reader, Ref, hookimpl

            @hookimpl
            def pycemrg_readers():
                yield Reader(
                    name="our-archive",
                    summary="label maps of our archive, NAME_heart.nrrd",
                    recognises=Ref("my_heart.archive:is_ours"),
                    read=Ref("my_heart.archive:read_ours"),
                )
        """
        raise NotImplementedError

    @hookspec
    def pycemrg_augmentations(self) -> Iterable[Augmentation]:
        """Changes to an image that make training data.

        Example::

            from pycemrg_core.api import Augmentation, Ref, hookimpl

            @hookimpl
            def pycemrg_augmentations():
                yield Augmentation(
                    name="brightness",
                    summary="add a constant",
                    function=Ref("my_heart.augment:brightness"),
                )
        """
        raise NotImplementedError

    @hookspec
    def pycemrg_commands(self) -> Iterable[Command]:
        """Commands that appear as ``pycemrg NAME``. The click command is imported only when it is called.

        Example::

            from pycemrg_core.api import Command, Ref, hookimpl

            @hookimpl
            def pycemrg_commands():
                yield Command(
                    name="weigh",
                    summary="mass of the myocardium",
                    command=Ref("my_heart.cli:weigh"),
                )
        """
        raise NotImplementedError

    @hookspec
    def pycemrg_checks(self) -> Iterable[Check]:
        """Faults to look for in a grown heart, or in an image before a run.

        Example::

            from pycemrg_core.api import Check, Ref, hookimpl

            @hookimpl
            def pycemrg_checks():
                yield Check(
                    name="small_lumen",
                    summary="a lumen of less than 1 mL",
                    function=Ref("my_heart.checks:small_lumen"),
                )
        """
        raise NotImplementedError

    @hookspec
    def pycemrg_outputs(self) -> Iterable[Output]:
        """Files that a finished run can write next to the result, chosen with ``pycemrg run --with NAME``.

        The function takes the finished run and the outputs that it needs, and returns the bytes of the file::

            from pycemrg_core.api import Made

            def volumes(run, made):
                counts = {run.name(label): int(run.volume.mask(label).sum()) for label in run.volume.boxes}
                lines = [f"{name},{count * run.volume.voxel_mm3 / 1000:.3f}" for name, count in counts.items()]
                return Made("\n".join(["name,ml", *lines, ""]).encode(), summary=f"{len(lines)} volumes")

        Example::

            from pycemrg_core.api import Output, Ref, hookimpl

            @hookimpl
            def pycemrg_outputs():
                yield Output(
                    name="volumes",
                    file="volumes.csv",
                    summary="the volume of each label, as a table",
                    function=Ref("my_heart.outputs:volumes"),
                )
        """
        raise NotImplementedError
