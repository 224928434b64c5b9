"""The record of a sample, and how to make the sample again from it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from pycemrg_augment.pipelines.pipeline import Pipeline
from pycemrg_augment.pipelines.steps import Entry
from pycemrg_core.api import AugmentationError, Sample

if TYPE_CHECKING:
    from pycemrg_core import Catalogue

FORMAT = 1


def record(pipeline: Pipeline, steps: list[Entry], *, seed: int, index: int, copy: int = 0) -> dict[str, Any]:
    """Everything that :func:`replay` needs except the images, as data for JSON.

    ``copy`` is the number of the sample among those that the pipeline makes of one.
    """
    names = ("pycemrg-core", "pycemrg-augment", "numpy", "scipy", "SimpleITK")
    return {
        "format": FORMAT,
        "versions": {name: version(name) for name in names},
        "seed": seed,
        "index": index,
        "copy": copy,
        "pipeline": pipeline.as_json(),
        "steps": steps,
    }


def replay(document: Mapping[str, Any], sample: Sample, catalogue: Catalogue) -> Sample:
    """Make the augmented sample of a record again, from the original sample.

    With the same versions on the same kind of processor the voxels are the same. Raises :class:`AugmentationError` when
    the document is not a record of a sample, or when the values drawn now differ from the record.
    """
    if document.get("format") != FORMAT or not {"seed", "index", "copy", "pipeline", "steps"} <= document.keys():
        raise AugmentationError(f"not a record of an augmented sample in format {FORMAT}; give one")
    pipeline = Pipeline.build(document["pipeline"], catalogue)
    if not 0 <= document["copy"] < pipeline.samples:
        raise AugmentationError(f"not a record of an augmented sample: copy {document['copy']} of {pipeline.samples}")
    all_made = pipeline.apply_all(sample, seed=document["seed"], index=document["index"])
    made, steps = next(one for number, one in enumerate(all_made) if number == document["copy"])
    for now, then in zip(steps, document["steps"], strict=True):
        if now.get("drawn") != then.get("drawn"):
            raise AugmentationError(
                f"{then['name']}: drew {now.get('drawn')} now, but {then.get('drawn')} in the record; use the versions"
                f" and the input of the record ({then['provider']} {then['version']})"
            )
    return made
