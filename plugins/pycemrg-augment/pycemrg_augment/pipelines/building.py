"""From the entries of a pipeline, as written in YAML or Python, to its steps, with all problems at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pycemrg_augment.pipelines.parameters import structured
from pycemrg_augment.pipelines.steps import PipelineStep, Steps
from pycemrg_core.api import (
    Augmentation,
    AugmentationError,
    NameConflictError,
    RefError,
    UnknownNameError,
    blaming,
    close_to,
)

if TYPE_CHECKING:
    from pycemrg_core import Catalogue

PROBABILITY, SAMPLES, IF_IMPOSSIBLE = "probability", "samples", "if_impossible"
_OPTIONS = (PROBABILITY, SAMPLES, IF_IMPOSSIBLE)


def steps_of(entries: Any, where: str, catalogue: Catalogue, problems: list[str], *, inner: bool = False) -> Steps:
    """The steps of a list of entries; what is wrong with them is added to ``problems``."""
    if not isinstance(entries, (list, tuple)) or not entries:
        problems.append(f"{where}: must be a list of augmentations, not {entries!r:.80}")
        return ()
    steps = [_step(entry, f"{where}[{number}]", catalogue, problems, inner) for number, entry in enumerate(entries)]
    return tuple(step for step in steps if step)


def _step(entry: Any, where: str, catalogue: Catalogue, problems: list[str], inner: bool) -> PipelineStep | None:
    entry = {entry: None} if isinstance(entry, str) else entry
    names = [key for key in entry if key not in _OPTIONS] if isinstance(entry, dict) else []
    if len(names) != 1 or not isinstance(names[0], str):
        problems.append(
            f"{where}: must be one augmentation with its parameters, such as 'brightness: {{shift: [-0.1, 0.1]}}',"
            f" not {entry!r:.80}{_misspelt(names)}"
        )
        return None
    name, before = names[0], len(problems)
    problems += [f"{where}.{text}" for text in _wrong_options(entry, inner)]
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

    def nested(value: Any, parameter: str) -> Steps:
        return steps_of(value, f"{where}.{parameter}", catalogue, problems, inner=True)

    try:
        with blaming(AugmentationError, f"{found.provider.name}:{found.name}", function):
            parameters, wrong = structured(function, given, nested)
    except AugmentationError as error:  # type hints that mean nothing, for instance
        problems.append(f"{where}: {error}")
        return None
    problems += [f"{where}.{key or found.name}: {text}" for key, text in wrong]
    if len(problems) > before:
        return None
    return PipelineStep(
        name=found.name,
        provider=found.provider.name,
        version=found.provider.version,
        function=function,
        parameters=parameters,
        given=given,
        probability=float(entry.get(PROBABILITY, 1.0)),
        samples=entry.get(SAMPLES, 1),
        skip=entry.get(IF_IMPOSSIBLE) == "skip",
    )


def _wrong_options(entry: dict[Any, Any], inner: bool) -> Iterator[str]:
    probability = entry.get(PROBABILITY, 1.0)
    if isinstance(probability, bool) or not isinstance(probability, (int, float)) or not 0 <= probability <= 1:
        yield f"{PROBABILITY}: must be a number from 0 to 1, not {probability!r:.80}"
    samples = entry.get(SAMPLES, 1)
    if isinstance(samples, bool) or not isinstance(samples, int) or samples < 1:
        yield f"{SAMPLES}: must be a whole number of at least 1, not {samples!r:.80}"
    elif inner and samples > 1:
        yield f"{SAMPLES}: a step inside another one makes one sample; write it outside"
    choice = entry.get(IF_IMPOSSIBLE, "refuse")
    if choice not in ("refuse", "skip"):
        yield f"{IF_IMPOSSIBLE}: must be 'refuse' or 'skip', not {choice!r:.80}"


def _misspelt(names: list[Any]) -> str:
    hints: Iterator[str] = (close_to(name, _OPTIONS) for name in names if isinstance(name, str))
    return "".join(hints)
