"""Send cases to workers, and collect the outcomes as they finish."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pycemrg_cohort.cases import Case
from pycemrg_cohort.errors import OtherVersionsError
from pycemrg_cohort.workers import Lost, Outcome, Workers
from pycemrg_core.cli.kit import sweep as sweep_folder


def run_cases(workers: Workers, cases: Sequence[Case], job: str, root: Path) -> Iterator[Outcome]:
    """Bring all cases up to date in ``root``; yield one outcome per case, in the order in which they finish.

    Raises :class:`CohortError` when the workers cannot run the job or the scheduler is lost.
    """
    lost = []
    for case, outcome in _each(workers, "bring", cases, job=job, root=str(root)):
        if isinstance(outcome, Lost):
            lost.append(case)
        else:
            yield outcome
    # Alone, a case has all the memory; and on a cluster, any case of a worker that died may have been the cause.
    for case in lost:
        for _, outcome in _each(workers, "bring", [case], job=job, root=str(root)):
            yield _failed(case, outcome) if isinstance(outcome, Lost) else outcome


def _failed(case: Case, lost: Lost) -> Outcome:
    error = f"{lost.why} (twice)"
    return {"id": case.id, "state": "failed", "sha256": "", "again": False, "seconds": 0.0, "error": error}


def plan_cases(workers: Workers, cases: Sequence[Case], job: str) -> Iterator[Outcome]:
    """The problems that a run of each case would have, in the order in which they finish."""
    for case, outcome in _each(workers, "plan_case", cases, job=job):
        yield {"id": case.id, "problems": [outcome.why]} if isinstance(outcome, Lost) else outcome


def sample_case(workers: Workers, case: Case, job: str) -> Outcome | Lost:
    """The seconds and the memory of one case, or why its worker died."""
    return next(outcome for _, outcome in _each(workers, "sample", [case], job=job))


def _each(workers: Workers, task: str, cases: Sequence[Case], **common: Any) -> Iterator[tuple[Case, Outcome | Lost]]:
    try:
        yield from workers.each(task, cases, **common)
    except OtherVersionsError as error:
        raise OtherVersionsError(
            f"a worker differs from this process: {error}; install the same versions, and restart the worker"
        ) from error


def sweep(root: Path) -> None:
    """Remove what killed workers left in the case folders."""
    for folder in [root, *root.glob("cases/*")]:
        sweep_folder(folder)
    for folder in [*root.glob("cases/*"), root / "cases"]:
        with suppress(OSError):  # removes only empty folders
            folder.rmdir()
