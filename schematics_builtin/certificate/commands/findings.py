"""Show a certificate as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pycemrg_core.api import counted
from pycemrg_core.cli.kit import style, wrapped

if TYPE_CHECKING:
    from pycemrg_core.api import Severity
    from schematics_builtin.certificate.certification import Certificate
    from schematics_builtin.certificate.groups import Group


def echo_certificate(certificate: Certificate, *, verbose: bool) -> None:
    """Print the verdict, then a line for each check that found something; ``verbose``: a line for each finding."""
    from schematics_builtin.certificate.groups import grouped, place_of

    echo_verdict(certificate)
    for group in grouped(certificate):
        if verbose:
            for one in group.findings:
                _echo(group.severity, f"{one.check}: {one.what}{place_of(one)}")
        elif group.severity.value != "expected":
            _echo(group.severity, f"{group.check.name}: {group.what}{_advice(group)}")
    if not verbose and certificate.findings:
        click.echo("-v lists every finding")


def _advice(group: Group) -> str:
    is_error = group.severity.value == "error"  # a warning is often left as it is
    return f"; {group.check.advice}" if is_error and group.check.advice else ""


def _echo(severity: Severity, text: str) -> None:
    head = f"{severity.value:<8} "
    lines = wrapped(text, head, " " * len(head))
    click.echo(style(head, bold=severity.value == "error") + lines.removeprefix(head))


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
