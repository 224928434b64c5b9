"""The certificate as an output of a run."""

from __future__ import annotations

import json
from collections.abc import Mapping

from pycemrg_core.api import FinishedRun, Made
from pycemrg_core.cli.kit import IMAGE
from schematics_builtin.certificate.certification import Certificate
from schematics_builtin.certificate.commands.findings import judged_line, verdict_line
from schematics_builtin.certificate.hearts import certify_result


def certificate(run: FinishedRun, made: Mapping[str, Made]) -> Made:
    """Certify the result of a run. What it must be follows from the contracts of the steps that ran."""
    found = certify_result(run.result, run.catalogue, name=IMAGE)
    text = json.dumps(found.as_json(), indent=2, ensure_ascii=False) + "\n"
    repaired = any(step.step == "repair" for step in run.result.record.steps)
    return Made(text.encode(), verdict=found.passed, summary=_summary(found, repaired))


def _summary(found: Certificate, repaired: bool) -> str:
    """The first line is the verdict; the next how it was judged, and what to do about a FAIL."""
    mends = "" if repaired else ", and 'pycemrg repair' or --then repair repairs what a rule can"
    more = "" if found.passed else f"; certificate.json says where{mends}"
    return f"certificate: {verdict_line(found)}\n  {judged_line(found)}{more}"
