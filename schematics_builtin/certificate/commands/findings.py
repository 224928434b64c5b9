"""Show a certificate as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pycemrg_core.cli.kit import counted, wrapped

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
            click.echo(click.style(head, bold=severity is Severity.ERROR) + text.removeprefix(head))
    click.echo(wrapped(verdict_line(certificate), "", "  "))


def verdict_line(certificate: Certificate) -> str:
    """The verdict, the closed and open lumens, and the number of findings of each severity."""
    from pycemrg_core.api import Severity

    errors, warnings, expected = (len(certificate.of(severity)) for severity in Severity)
    counts = f"{counted(errors, 'error')}, {counted(warnings, 'warning')}, {expected:,} expected"
    by = f" by the rules of {certificate.recipe}" if certificate.recipe else ""
    lumens = (("closed", certificate.closed), ("open", certificate.open))
    state = "".join(f"{word}: {', '.join(map(_short, names))}; " for word, names in lumens if names)
    return f"{certificate.verdict}{by}: {state}{counts}"


def _short(name: str) -> str:
    """A lumen's name without its suffixes."""
    return name.removesuffix("_label").removesuffix("_BP")
