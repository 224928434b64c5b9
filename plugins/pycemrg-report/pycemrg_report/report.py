"""The page about a run: compute everything it shows, and fill the template."""

from __future__ import annotations

import json
import os
import re
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import numpy as np
from attrs import frozen
from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from pycemrg_core import Catalogue
from pycemrg_core.api import (
    FinishedRun,
    LabelArray,
    LabelVolume,
    Made,
    OutputError,
    PycemrgError,
    Region,
    hull,
    name_of,
)
from pycemrg_core.cli.kit import held, write_text
from pycemrg_report import certificate, findings, methods, pictures, surfaces, walls
from pycemrg_report.pictures import Picture, picture
from pycemrg_report.run import RanStep, Run, arrays_after, read_run, run_of
from pycemrg_report.stack import stack_of

PAGE = "report.html"
Told = Callable[[str], None]
_MARK = b'<meta name="voxels-sha256"'
_SCRIPT = re.compile(r"<script[^>]*>(.*?)</script>", re.DOTALL)
_SCRIPTS = ("page.js", "slices.js", "viewer.js")
_FEW_VOXELS = 3


@frozen
class Volume:
    """The number of voxels of a label before and after; ``before`` is None when the input is missing."""

    label: int
    before: int | None
    after: int


def write_report(
    folder: str | os.PathLike[str],
    catalogue: Catalogue,
    target: str | os.PathLike[str] | None = None,
    told: Told = lambda _: None,
) -> Path:
    """Write one self-contained page about the run in ``folder``, and return its path.

    The default ``target`` is ``folder/report.html``. The page is written under a temporary name and renamed. ``told``
    is told what is being done, for a line of progress. Raises :class:`PycemrgError` when the folder is not a run, and
    :class:`OutputError` when the page cannot be written.
    """
    folder = Path(folder)
    page = folder / PAGE if target is None else Path(target)
    with held(folder) if folder.is_dir() else nullcontext():
        told("reading and certifying the heart ...")
        run = read_run(folder, catalogue)
        if target is None and page.is_file() and _MARK not in page.read_bytes():
            raise OutputError(f"{name_of(page)}: is not a page of a run; move it, or choose another name with -o")
        _require_place(page)
        write_text(_page(run, told), page)
    return page


def page(run: FinishedRun, made: Mapping[str, Made]) -> Made:
    """The page about a run that has just finished."""
    certified = json.loads(made[certificate.NAME].content) if certificate.NAME in made else None
    return Made(_page(run_of(run, certified)).encode())


def _require_place(target: Path) -> None:
    if target.suffix != ".html":
        raise OutputError(f"{target}: not a web page; choose a name that ends in .html")
    if target.is_dir() or not target.parent.is_dir():
        what = "it is a folder" if target.is_dir() else f"the folder {target.parent} does not exist"
        raise OutputError(f"{target}: cannot write, {what}; choose another name")


def _page(run: Run, told: Told = lambda _: None) -> str:
    box = hull(*run.volume.boxes.values(), *(run.before.boxes.values() if run.before else ()))
    stack = stack_of(run, box)
    told("making surfaces ...")
    found = _surfaces(run)
    notes = [*run.notes]
    if run.certificate is None:
        notes.append("There is no certificate, because the certificate plugin is not loaded.")
    told("drawing findings ...")
    rows = [] if run.certificate is None else findings.rows(run, stack, run.certificate)
    told("measuring walls ...")
    measured = [*walls.walls(run)]
    shades = {wall.label: walls.shade(run, wall, found[wall.label].points) for wall in measured}
    told("drawing steps ...")
    view, script = surfaces.viewer_page(found, run.colours, shades), _script()
    return _template().render(
        run=run,
        data=run.data,
        certificate=run.certificate,
        rows=rows,
        severities=Counter(one["severity"] for one in (run.certificate or {}).get("findings", ())),
        next_command=findings.next_command(run, rows) if run.certificate else "",
        stack=stack,
        planes=[*_slices(run, box)],
        methods=methods.paragraph(run, {wall.label for wall in measured if wall.grown < 0.5}),
        references=methods.references(run),
        removed=_removed(run),
        steps=[*zip(run.steps, _step_pictures(run, box, notes), strict=True)],
        walls=measured,
        unmeasured=sorted(
            {one.label for step in run.steps for one in step.requested if one.label in run.volume.boxes}
            - {wall.label for wall in measured}
        ),
        gradient=walls.scale_gradient(),
        scale=walls.scale_colours(),
        volumes=[*_volumes(run)],
        voxel_ml=run.volume.voxel_mm3 / 1000,
        shown=list(found),
        triangles=sum(len(surface.triangles) for surface in found.values()),
        view=view,
        script=script,
        policy=_policy(script, *_SCRIPT.findall(view)),
        notes=notes,
    )


@cache  # compiling it takes longer than many a heart
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("pycemrg_report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters["short"] = lambda name: name.removesuffix("_label")
    environment.filters["hex"] = pictures.hexadecimal
    return environment.get_template("report.html.j2")


def _script() -> str:
    folder = files("pycemrg_report") / "templates"
    return "\n".join((folder / name).read_bytes().decode() for name in _SCRIPTS)


def _policy(*scripts: str) -> str:
    """What a browser may do for the page: show what is in it, and run these scripts and no others."""
    allowed = " ".join(f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" for script in scripts)
    # The view in 3-D unpacks its surfaces from data in the page.
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:;"
        " connect-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _surfaces(run: Run) -> dict[int, surfaces.Surface]:
    """The surface of every label; walls of few voxels are shown thicker, so that they have no gaps."""
    types = run.data.get("blueprint", {}).get("types", {})
    lumens = {int(label) for label, what in types.items() if what == "lumen"}
    thin = _FEW_VOXELS * max(run.volume.spacing)
    grown = {one.label for step in run.steps for one in step.requested if one.mm < thin} - lumens
    shown = surfaces.covered(run.volume, grown, lumens) if grown else None
    return surfaces.surfaces(run.image, run.volume, shown=shown)


def _slices(run: Run, box: Region) -> Iterator[tuple[str, list[tuple[str, Picture]]]]:
    """For each plane through the middle of the heart: before, after, and difference."""
    at, spacing = pictures.middle(box), run.volume.spacing
    olds = (
        [None] * 3 if run.before is None else [old for _, old, _ in pictures.slices(run.before.array, at, box, spacing)]
    )
    for (plane, new, mm), old in zip(pictures.slices(run.volume.array, at, box, spacing), olds, strict=True):
        shown = {} if old is None else {"before": pictures.coloured(old, run.colours)}
        shown["after"] = pictures.coloured(new, run.colours)
        if old is not None:
            shown["difference"] = pictures.changed(old, new, run.colours)
        yield plane, [(stage, picture(pixels, mm, f"{plane} slice: {stage}")) for stage, pixels in shown.items()]


def _removed(run: Run) -> str:
    """The colour of removed voxels; empty when no voxel was removed."""
    gone = run.before is not None and bool(((run.before.array != 0) & (run.volume.array == 0)).any())
    return pictures.hexadecimal(pictures.REMOVED) if gone else ""


def _step_pictures(run: Run, box: Region, notes: list[str]) -> list[Picture | None]:
    """For each step, a slice through the voxels it changed; None if they are not known, or there are none."""
    shown: list[Picture | None] = []
    before = run.before.array if run.before else None
    try:
        for step, after in zip(run.steps, arrays_after(run), strict=False):
            shown.append(None if before is None else _step_picture(run, step, before, after, box))
            before = after
    except PycemrgError as error:
        notes.append(str(error))
    return shown + [None] * (len(run.steps) - len(shown))


def _step_picture(run: Run, step: RanStep, before: LabelArray, after: LabelArray, box: Region) -> Picture | None:
    differs = before[box] != after[box]
    if not differs.any():
        return None
    axis, (z, y, x) = pictures.through(differs, run.volume.spacing)
    at = z + box[0].start, y + box[1].start, x + box[2].start
    plane, new, mm = [*pictures.slices(after, at, box, run.volume.spacing)][axis]
    old = [*pictures.slices(before, at, box, run.volume.spacing)][axis][1]
    return picture(pictures.changed(old, new, run.colours), mm, f"{plane} slice: what {step.name} changed")


def _volumes(run: Run) -> Iterator[Volume]:
    """The volumes of every label in the result or in the input."""
    after = _counts(run.volume)
    before = None if run.before is None else _counts(run.before)
    for label in sorted({*after, *(before or {})}):
        yield Volume(label, None if before is None else before.get(label, 0), after.get(label, 0))


def _counts(volume: LabelVolume) -> dict[int, int]:
    return {label: int(np.count_nonzero(volume.mask(label, box))) for label, box in volume.boxes.items()}
