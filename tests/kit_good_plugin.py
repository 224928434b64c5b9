"""A plugin with one contribution of each kind, as a third party would make it; PACKAGE stands for its name."""

GOOD = {
    "plugin.py": '''
"""What a good plugin contributes; PACKAGE stands for its name."""
from pycemrg_core.api import Augmentation, Check, Command, Measures, Metric, Output, Reader, Recipe, RecipeStep, Ref
from pycemrg_core.api import Schematic, Step, hookimpl

@hookimpl
def pycemrg_steps():
    yield Step(
        name="PACKAGE.seal",
        summary="a gap near a wall is sealed",
        run=Ref("PACKAGE.steps:seal"),
        contract=Ref("PACKAGE.steps:SealCreationContract"),
    )

@hookimpl
def pycemrg_schematics():
    yield schematic("seal", "gap", {"gap": 2, "PACKAGE_seal": 3})
    yield schematic("reseal", "PACKAGE_seal", {"PACKAGE_seal": 3, "thick": 4}, "thick")

def schematic(name, gap, labels, target="PACKAGE_seal"):
    return Schematic(
        name=f"PACKAGE.{name}",
        step="PACKAGE.seal",
        labels={"wall": 1, **labels},
        parameters={"seal_WT": 2.5},
        semantic_map={
            "WALL_NAME": "wall",
            "GAP_NAME": gap,
            "TARGET_NAME": target,
            "SEAL_PARAMETER_NAME": "seal_WT",
            "APPLICATION_STEPS": [{"MODE": "REPLACE", "RULE_LABEL_NAMES": []}],
        },
    )

@hookimpl
def pycemrg_recipes():
    yield Recipe(name="PACKAGE.sealed", steps=("PACKAGE.seal", RecipeStep(schematic="PACKAGE.reseal")))

@hookimpl
def pycemrg_metrics():
    yield Metric(
        name="PACKAGE.mass", summary="mass", measures=Measures.STRUCTURE, unit="g",
        function=Ref("PACKAGE.metrics:mass"), parameters={"density": 1.05},
    )
    yield Metric(
        name="PACKAGE.apart", summary="distance of the middles", measures=Measures.STRUCTURES, unit="mm",
        function=Ref("PACKAGE.metrics:apart"),
    )
    yield Metric(
        name="PACKAGE.overlap", summary="Dice", measures=Measures.SEGMENTATIONS,
        function=Ref("PACKAGE.metrics:overlap"),
    )
    yield Metric(
        name="PACKAGE.error", summary="mean error", measures=Measures.IMAGES, function=Ref("PACKAGE.metrics:error"),
    )

@hookimpl
def pycemrg_augmentations():
    yield Augmentation(name="PACKAGE.brighten", summary="brighter", function=Ref("PACKAGE.augment:brighten"))

@hookimpl
def pycemrg_checks():
    yield Check(name="PACKAGE.leaks", summary="lumens that touch", function=Ref("PACKAGE.checks:leaks"))

@hookimpl
def pycemrg_outputs():
    yield Output(
        name="PACKAGE.count", file="PACKAGE_count.txt", summary="voxels", function=Ref("PACKAGE.outputs:counted"),
    )
    yield Output(
        name="PACKAGE.share", file="PACKAGE_share.txt", summary="their share", needs=("PACKAGE.count",),
        function=Ref("PACKAGE.outputs:shared"),
    )

@hookimpl
def pycemrg_readers():
    yield Reader(
        name="PACKAGE.table", summary="labels.nrrd with names.json",
        recognises=Ref("PACKAGE.readers:recognises"), read=Ref("PACKAGE.readers:read"),
    )

@hookimpl
def pycemrg_commands():
    yield Command(name="PACKAGE-weigh", summary="weigh", command=Ref("PACKAGE.cli:weigh"))
''',
    "steps.py": """
from itertools import count
import numpy as np
from attrs import define, frozen
from pycemrg_core.api import ApplicationStep, Edit, Label, LabelType, application_steps, reads, thickness, writes

CALLS = count()

@frozen(kw_only=True)
class SealCreationContract:
    wall: Label = reads("WALL_NAME")
    gap: Label = reads("GAP_NAME")
    target: Label = writes("TARGET_NAME", label_type=LabelType.WALL)
    thickness_mm: float = thickness("SEAL_PARAMETER_NAME")
    application: tuple[ApplicationStep, ...] = application_steps("APPLICATION_STEPS")

def seal(volume, contract):
    zone = volume.within(contract.wall.value, contract.thickness_mm, near=contract.gap.value)
    mask = zone.mask & (volume.array[zone.region] == contract.gap.value)
    yield Edit(zone.region, mask, contract.target.value)
""",
    "metrics.py": """
from itertools import count
import numpy as np
from pycemrg_core.errors import MetricError

CALLS = count()

def mass(structure, density):
    return structure.voxels * structure.volume.voxel_mm3 / 1000 * density

def apart(one, other):
    if not one.voxels or not other.voxels:
        raise MetricError("one of the structures is absent")
    return float(np.linalg.norm(middle(one) - middle(other)))

def middle(structure):
    corner = [axis.start for axis in structure.region]
    return (np.argwhere(structure.mask) + corner).mean(axis=0) * structure.spacing

def overlap(comparison):
    a, b = comparison.masks
    return 2 * np.count_nonzero(a & b) / (np.count_nonzero(a) + np.count_nonzero(b)) if a.any() or b.any() else np.nan

def error(pair):
    return float(np.abs(pair.prediction - pair.reference).mean())
""",
    "augment.py": """
import numpy as np
import SimpleITK as sitk
from attrs import evolve

def brighten(sample, rng, most=0.1):
    by = rng.uniform(0, most)
    labels = sample.labels
    made = sample.changed(images=lambda image: image + by)
    return evolve(made, labels=labels), {"by": by}
""",
    "checks.py": """
from itertools import count
import numpy as np
from pycemrg_core.images.heart import Finding, Severity

CALLS = count()

def leaks(heart):
    lumens = heart.lumens
    for a in lumens:
        for b in lumens:
            if a < b and (faces := heart.faces_between(a, b)):
                places = np.argwhere(heart.volume.mask(a))
                yield heart.finding(
                    Severity.ERROR, f"{heart.name(a)} touches {heart.name(b)}", (a, b), places, faces=faces
                )
""",
    "outputs.py": """
from itertools import count
from pycemrg_core.api import Made

CALLS = count()

def counted(run, made):
    voxels = sum(int(run.volume.mask(label).sum()) for label in run.volume.boxes)
    return Made(str(voxels).encode())

def shared(run, made):
    share = int(made["PACKAGE.count"].content) / run.volume.array.size
    return Made(f"{share:.3f}".encode())
""",
    "cli.py": '''
import click

@click.command("PACKAGE-weigh")
def weigh():
    """Weigh a heart."""
''',
    "readers.py": """
from functools import partial
from itertools import count
from pathlib import Path
from pycemrg_core.api import DocumentError, ImageError, LabelVolume, Layer, RecordError, Segment, Segmentation
from pycemrg_core.api import load_json, read_volume, write_volume
from pycemrg_core.testing import random_cells

CALLS = count()

def recognises(path):
    return (path / "names.json").is_file()

def read(path):
    image, table = path / "labels.nrrd", path / "names.json"
    try:
        segments = tuple(Segment(value=value, name=name) for name, value in load_json(table).items())
    except (DocumentError, RecordError) as error:
        raise ImageError(f"{table}: {error}; export it again") from error
    return Segmentation(layers=(Layer(segments=segments, load=partial(read_volume, image), files=(image,)),))

def example(folder):
    source = folder / "tool" / "heart"
    source.mkdir(parents=True)
    write_volume(LabelVolume(random_cells([1, 2]), (1.0, 1.0, 1.0)), source / "labels.nrrd")
    (source / "names.json").write_text('{"LV": 1}')
    return source
""",
}
