"""Show a certificate as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pycemrg_core.api import counted
from pycemrg_core.cli.kit import style, wrapped

if TYPE_CHECKING:
    from schematics_builtin.certificate.certification import Certificate


def echo_findings(certificate: Certificate) -> None:
    """Print the findings, errors first, and the verdict last."""
    from pycemrg_core.api import Severity

    for severity in Severity:
        for finding in certificate.of(severity):
            place = f"; voxel {finding.voxel}" if finding.voxel else ""
            head = f"{severity.value:<8} "
            text = wrapped(f"{finding.check}: {finding.what}{place}", head, " " * len(head))
            click.echo(style(head, bold=severity is Severity.ERROR) + text.removeprefix(head))
    echo_verdict(certificate)


def echo_verdict(certificate: Certificate) -> None:
    """Print the verdict and what is closed, and below that how it was judged."""
    click.echo(wrapped(verdict_line(certificate), "", "  "))
    click.echo(wrapped(judged_line(certificate), "  ", "  "))


def verdict_line(certificate: Certificate) -> str:
    """The verdict, and the lumens that are closed and open."""
    return f"{certificate.verdict}: {certificate.closure.statement}"


def judged_line(certificate: Certificate) -> str:
    """By which rules the heart was judged, which checks found errors, and the number of findings of each severity."""
    from pycemrg_core.api import Severity

    errors, warnings, expected = (len(certificate.of(severity)) for severity in Severity)
    # A PASS needs no recipe to be true; a FAIL may be one only because no lumen may be open.
    alone = "" if certificate.passed else "without a recipe, so that no lumen may be open: "
    by = f"by the rules of {certificate.recipe}: " if certificate.recipe else alone
    wrong = dict.fromkeys(one.check for one in certificate.of(Severity.ERROR))
    named = f" ({', '.join(wrong)})" if wrong else ""
    counts = f"{counted(errors, 'error')}{named}, {counted(warnings, 'warning')}, {expected:,} expected"
    return f"{by}{counts}; {certificate.closure.beside}"
