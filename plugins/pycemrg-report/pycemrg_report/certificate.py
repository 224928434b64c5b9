"""The certificate of a run: read from its folder, or asked of the core."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from pycemrg_core import Catalogue
from pycemrg_core.api import DocumentError, PycemrgError, blueprint_of, load_json
from pycemrg_core.cli.kit import IMAGE
from pycemrg_report.run import Run
from schematics_builtin.certificate import asked_of, certify_image

CERTIFICATE = "certificate.json"
SEVERITIES = ("error", "warning", "expected")


def certificate_of(run: Run, catalogue: Catalogue) -> Mapping[str, Any]:
    """The certificate as plain data.

    Raises :class:`DocumentError` when ``certificate.json`` is there and is none.
    """
    path = run.folder / CERTIFICATE
    if not path.is_file():
        return _certified(run, catalogue)
    data = load_json(path)
    if problem := _problem(data):
        raise DocumentError(
            f"{path}: not a certificate: {problem}; remove it, or write it again with 'pycemrg certify'"
        )
    return data


def _certified(run: Run, catalogue: Catalogue) -> Mapping[str, Any]:
    """What the core says of the heart, by the contracts of the steps that ran and the rules of the recipe."""
    try:
        asked = asked_of(catalogue, run.data["recipe"])
    except PycemrgError:  # the recipe is not installed: its rules are unknown, what its steps made is not
        asked = asked_of(catalogue)
    names = {**asked.names, **{value: name for name, value in run.data["labels"].items()}}
    ran = blueprint_of(
        [step.contract for step in run.steps if step.contract is not None],
        catalogue,
        {name: value for value, name in names.items()},
        names=names,
        recipe=run.data["recipe"],
    )
    asked = attrs.evolve(ran, open=asked.open, may_touch=asked.may_touch)
    return certify_image(run.stored, catalogue, asked, name=IMAGE).as_json()


def _problem(data: Mapping[str, Any]) -> str:
    if data.get("verdict") not in ("PASS", "FAIL"):
        return f"its verdict is {data.get('verdict')!r}"
    if not isinstance(findings := data.get("findings"), list):
        return "it has no list of findings"
    for number, finding in enumerate(findings):
        if not isinstance(finding, dict) or not isinstance(finding.get("what"), str):
            return f"findings[{number}] does not say what"
        if finding.get("severity") not in SEVERITIES:
            return f"the severity of findings[{number}] is {finding.get('severity')!r}"
        point = finding.get("point_mm")
        if point is not None and not (
            isinstance(point, list) and [type(mm) in (int, float) for mm in point] == [True] * 3
        ):
            return f"point_mm of findings[{number}] is {point!r}, not three numbers"
    return ""
