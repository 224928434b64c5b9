"""Cases to workers, and what became of them, as they finish."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pycemrg_cohort import worker
from pycemrg_cohort.cases import Case
from pycemrg_cohort.errors import CohortError, OtherVersionsError, one_line
from pycemrg_cohort.worker import Outcome

if TYPE_CHECKING:
    from distributed import Client


def run_cases(client: Client, cases: Sequence[Case], job: str, root: Path) -> Iterator[Outcome]:
    """Bring all cases up to date in ``root``; one outcome for each, in the order in which they finish.

    Raises :class:`CohortError` when the workers cannot do it or the scheduler is lost.
    """
    lost = []
    for case, outcome in _each(client, worker.bring, cases, job=job, root=str(root)):
        if outcome is None:
            lost.append(case)
        else:
            yield outcome
    # Whatever else was on a worker that died is under suspicion too; alone, each answers for itself.
    for case in lost:
        for _, outcome in _each(client, worker.bring, [case], job=job, root=str(root)):
            yield outcome or {
                "id": case.id,
                "state": "failed",
                "sha256": "",
                "again": False,
                "seconds": 0.0,
                "error": "its worker died every time, most likely of too little memory; use fewer --workers",
            }


def check_cases(client: Client, cases: Sequence[Case], job: str) -> Iterator[Outcome]:
    """What a run of each case would meet, in the order in which they finish."""
    for case, outcome in _each(client, worker.check, cases, job=job):
        yield outcome or {"id": case.id, "problems": ["its worker died, most likely of too little memory"]}


def sample_case(client: Client, case: Case, job: str) -> Outcome | None:
    """Seconds and memory of one case, or None when its worker died."""
    return next(outcome for _, outcome in _each(client, worker.sample, [case], job=job))


def _each(
    client: Client, task: Callable[..., Outcome], cases: Sequence[Case], **common: Any
) -> Iterator[tuple[Case, Outcome | None]]:
    """A task for each case; the outcome is None where the workers died of it."""
    from distributed import KilledWorker, as_completed

    futures = client.map(task, [case.as_json() for case in cases], pure=False, retries=0, **common)
    by_key = {future.key: case for future, case in zip(futures, cases, strict=True)}
    for future in as_completed(futures):
        try:
            yield by_key[future.key], future.result()
        except KilledWorker:
            yield by_key[future.key], None
        except Exception as error:
            raise _stopped(error) from error


def _stopped(error: Exception) -> CohortError:
    from distributed import CancelledError

    if isinstance(error, OtherVersionsError):
        return OtherVersionsError(f"a worker is not as this process is: {error}; make them alike, and start it anew")
    if isinstance(error, (CancelledError, OSError, TimeoutError)):
        return CohortError("the scheduler went away; the same command goes on from there")
    return CohortError(
        f"a worker cannot take up the work ({one_line(error)}); pycemrg-cohort must be installed there as it is here"
    )


def sweep(root: Path) -> None:
    """Remove what killed workers left in the folders of the cases; nobody may be writing there."""
    for left in [*root.glob("cases/*/.partial-*"), *root.glob("cases/*/.*.partial"), *root.glob(".*.partial")]:
        shutil.rmtree(left, ignore_errors=True)
        with suppress(OSError):
            left.unlink()
    for folder in root.glob("cases/*"):
        with suppress(OSError):  # those that are empty
            folder.rmdir()
