"""The findings of a certificate by check: how many, how much, where most, and what to do about them."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from pycemrg_core.api import Finding, Severity, counted
from schematics_builtin.certificate.certification import Certificate, MadeCheck


@frozen(kw_only=True)
class Group:
    """The findings of one check with one severity, the largest first."""

    check: MadeCheck
    severity: Severity
    findings: tuple[Finding, ...]

    @property
    def size(self) -> int:
        """All their voxels, or else all their faces."""
        return sum(_size(one) for one in self.findings)

    @property
    def unit(self) -> str:
        """What their size is counted in."""
        return "voxel" if any(one.voxels for one in self.findings) else "face"

    @property
    def what(self) -> str:
        """What was found: of a single finding its own words, of several the sum and the largest."""
        first = self.findings[0]
        if len(self.findings) == 1:
            return f"{first.what}{place_of(first)}"
        amount = f", {counted(self.size, self.unit)}" if self.size else ""
        names = f"{counted(len(self.findings), 'finding')}{amount}"
        return f"{self.check.summary}: {names}; {'largest' if self.size else 'first'}: {first.what}{place_of(first)}"


def grouped(certificate: Certificate) -> Iterator[Group]:
    """The findings by severity and check: errors first, and of these the most voxels or faces."""
    known = {check.name: check for check in certificate.checks}
    for severity in Severity:
        found: dict[str, list[Finding]] = {}
        for one in certificate.of(severity):
            found.setdefault(one.check, []).append(one)
        made = [
            Group(
                check=known.get(name, MadeCheck(name=name)),
                severity=severity,
                findings=tuple(sorted(findings, key=_size, reverse=True)),
            )
            for name, findings in found.items()
        ]
        yield from sorted(made, key=lambda group: (-group.size, group.check.name))


def place_of(finding: Finding) -> str:
    """``; voxel (1, 2, 3), point (0.5, 1, 1.5) mm``, both (x, y, z); nothing for what is missing."""
    if finding.voxel is None:
        return ""
    point = f", point ({', '.join(f'{mm:.4g}' for mm in finding.point_mm)}) mm" if finding.point_mm else ""
    return f"; voxel {finding.voxel}{point}"


def _size(finding: Finding) -> int:
    return finding.voxels or finding.faces
