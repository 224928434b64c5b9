"""Send cases to workers, and collect the outcomes as they finish."""

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
    """Bring all cases up to date in ``root``; yield one outcome per case, in the order in which they finish.

    Raises :class:`CohortError` when the workers cannot run the job or the scheduler is lost.
    """
    lost = []
    for case, outcome in _each(client, worker.bring, cases, job=job, root=str(root)):
        if outcome is None:
            lost.append(case)
        else:
            yield outcome
    # All cases on a worker that died are possible causes, so each of them runs alone once more.
    for case in lost:
        for _, outcome in _each(client, worker.bring, [case], job=job, root=str(root)):
            yield outcome or {
                "id": case.id,
                "state": "failed",
                "sha256": "",
                "again": False,
                "seconds": 0.0,
                "error": "its worker died every time, probably because memory ran out; use fewer --workers",
            }


def plan_cases(client: Client, cases: Sequence[Case], job: str) -> Iterator[Outcome]:
    """The problems that a run of each case would have, in the order in which they finish."""
    for case, outcome in _each(client, worker.plan_case, cases, job=job):
        yield outcome or {"id": case.id, "problems": ["its worker died, probably because memory ran out"]}


def sample_case(client: Client, case: Case, job: str) -> Outcome | None:
    """The seconds and the memory of one case, or None when its worker died."""
    return next(outcome for _, outcome in _each(client, worker.sample, [case], job=job))


def _each(
    client: Client, task: Callable[..., Outcome], cases: Sequence[Case], **common: Any
) -> Iterator[tuple[Case, Outcome | None]]:
    """Run a task for each case; the outcome is None when the case killed its workers."""
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
        return OtherVersionsError(
            f"a worker differs from this process: {error}; install the same versions, and restart the worker"
        )
    if isinstance(error, (CancelledError, OSError, TimeoutError)):
        return CohortError("the connection to the scheduler is lost; repeat the command to continue")
    return CohortError(
        f"a worker cannot do the work ({one_line(error)}); install the same pycemrg-cohort there as here"
    )


def sweep(root: Path) -> None:
    """Remove files that killed workers left in the case folders; no other process may be writing there."""
    for left in [*root.glob("cases/*/.partial-*"), *root.glob("cases/*/.*.partial"), *root.glob(".*.partial")]:
        shutil.rmtree(left, ignore_errors=True)
        with suppress(OSError):
            left.unlink()
    for folder in root.glob("cases/*"):
        with suppress(OSError):  # removes only empty folders
            folder.rmdir()
