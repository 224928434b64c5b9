"""The certificate of a grown heart: faults that leak, break a mesher, or differ from what the recipe asks for.

Every :class:`~pycemrg_core.api.records.Check` of the catalogue yields the faults that it finds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
from attrs import frozen

from pycemrg_core import Catalogue
from pycemrg_core.api import CheckOn, Finding, Heart, Severity, Shown, checks_on, counted, faults_of, html_table
from schematics_builtin.certificate.closure import Closure, closure_of

FORMAT = 1


@frozen(kw_only=True)
class MadeCheck:
    """A check that was made: its name, its plugin, what it looks for, and what to do about a finding."""

    name: str
    provider: str = ""
    summary: str = ""
    advice: str = ""


@frozen(kw_only=True, repr=False)
class Certificate(Shown):
    """The checks that were made on a heart, their plugins, the findings, and which lumens are closed (``closure``).

    ``name`` is what the image is called, ``voxels_sha256`` the hash of its voxels: it tells whether the
    certificate is about the image at hand.
    """

    recipe: str = ""
    name: str = ""
    voxels_sha256: str = ""
    checks: tuple[MadeCheck, ...]
    findings: tuple[Finding, ...]
    closure: Closure = Closure()

    @property
    def passed(self) -> bool:
        """Whether no finding is an error."""
        return not self.of(Severity.ERROR)

    @property
    def verdict(self) -> str:
        """``PASS``, or ``FAIL`` when a finding is an error."""
        return "PASS" if self.passed else "FAIL"

    def of(self, severity: Severity) -> tuple[Finding, ...]:
        """The findings with one severity."""
        return tuple(finding for finding in self.findings if finding.severity is severity)

    @property
    def in_short(self) -> str:
        """The verdict, what is closed, and how many findings there are."""
        return f"{self.verdict}: {self.closure.statement}; {counted(len(self.findings), 'finding')}"

    def _repr_html_(self) -> str:
        columns = ("severity", "check", "what", "voxel (x, y, z)")
        rows = [(f.severity.value, f.check, f.what, _place(f)) for f in self.findings]
        return html_table(f"{self.verdict}: {self.closure.statement}", columns, rows, notes=[self.closure.beside])

    def as_json(self) -> dict[str, Any]:
        """Plain data for JSON, as in ``certificate.json``."""
        return {
            "format": FORMAT,
            "verdict": self.verdict,
            "recipe": self.recipe,
            "input": {"name": self.name, "voxels_sha256": self.voxels_sha256},
            "statement": self.closure.statement,
            "closure": _closure_json(self.closure),
            "checks": [attrs.asdict(check) for check in self.checks],
            "findings": [_finding_json(finding) for finding in self.findings],
        }


def certificate_of(data: Mapping[str, Any]) -> Certificate:
    """The certificate whose :meth:`~Certificate.as_json` is ``data``; what it does not say is empty."""
    about, closed = data.get("input", {}), data.get("closure", {})
    return Certificate(
        recipe=data.get("recipe", ""),
        name=about.get("name", ""),
        voxels_sha256=about.get("voxels_sha256", ""),
        checks=tuple(MadeCheck(**_fields(MadeCheck, check)) for check in data.get("checks", ())),
        findings=tuple(_finding_of(one) for one in data["findings"]),
        closure=Closure(
            **{name: tuple(value) for name, value in _fields(Closure, closed).items() if name != "spaces"},
            spaces={
                int(neighbours): count
                for neighbours, count in closed.get("spaces", {}).items()
                if neighbours.isdecimal()
            },
        ),
    )


def certify(heart: Heart, catalogue: Catalogue, *, name: str = "", voxels_sha256: str = "") -> Certificate:
    """Run every check of the catalogue that looks at results.

    ``name`` and ``voxels_sha256``, of the image, are only recorded. Raises :class:`PycemrgError` naming the check and
    its provider when one fails.
    """
    checks = checks_on(catalogue, CheckOn.RESULT)
    findings = tuple(faults_of(heart, checks))
    return Certificate(
        recipe=heart.blueprint.recipe,
        name=name,
        voxels_sha256=voxels_sha256,
        checks=tuple(
            MadeCheck(
                name=one.name,
                provider=f"{one.provider.distribution} {one.provider.version}",
                summary=one.record.summary,
                advice=one.record.advice,
            )
            for one in checks
        ),
        findings=findings,
        closure=closure_of(heart),
    )


def _place(finding: Finding) -> str:
    return ", ".join(map(str, finding.voxel)) if finding.voxel else ""


def _closure_json(closure: Closure) -> dict[str, Any]:
    groups = {name: list(value) for name, value in attrs.asdict(closure, recurse=False).items() if name != "spaces"}
    return {**groups, "spaces": {str(neighbours): count for neighbours, count in closure.spaces.items()}}


def _finding_json(finding: Finding) -> dict[str, Any]:
    return {
        "check": finding.check,
        "severity": finding.severity.value,
        "what": finding.what,
        "labels": list(finding.labels),
        "values": list(finding.values),
        "voxel": list(finding.voxel) if finding.voxel else None,
        "point_mm": [round(c, 4) for c in finding.point_mm] if finding.point_mm else None,
        "box": [list(corner) for corner in finding.box] if finding.box else None,
        "faces": finding.faces,
        "mm2": round(finding.mm2, 6),
        "voxels": finding.voxels,
        "mm": None if finding.mm is None else round(finding.mm, 6),
        **({"doubt": finding.doubt} if finding.doubt else {}),
    }


def _finding_of(data: Mapping[str, Any]) -> Finding:
    fields = _fields(Finding, data)
    for name in ("labels", "values", "voxel", "point_mm", "box"):
        if fields.get(name):
            fields[name] = tuple(tuple(part) if isinstance(part, list) else part for part in fields[name])
        else:
            fields.pop(name, None)
    return Finding(**{**fields, "severity": Severity(data["severity"])})


def _fields(of: type, data: Mapping[str, Any]) -> dict[str, Any]:
    """What ``data`` says of the fields of a class; what a later version writes besides is left out."""
    return {name: data[name] for name in attrs.fields_dict(of) if name in data}
