"""Pipelines: lists of augmentations by name, validated as a whole and run with one seed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import frozen

from pycemrg_augment.grids import require_same
from pycemrg_augment.parameters import structured
from pycemrg_core.api import (
    Augmentation,
    AugmentationError,
    NameConflictError,
    RefError,
    Sample,
    UnknownNameError,
    blaming,
    close_to,
    load_yaml_list,
)

if TYPE_CHECKING:
    from pycemrg_core import Catalogue

FORMAT = 1
_KEY = "pipeline"
_PROBABILITY = "probability"


@frozen(eq=False)
class PipelineStep:
    """One augmentation, with its parameters as written (``given``) and as its function gets them."""

    name: str
    provider: str
    version: str
    function: Callable[..., tuple[Sample, Mapping[str, Any]]]
    parameters: Mapping[str, Any]
    given: Mapping[str, Any]
    probability: float = 1.0


@frozen(eq=False)
class Pipeline:
    """Augmentations in the order they run; immutable, so many processes can share it."""

    steps: tuple[PipelineStep, ...]

    @classmethod
    def read(cls, path: Path, catalogue: Catalogue) -> Pipeline:
        """Read a pipeline from a YAML file that holds a list of augmentations.

        Raises :class:`DocumentError` when the file is not a YAML list, and :class:`AugmentationError` like
        :meth:`build`.
        """
        entries = load_yaml_list(path)
        try:
            return cls.build(entries, catalogue)
        except AugmentationError as error:
            raise AugmentationError(f"{path}: {error}") from None

    @classmethod
    def build(cls, entries: Sequence[Any], catalogue: Catalogue) -> Pipeline:
        """Make a pipeline from entries ``{name: {parameter: value}}``; ``probability`` is an optional second key.

        Names come from the catalogue; ``provider:name`` also works. A name alone uses all defaults. Raises
        :class:`AugmentationError` with every problem and its place, one per line.
        """
        if not isinstance(entries, (list, tuple)) or not entries:
            raise AugmentationError(f"the {_KEY} must be a list of augmentations, not {entries!r:.80}")
        problems: list[str] = []
        steps = [_step(entry, f"{_KEY}[{number}]", catalogue, problems) for number, entry in enumerate(entries)]
        if problems:
            raise AugmentationError("the pipeline will not run" + "".join(f"\n  {line}" for line in problems))
        return cls(tuple(step for step in steps if step))

    def apply(self, sample: Sample, *, seed: int, index: int = 0) -> tuple[Sample, list[dict[str, Any]]]:
        """Make sample number ``index`` of ``seed``; also return the values drawn by each step, as data for JSON.

        Every step of every sample has its own random stream: ``numpy.random.SeedSequence(seed)`` with a spawn key
        of ``index`` and the number of the step. So a sample does not depend on the number or the order of samples,
        and a step added at the end does not change the results of the steps before it. The input is not changed.

        Raises :class:`AugmentationError` when a step fails (the message names the step), and when image and labels
        are not on the same grid.
        """
        if sample.image is not None and sample.labels is not None:
            require_same(sample.image, sample.labels)
        done = []
        for number, step in enumerate(self.steps):
            rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(index, number)))
            applied = bool(rng.random() < step.probability)
            entry = {"name": step.name, "provider": step.provider, "version": step.version, "applied": applied}
            if applied:
                sample, drawn = _run(step, number, sample, rng, index)
                entry["drawn"] = drawn
            done.append(entry)
        return sample, done

    def __call__(self, item: Any, *, seed: int | None = None, index: int = 0) -> Any:
        """Augment one item; see :func:`pycemrg_augment.adapters.augmented`.

        Without a seed, each call takes a new one from the operating system, in every worker process.
        """
        from pycemrg_augment.adapters import augmented

        return augmented(self, item, seed=seed, index=index)

    def as_json(self) -> list[dict[str, Any]]:
        """The entries in the form that :meth:`build` takes, with the provider in each name."""
        return [
            {
                f"{step.provider}:{step.name}": dict(step.given),
                **({_PROBABILITY: step.probability} if step.probability < 1 else {}),
            }
            for step in self.steps
        ]


def record(pipeline: Pipeline, steps: list[dict[str, Any]], *, seed: int, index: int) -> dict[str, Any]:
    """Everything that :func:`replay` needs except the images, as data for JSON."""
    names = ("pycemrg-core", "pycemrg-augment", "numpy", "scipy", "SimpleITK")
    return {
        "format": FORMAT,
        "versions": {name: version(name) for name in names},
        "seed": seed,
        "index": index,
        "pipeline": pipeline.as_json(),
        "steps": steps,
    }


def replay(document: Mapping[str, Any], sample: Sample, catalogue: Catalogue) -> Sample:
    """Make the augmented sample of a record again, from the original sample.

    With the same versions the voxels are the same. Raises :class:`AugmentationError` when the document is not a
    record of a sample, or when the values drawn now differ from the record.
    """
    if document.get("format") != FORMAT or not {"seed", "index", "pipeline", "steps"} <= document.keys():
        raise AugmentationError(f"not a record of an augmented sample in format {FORMAT}; give one")
    made, steps = Pipeline.build(document["pipeline"], catalogue).apply(
        sample, seed=document["seed"], index=document["index"]
    )
    for now, then in zip(steps, document["steps"], strict=True):
        if now.get("drawn") != then.get("drawn"):
            raise AugmentationError(
                f"{then['name']}: drew {now.get('drawn')} now, but {then.get('drawn')} in the record; use the versions"
                f" and the input of the record ({then['provider']} {then['version']})"
            )
    return made


def _step(entry: Any, where: str, catalogue: Catalogue, problems: list[str]) -> PipelineStep | None:
    entry = {entry: None} if isinstance(entry, str) else entry
    names = [key for key in entry if key != _PROBABILITY] if isinstance(entry, dict) else []
    if len(names) != 1 or not isinstance(names[0], str):
        problems.append(
            f"{where}: must be one augmentation with its parameters, such as 'brightness: {{shift: [-0.1, 0.1]}}',"
            f" not {entry!r:.80}{_misspelt(names)}"
        )
        return None
    name, before = names[0], len(problems)
    probability = entry.get(_PROBABILITY, 1.0)
    if isinstance(probability, bool) or not isinstance(probability, (int, float)) or not 0 <= probability <= 1:
        problems.append(f"{where}.{_PROBABILITY}: must be a number from 0 to 1, not {probability!r:.80}")
    try:
        found = catalogue.find(Augmentation, name)
        function = catalogue.get(Augmentation, name).function.load()
    except (UnknownNameError, NameConflictError, RefError) as error:
        problems.append(f"{where}: {error}")
        return None
    given = entry[name] if entry[name] is not None else {}
    if not isinstance(given, dict) or not all(isinstance(key, str) for key in given):
        problems.append(f"{where}.{found.name}: must be a mapping of parameters to values, not {given!r:.80}")
        return None
    try:
        with blaming(AugmentationError, f"{found.provider.name}:{found.name}", function):
            parameters, wrong = structured(function, given)
    except AugmentationError as error:  # type hints that mean nothing, for instance
        problems.append(f"{where}: {error}")
        return None
    problems += [f"{where}.{key or found.name}: {text}" for key, text in wrong]
    if len(problems) > before:
        return None
    provider = found.provider
    return PipelineStep(found.name, provider.name, provider.version, function, parameters, given, float(probability))


def _misspelt(names: list[Any]) -> str:
    hints: Iterator[str] = (close_to(name, [_PROBABILITY]) for name in names if isinstance(name, str))
    return "".join(hints)


def _run(
    step: PipelineStep, number: int, sample: Sample, rng: np.random.Generator, index: int
) -> tuple[Sample, Mapping[str, Any]]:
    where = f"sample {index}, {_KEY}[{number}]"
    with blaming(AugmentationError, f"{where}: {step.provider}:{step.name}", step.function, refused=where):
        made, drawn = step.function(sample, rng, **step.parameters)
        drawn = json.loads(json.dumps(drawn, allow_nan=False))
        if made.image is not None and made.labels is not None:
            require_same(made.image, made.labels)
    return made, drawn
