"""Worker processes of this machine. They have no port: each talks to this process through a pipe of its own."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Any, Protocol

import psutil
from attrs import define, frozen

from pycemrg_cohort.cases import Case
from pycemrg_cohort.errors import CohortError, OtherVersionsError, one_line

Outcome = dict[str, Any]

_LOOK = 0.25  # seconds between two looks at the memory of the workers
_PATIENCE = 10.0  # seconds for a worker to end
_MIB = 2**20


@frozen
class Lost:
    """A case whose worker died, and why."""

    why: str


class Workers(Protocol):
    """What runs the tasks of :mod:`pycemrg_cohort.worker`."""

    def each(self, task: str, cases: Sequence[Case], **common: Any) -> Iterator[tuple[Case, Outcome | Lost]]:
        """Run a task for each case, in the order in which they finish."""

    def at_once(self) -> int:
        """The number of cases that can run at the same time now."""


@define
class _Worker:
    process: Any
    pipe: Connection
    case: Case | None = None
    killed: str = ""

    def memory(self) -> int:
        try:
            return int(psutil.Process(self.process.pid).memory_info().rss)
        except psutil.Error:
            return 0

    def ended(self) -> str:
        """Why it ended, for a message."""
        self.process.join(_PATIENCE)
        code = self.process.exitcode
        if self.killed or code is None:
            return self.killed or "its worker does not answer"
        if code >= 0:
            return f"its worker ended with exit code {code}"
        name = signal.Signals(-code).name if -code in {*signal.Signals} else f"signal {-code}"
        memory = ", probably because memory ran out; use fewer --workers" if name == "SIGKILL" else ""
        return f"its worker was killed by {name}{memory}"


class LocalWorkers:
    """Processes that each run one case after the other; ``memory`` is what they may use together, in bytes.

    A worker that dies is replaced, and costs only the case that it was running.
    """

    def __init__(self, count: int, memory: int) -> None:
        self._count, self._memory = count, memory
        self._workers: list[_Worker] = []

    def __enter__(self) -> LocalWorkers:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.pipe.close()  # an idle worker ends by itself
            if worker.case is not None:
                worker.process.terminate()
        for worker in self._workers:
            worker.process.join(_PATIENCE)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
        self._workers.clear()

    def at_once(self) -> int:
        return self._count

    def processes(self) -> list[int]:
        """The numbers of the processes that have been started and live."""
        return [worker.process.pid for worker in self._workers if worker.process.is_alive()]

    def each(self, task: str, cases: Sequence[Case], **common: Any) -> Iterator[tuple[Case, Outcome | Lost]]:
        todo = deque(cases)
        limit = self._memory // max(1, min(self._count, len(cases)))
        while todo or any(worker.case for worker in self._workers):
            for worker in self._idle(len(todo)):
                case = todo.popleft()
                worker.case = case
                with suppress(OSError):  # it is dead, which the next look finds
                    worker.pipe.send((task, case.as_json(), common))
            for worker in self._ready(limit):
                yield self._taken(worker)

    def _idle(self, wanted: int) -> list[_Worker]:
        """Workers without a case, at most as many as wanted; they are started when they are needed."""
        while len(self._workers) < self._count and sum(one.case is None for one in self._workers) < wanted:
            self._workers.append(_started())
        return [worker for worker in self._workers if worker.case is None][:wanted]

    def _ready(self, limit: int) -> list[_Worker]:
        """The workers that have finished or died. A worker with too much memory is killed."""
        busy = [worker for worker in self._workers if worker.case is not None]
        places = [place for worker in busy for place in (worker.pipe, worker.process.sentinel)]
        there = wait(places, timeout=_LOOK)
        for worker in busy:
            if not there and worker.memory() > limit:
                worker.killed = f"it needs more than {limit // _MIB:,} MiB of memory; use fewer --workers"
                worker.process.kill()
        return [worker for worker in busy if worker.pipe in there or worker.process.sentinel in there]

    def _taken(self, worker: _Worker) -> tuple[Case, Outcome | Lost]:
        """What a worker returned; a worker that died is removed."""
        case = worker.case
        assert case is not None
        try:
            # It may have answered and died since.
            answer: tuple[str, Any] = worker.pipe.recv() if worker.pipe.poll() else ("dead", "")
        except (EOFError, OSError):
            answer = ("dead", "")
        kind, value = answer
        if kind == "dead":
            self._workers.remove(worker)
            worker.pipe.close()
            return case, Lost(worker.ended())
        worker.case = None
        if kind == "versions":
            raise OtherVersionsError(value)
        if kind == "failed":
            raise CohortError(f"a worker cannot do the work: {value}")
        return case, value


def _started() -> _Worker:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there,), daemon=True)
    # A terminal sends Ctrl-C to all processes, and only this one handles it: the new one inherits the mask.
    mask = getattr(signal, "pthread_sigmask", None)
    if mask:
        mask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process.start()
    finally:
        if mask:
            mask(signal.SIG_UNBLOCK, {signal.SIGINT})
    there.close()
    return _Worker(process, here)


def _serve(pipe: Connection) -> None:
    """The work of a worker: one task after the other, until the other end of the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.dup2(sys.__stderr__.fileno() if sys.__stderr__ else 2, 1)  # what plugins print is not the command's output
    with suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write("500")  # if memory runs out, the system ends a worker, not the command
    threading.Thread(target=_end_with_parent, daemon=True).start()

    from pycemrg_cohort import worker

    while True:
        try:
            task, data, common = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            answer = ("done", getattr(worker, task)(data, **common))
        except OtherVersionsError as error:
            answer = ("versions", str(error))
        except Exception as error:
            answer = ("failed", one_line(error))
        with suppress(BrokenPipeError):
            pipe.send(answer)


def _end_with_parent() -> None:
    """End this process when the command is gone, even in the middle of a case."""
    if parent := multiprocessing.parent_process():
        wait([parent.sentinel])
        os._exit(1)
