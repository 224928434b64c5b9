"""The page about a cohort: compute everything it shows, and fill the template."""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

import attrs
from attrs import frozen
from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from pycemrg_cohort import marker
from pycemrg_cohort.job import THICKNESS
from pycemrg_cohort.report import measures, plots
from pycemrg_cohort.report.measures import Measure
from pycemrg_cohort.report.saved import SavedCase, SavedCohort, names_of, read_cohort
from pycemrg_cohort.report.thumbnails import Thumbnail, thumbnail
from pycemrg_core import Catalogue, colours_of, recipe_labels
from pycemrg_core.api import LabelScheme, Metric, OutputError, PycemrgError, file_sha256, load_json, read_volume
from pycemrg_core.cli.kit import IMAGE, RECORD, write_text

# With more cases or pictures, a page takes long to write and to open.
MOST_PICTURES = 300

PAGE = "report.html"


@frozen(kw_only=True)
class Row:
    """A case as the page shows it; ``folder`` and ``report`` are links, empty if there is nothing to open.

    ``problem`` says what is wrong with its files now. ``outliers`` is the number of measures in which it is an outlier.
    """

    case: SavedCase
    folder: str
    report: str
    problem: str
    outliers: int
    settings: str
    picture: Thumbnail | None = None

    @property
    def of_interest(self) -> bool:
        return self.case.failed or self.outliers > 0

    @property
    def flags(self) -> tuple[str, ...]:
        """The kinds that the page can filter by."""
        told = (self.case.state, True), ("FAIL", self.case.verdict == "FAIL"), ("outlier", self.outliers > 0)
        return tuple(name for name, true in (*told, ("problem", bool(self.problem))) if true)


def write_report(folder: Path, catalogue: Catalogue, drawn: Callable[[int, int], None] = lambda _, __: None) -> Path:
    """Write ``folder/report.html``, one self-contained page about the cohort in ``folder``, and return its path.

    The page is written under a temporary name and renamed. A case with missing or damaged files is shown with this
    problem. ``drawn`` is called after each picture with the number of pictures so far and the total. Raises
    :class:`CohortError` when the folder is not a cohort, and :class:`OutputError` when the page cannot be written.
    """
    cohort = read_cohort(folder)
    target = folder / PAGE
    if target.is_dir():
        raise OutputError(f"{target}: cannot be written: it is a folder; rename that folder")
    measured = measures.measures(cohort.cases)
    rows = sorted((_row(folder, case, measured) for case in cohort.cases), key=_first)
    pictured = rows if len(rows) <= MOST_PICTURES else [row for row in rows if row.of_interest][:MOST_PICTURES]
    pictures = {}
    for row in pictured:
        pictures[row.case.id] = _pictured(folder, row, cohort.recipe, catalogue)
        drawn(len(pictures), len(pictured))
    strips, every_point = plots.plots(measured)
    script = f"\n{(files('pycemrg_cohort.report') / 'templates' / 'table.js').read_bytes().decode()}"
    page = _template().render(
        script=script,
        script_hash=b64encode(sha256(script.encode()).digest()).decode(),
        cohort=cohort,
        statements=Counter(case.statement for case in cohort.cases if case.statement).most_common(),
        rows=[pictures.get(row.case.id, row) for row in rows],
        measures=measured,
        empty=[*_empty(cohort, measured, catalogue)],
        plots=strips,
        every_point=every_point,
        band=plots.BAND,
        width=plots.WIDTH,
        most_points=plots.MOST_POINTS,
        most_pictures=MOST_PICTURES,
        fewest=measures.FEWEST,
        far=measures.FAR,
    )  # fmt: skip
    write_text(page, target)
    return target


def _empty(cohort: SavedCohort, measured: Sequence[Measure], catalogue: Catalogue) -> Iterator[str]:
    """Why columns and cells of the table are empty."""
    done = [case for case in cohort.cases if not case.failed]
    if not done:
        return
    if not any(case.verdict for case in done):
        yield "No verdicts: no output that judges a heart was asked for. Run the cohort again with --with certificate."
    if not any(case.thickness_mm for case in done):
        ran = {plugin.name for plugin in cohort.plugins}
        if any(one.name == THICKNESS and one.provider.name in ran for one in catalogue.all(Metric)):
            yield "No wall thicknesses: no label of these hearts is a wall round a lumen."
        else:
            yield f"No wall thicknesses: no plugin with the metric {THICKNESS} ran. Install one, and run again."
    if any(case.id not in measure.values for measure in measured for case in done):
        yield "An empty cell: the heart has no voxel of that label, or the wall there has no lumen."
    if len(done) < len(cohort.cases):
        yield "Cases that failed have no values."


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("pycemrg_cohort.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters["short"] = lambda name: name.removesuffix("_label")
    return environment.get_template("cohort.html.j2")


def _first(row: Row) -> tuple[bool, bool, bool, bool, str]:
    """A key that sorts failures first, then other cases of interest."""
    return not row.case.failed, not row.problem, row.case.verdict != "FAIL", not row.outliers, row.case.id


def _row(folder: Path, case: SavedCase, measured: Sequence[Measure]) -> Row:
    place = folder / case.folder
    # A failed case can still have the page of an older result.
    pages = [file for file in case.outputs.values() if file.endswith(".html")]
    page = next(iter(pages), f"{case.folder}/{PAGE}")
    settings = [f"{name} = {value:g}" for name, value in case.parameters.items()]
    return Row(
        case=case,
        folder=quote(f"{case.folder}/") if place.is_dir() else "",
        report=quote(page) if not case.failed and (folder / page).is_file() else "",
        problem="" if case.failed else _problem(place),
        outliers=sum(case.id in measure.outliers for measure in measured),
        settings=", ".join([*([f"scheme {case.scheme}"] if case.scheme else []), *settings]),
    )


def _problem(place: Path) -> str:
    """What is wrong with the image of a finished case, according to its hash."""
    if not (place / IMAGE).is_file():
        return f"{IMAGE} is missing now"
    try:
        written = load_json(place / marker.NAME).get("image_sha256")
        same = written == file_sha256(place / IMAGE)
    except PycemrgError as error:
        return _shortened(error, place)
    return "" if same else f"{IMAGE} has changed since the run (its SHA-256 differs)"


def _shortened(error: PycemrgError, place: Path) -> str:
    """An error as one line, without the folder, which the row already shows."""
    return " ".join(str(error).split()).replace(f"{place}/", "")


def _pictured(folder: Path, row: Row, recipe: str, catalogue: Catalogue) -> Row:
    """The row with a picture of the result; for a failed case, of its input if this is readable."""
    case, place = row.case, folder / row.case.folder
    if row.problem:
        return row
    try:
        if case.failed:
            names = _input_names(case, recipe, catalogue)
            image = read_volume(folder / case.input.path)[0]
        else:
            names = names_of(place / RECORD)
            image = read_volume(place / IMAGE)[0]
    except PycemrgError as error:
        return row if case.failed else attrs.evolve(row, problem=_shortened(error, place))
    what = f"the input of {case.id}" if case.failed else case.id
    alt = f"Axial, coronal and sagittal slice of {what}"
    return attrs.evolve(row, picture=thumbnail(image, names, colours_of(catalogue), alt))


def _input_names(case: SavedCase, recipe: str, catalogue: Catalogue) -> dict[int, str]:
    """The names of the labels of an input: in its scheme or, without one, in the recipe. Empty if that is gone."""
    with suppress(PycemrgError):
        if case.scheme:
            labels = catalogue.get(LabelScheme, case.scheme).labels
        else:
            labels = recipe_labels(catalogue, recipe=recipe)
        return {value: name for name, value in labels.items()}
    return {}
