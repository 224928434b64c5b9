"""The paragraph about a run for the methods section of a paper: what ran, with which versions and thicknesses."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from pycemrg_core.api import counted
from pycemrg_report.run import Run

# The published hearts whose labels and thicknesses the recipes of the wheel follow.
_BUILTIN = "builtin"
_PAPERS = (
    "Strocchi M, Augustin CM, Gsell MAF, et al. A publicly available virtual cohort of four-chamber heart meshes for"
    " cardiac electro-mechanics simulations. PLoS ONE 15(6):e0235145, 2020. doi:10.1371/journal.pone.0235145",
    "Rodero C, Strocchi M, Marciniak M, et al. Linking statistical shape models and simulated function in the healthy"
    " adult human heart. PLoS Computational Biology 17(4):e1008851, 2021. doi:10.1371/journal.pcbi.1008851",
)


def paragraph(run: Run, mostly_given: Collection[int] = ()) -> str:
    """What was done, in sentences that can stand in a paper.

    ``mostly_given`` are the walls that were in the input but for a small part.
    """
    return " ".join(_sentences(run, mostly_given))


def references(run: Run) -> tuple[str, ...]:
    """The papers to cite: none for steps that are all of other plugins."""
    return _PAPERS if any(step.provider == _BUILTIN for step in run.steps) else ()


def _sentences(run: Run, mostly_given: Collection[int]) -> Iterator[str]:
    data = run.data
    plugins = [f"{one['name']} of {one['distribution']} {one['version']}" for one in data["plugins"]]
    version = f" {data['pycemrg']}" if data.get("pycemrg") else ""
    then = f", followed by {_listed(data['then'])}" if data.get("then") else ""
    yield (
        f"The label map of the heart was made with pycemrg-core{version} ({_counted_list('plugin', plugins)})"
        f" by the recipe {data['recipe']}{then}, from {_input(data['input'])}."
    )
    if run.made_from:
        yield f"That segmentation was fused from {_listed([one['name'] for one in run.made_from['sources']])}."
    if data.get("conversion"):
        yield f"Its labels were converted from the scheme {data['conversion']['scheme']}."
    if references(run):
        yield "The labels, walls and valves follow published four-chamber hearts [1, 2]."
    if thick := [*_thicknesses(run, mostly_given)]:
        yield f"The requested thicknesses were {'; '.join(thick)}."
        from_surface = any(getattr(step.contract, "from_surface", 0) for step in run.steps)
        start = "surface" if from_surface else "centres of the voxels"
        yield f"A wall is measured from the {start} of its lumen to the centres of its own voxels, by exact distances."
    if data.get("parameters"):
        values = [f"{name} = {_number(value)}" for name, value in data["parameters"].items()]
        yield f"The parameters were {', '.join(values)}."
    changed = sum(1 for step in run.steps if step.ledger)
    yield f"Of {counted(len(run.steps), 'step')}, {changed} changed voxels."
    if run.certificate:
        yield _checked(run.certificate)
    given, made = data["input"]["sha256"], data["output"]["voxels_sha256"]
    yield f"SHA-256 of the input: {given}; of the voxels of the result: {made}."


def _input(data: dict[str, Any]) -> str:
    if not (data.get("size") and data.get("spacing")):
        return "a segmentation"
    return f"a segmentation of {_by(data['size'])} voxels of {_by(round(mm, 4) for mm in data['spacing'])} mm"


def _thicknesses(run: Run, mostly_given: Collection[int]) -> Iterator[str]:
    """``2 mm for the wall of the left atrium``, for each thickness with which steps made a structure."""
    asked: dict[float, dict[int, None]] = {}
    for step in run.steps:
        written = {entry.new for entry in step.ledger}
        for one in step.requested:
            if step.makes and one.label in written:
                asked.setdefault(one.mm, {})[one.label] = None
    for mm in sorted(asked):
        names = [
            f"the {run.meanings[label]}{' where it was missing' if label in mostly_given else ''}"
            for label in asked[mm]
        ]
        yield f"{_number(mm)} mm for {_listed(names)}"


def _checked(certificate: Any) -> str:
    checks = certificate.get("checks", ())
    makers = sorted({one["provider"] for one in checks})
    by = f" by {counted(len(checks), 'check')} of {_listed(makers)}" if checks else ""
    errors = [one for one in certificate["findings"] if one["severity"] == "error"]
    faults = f" with {counted(len(errors), 'error')}" if errors else ""
    statement = f" ({certificate['statement']})" if certificate.get("statement") else ""
    return f"The result was checked{by}; the verdict was {certificate['verdict']}{faults}{statement}."


def _by(numbers: Any) -> str:
    return " \u00d7 ".join(_number(one) for one in numbers)


def _number(value: Any) -> str:
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _counted_list(word: str, names: Sequence[str]) -> str:
    return f"{word if len(names) == 1 else f'{word}s'} {_listed(names)}"


def _listed(names: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
