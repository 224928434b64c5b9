"""Read ``cohort.json`` as records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import frozen

from pycemrg_cohort.errors import CohortError
from pycemrg_cohort.summary import COHORT, FORMAT
from pycemrg_core.api import DocumentError, from_data, load_json, name_of

_MOST_BYTES = 200_000_000  # a large cohort is larger than any configuration file


@frozen(kw_only=True)
class SavedInput:
    """The image of a case; ``path`` is relative to the folder of the cohort if possible."""

    path: str
    sha256: str


@frozen(kw_only=True)
class SavedCase:
    """One case: volumes in mL and median wall thicknesses in mm, by label name; ``error`` when it failed.

    ``statement`` is what the outputs with a verdict said first.
    """

    id: str
    state: str
    folder: str
    input: SavedInput
    scheme: str
    parameters: dict[str, float]
    seconds: float
    error: str
    verdict: str
    statement: str
    volumes_ml: dict[str, float]
    thickness_mm: dict[str, float]
    outputs: dict[str, str]

    @property
    def failed(self) -> bool:
        return self.state == "failed"


@frozen(kw_only=True)
class SavedPlugin:
    """A plugin that took part."""

    name: str
    distribution: str
    version: str


@frozen(kw_only=True)
class SavedCohort:
    """The contents of ``cohort.json``."""

    format: int
    pycemrg: str
    recipe: str
    plugins: tuple[SavedPlugin, ...]
    python: str
    counts: dict[str, int]
    cases: tuple[SavedCase, ...]


def read_cohort(folder: Path) -> SavedCohort:
    """Read ``folder/cohort.json``. Raises :class:`CohortError` (one line) when the folder is not a cohort."""
    path = folder / COHORT
    remedy = "'pycemrg cohort run' writes one"
    if not path.is_file():
        raise CohortError(f"{name_of(folder)}: not a cohort: it has no {COHORT}; {remedy}")
    try:
        data = load_json(path, f"a {COHORT}", _MOST_BYTES)
    except DocumentError as error:
        raise CohortError(f"{error}; {remedy}") from error
    try:
        if data.get("format", FORMAT) != FORMAT:
            raise CohortError(
                f"{name_of(path)}: unknown format {data['format']!r}, this version reads {FORMAT};"
                " update pycemrg-cohort"
            )
        return _checked(from_data(data, SavedCohort))
    except DocumentError as error:
        first, *more = str(error).split("; ")
        others = f" (and {len(more)} more)" if more else ""
        raise CohortError(f"{name_of(path)}: not what {remedy.replace('one', 'there')}: {first}{others}") from error


def _checked(cohort: SavedCohort) -> SavedCohort:
    seen: set[str] = set()
    for case in cohort.cases:
        if case.id in seen:
            raise DocumentError(f"the id {case.id!r} appears twice")
        if case.state not in ("done", "failed"):
            raise DocumentError(f"the state of {case.id!r} is {case.state!r}, not 'done' or 'failed'")
        seen.add(case.id)
    return cohort


def names_of(record: Path) -> dict[int, str]:
    """Label names by integer from ``run.json``. Raises :class:`DocumentError`."""
    labels: Any = load_json(record).get("labels")
    return {value: name for name, value in from_data(labels, dict[str, int], str(record)).items()}
