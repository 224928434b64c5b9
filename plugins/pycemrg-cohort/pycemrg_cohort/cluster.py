"""Find workers: processes of this machine, or the workers of a running Dask scheduler."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from pycemrg_cohort import worker
from pycemrg_cohort.cases import Case
from pycemrg_cohort.errors import CohortError, OtherVersionsError, one_line
from pycemrg_cohort.workers import LocalWorkers, Lost, Outcome, Workers

if TYPE_CHECKING:
    from distributed import Client

_NO_DASK = (
    "--scheduler needs Dask, which is not installed; in a checkout of pycemrg:"
    ' python3 -m pip install . "./plugins/pycemrg-cohort[dask]"'
)
# The share of the free memory that the workers can use.
_SHARE = 0.9
_CGROUP = Path("/sys/fs/cgroup")


def workers_for(needed_bytes: int, cases: int, free_bytes: int, cores: int) -> int:
    """The number of workers for a machine: at most one per core, limited by memory and work, at least one."""
    return max(1, min(cores, cases, int(_SHARE * free_bytes) // max(needed_bytes, 1)))


@contextmanager
def connected(cases: int, needed_bytes: int, workers: int | None, scheduler: str | None) -> Iterator[Workers]:
    """Yield the workers of the scheduler at an address, or processes of this machine that end with the block.

    Raises :class:`CohortError` when no scheduler answers at the address.
    """
    if scheduler:
        with _client(scheduler) as client:
            yield DaskWorkers(client)
        return
    free = free_memory()
    count = workers or workers_for(needed_bytes, cases, free, cores())
    with LocalWorkers(count, int(_SHARE * free)) as local:
        yield local


def cores(group: Path = _CGROUP) -> int:
    """The cores that this process may use, also by the limits of a container."""
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError, ValueError):
        quota, period = (group / "cpu.max").read_bytes().split()
        here = min(here, max(1, round(int(quota) / int(period))))
    return here


def free_memory(group: Path = _CGROUP) -> int:
    """The memory in bytes that is free for this process, also by the limits of a container."""
    free = int(psutil.virtual_memory().available)
    with suppress(OSError, ValueError):
        limit, used = (int((group / name).read_bytes()) for name in ("memory.max", "memory.current"))
        free = min(free, max(0, limit - used))
    return free


class DaskWorkers:
    """The workers of a running Dask scheduler."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def at_once(self) -> int:
        try:
            return sum(self._client.nthreads().values())
        except (OSError, TimeoutError):
            return 0  # the scheduler does not answer

    def each(self, task: str, cases: Sequence[Case], **common: Any) -> Iterator[tuple[Case, Outcome | Lost]]:
        from distributed import KilledWorker, as_completed

        function: Callable[..., Outcome] = getattr(worker, task)
        futures = self._client.map(function, [case.as_json() for case in cases], pure=False, retries=0, **common)
        by_key = {future.key: case for future, case in zip(futures, cases, strict=True)}
        for future in as_completed(futures):
            try:
                yield by_key[future.key], future.result()
            except KilledWorker:
                yield by_key[future.key], Lost("its worker died, probably because memory ran out")
            except Exception as error:
                raise _stopped(error) from error


def _stopped(error: Exception) -> CohortError:
    from distributed import CancelledError

    if isinstance(error, OtherVersionsError):
        return error
    if isinstance(error, (CancelledError, OSError, TimeoutError)):
        return CohortError("the connection to the scheduler is lost; repeat the command to continue")
    return CohortError(
        f"a worker cannot do the work ({one_line(error)}); install the same pycemrg-cohort there as here"
    )


@contextmanager
def _client(address: str) -> Iterator[Client]:
    try:
        from distributed import Client
    except ImportError as error:
        raise CohortError(_NO_DASK) from error
    # Dask logs every lost worker, with a traceback; this package reports what matters itself.
    for name in ("distributed", "distributed.client", "tornado.application"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        client = Client(address)
    except (OSError, ValueError) as error:
        raise CohortError(f"no Dask scheduler answers at {address}; start one, or correct the address") from error
    try:
        yield client
    finally:
        # The scheduler may already be gone.
        with suppress(Exception):
            client.close(timeout=2)
