"""Connect to the workers: processes of this machine, or workers of a running scheduler."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from pycemrg_cohort.errors import CohortError

if TYPE_CHECKING:
    from distributed import Client

# The share of the free memory that the workers can use.
_SHARE = 0.9


def workers_for(needed_bytes: int, cases: int, free_bytes: int, cores: int) -> int:
    """The number of workers for a machine: at most one per core, limited by memory and work, at least one."""
    return max(1, min(cores, cases, int(_SHARE * free_bytes) // max(needed_bytes, 1)))


@contextmanager
def connected(cases: int, needed_bytes: int, workers: int | None, scheduler: str | None) -> Iterator[Client]:
    """Yield a client of the scheduler at an address, or of a local cluster that ends with the block.

    Raises :class:`CohortError` when no scheduler answers at the address.
    """
    import psutil
    from dask.system import CPU_COUNT
    from distributed import Client, LocalCluster
    from distributed.system import MEMORY_LIMIT

    # Dask logs every lost worker, with a traceback; this package reports what matters itself.
    for name in ("distributed", "distributed.client", "tornado.application"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if scheduler:
        with _client(scheduler) as client:
            yield client
        return
    free = min(psutil.virtual_memory().available, MEMORY_LIMIT)
    count = workers or workers_for(needed_bytes, cases, free, CPU_COUNT)
    with (
        LocalCluster(
            n_workers=count,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            memory_limit=int(_SHARE * free) // count,
            dashboard_address="127.0.0.1:0" if has_dashboard() else None,
            silence_logs=logging.CRITICAL,
            preload=["pycemrg_cohort.preload"],
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


@contextmanager
def _client(address: str) -> Iterator[Client]:
    from distributed import Client

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


def threads(client: Client) -> int:
    """The number of cases that can run at the same time now; 0 when the scheduler does not answer."""
    try:
        return sum(client.nthreads().values())
    except (OSError, TimeoutError):
        return 0


def has_dashboard() -> bool:
    """Whether the requirements of Dask's dashboard are installed."""
    return importlib.util.find_spec("bokeh") is not None
