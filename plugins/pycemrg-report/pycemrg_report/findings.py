"""The findings of a certificate as the page shows them: a row for each check, its places, and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import frozen

from pycemrg_core.api import Finding, Severity, as_region
from pycemrg_core.cli.kit import IMAGE
from pycemrg_report import pictures
from pycemrg_report.pictures import Picture, picture
from pycemrg_report.run import Run
from pycemrg_report.stack import Stack
from schematics_builtin.certificate import Group, certificate_of, grouped, repair_options

REPAIRED = "heart_repaired.nrrd"
_AROUND_MM = 16.0
_PICTURED = 3  # of each check; the slices of the page show the others


@frozen
class Place:
    """A finding, where it is in the stack of slices (None when it is nowhere), and pictures of the largest ones."""

    finding: Finding
    at: tuple[int, int, int] | None
    pictures: tuple[Picture, ...]


@frozen
class Row:
    """The findings of one check with one severity, and the ``command`` that mends them, "" when none does."""

    group: Group
    places: tuple[Place, ...]
    command: str


def rows(run: Run, stack: Stack, certificate: Mapping[str, Any]) -> list[Row]:
    """A row for each check and severity, the most important first."""
    return [
        Row(
            group=group,
            places=tuple(_place(run, stack, one, number < _PICTURED) for number, one in enumerate(group.findings)),
            command=_command(group),
        )
        for group in grouped(certificate_of(certificate))
    ]


def next_command(run: Run, found: list[Row]) -> str:
    """What to type next in the folder of the run: a repair of a FAIL, or else a mesh; "" when neither is possible."""
    errors = [row for row in found if row.group.severity is Severity.ERROR]
    if not errors:
        return f"pycemrg mesh {IMAGE} -o heart.vtu" if run.can_mesh else ""
    return next((row.command for row in errors if row.command), "")


def _command(group: Group) -> str:
    if group.severity is Severity.EXPECTED:
        return ""
    options = repair_options(group)
    return "" if options is None else " ".join(["pycemrg repair", IMAGE, *options.split(), "-o", REPAIRED])


def _place(run: Run, stack: Stack, finding: Finding, pictured: bool) -> Place:
    if not finding.point_mm:
        return Place(finding, None, ())
    x, y, z = run.image.TransformPhysicalPointToIndex([float(mm) for mm in finding.point_mm])
    shown = tuple(_around(run, finding, (z, y, x))) if pictured else ()
    return Place(finding, stack.place((z, y, x)), shown)


def _around(run: Run, finding: Finding, at: tuple[int, int, int]) -> Iterator[Picture]:
    """Three slices through the place of a finding; other labels than those of the finding are faded."""
    size_z, size_y, size_x = (round(_AROUND_MM / mm) for mm in run.volume.spacing)
    window = pictures.around(run.volume.array, at, (size_z, size_y, size_x))
    whole = as_region(slice(0, size) for size in window.shape)
    for plane, labels, mm in pictures.slices(window, (size_z, size_y, size_x), whole, run.volume.spacing):
        shown = pictures.coloured(labels, run.colours, set(finding.values) or None)
        yield picture(shown, mm, f"{plane} slice at: {finding.what}")
