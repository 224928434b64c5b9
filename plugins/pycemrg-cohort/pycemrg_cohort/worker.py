"""The tasks of a worker: one case after the other, from plain data to plain data.

The functions here are the tasks. Problems of a case are returned as values; exceptions are problems of the worker.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from attrs import evolve

from pycemrg_cohort import marker
from pycemrg_cohort.cases import Case
from pycemrg_cohort.errors import one_line
from pycemrg_cohort.job import THICKNESS, Job, ready, thickness_provider, wall_names
from pycemrg_core import (
    Catalogue,
    Outputs,
    Plan,
    Prepared,
    RunResult,
    Source,
    choose_outputs,
    make_outputs,
    make_room,
    plan,
    prepare_source,
    require_place,
    run_plan,
    write_result,
)
from pycemrg_core.api import (
    Check,
    FinishedRun,
    Metric,
    NamedVolume,
    PlanError,
    PycemrgError,
    StructureMask,
    debugging,
    evaluate,
)
from pycemrg_core.cli.kit import held, write_json

Outcome = dict[str, Any]

_VERDICTS = {True: "PASS", False: "FAIL", None: ""}


def bring(data: Mapping[str, Any], *, job: str, root: str) -> Outcome:
    """Bring one case up to date in ``root/cases/ID``, and return its outcome.

    A case that is already done with the same settings is not changed (``"again": True``). Raises
    :class:`OtherVersionsError` when this process differs from the client.
    """
    todo, catalogue = ready(job)
    case = Case.from_json(dict(data))
    folder = Path(root) / "cases" / case.id
    begin = time.perf_counter()
    outcome: Outcome = {"id": case.id, "state": "failed", "sha256": "", "again": False, "error": ""}
    try:
        source = Source.of(case.file)
        outcome["sha256"] = source.sha256
        if (kept := marker.kept(folder, source, todo, case, catalogue)) is not None:
            return {**outcome, **kept, "state": "done", "again": True}
        made = _make(todo, case, source, folder, catalogue, begin)
    except (Exception, KeyboardInterrupt) as error:  # Ctrl-C does not reach a worker: a plugin raised it
        if debugging():
            traceback.print_exception(error)
        seconds = round(time.perf_counter() - begin, 3)
        return {**outcome, "seconds": seconds, "error": one_line(error, hide=case.file, show=case.path)}
    return {**outcome, **made, "state": "done"}


def plan_case(data: Mapping[str, Any], *, job: str) -> Outcome:
    """The problems and warnings that a run of a case would have, and the size (x, y, z) and spacing of the image."""
    todo, catalogue = ready(job)
    case = Case.from_json(dict(data))
    try:
        prepared, planned, _ = _planned(todo, case, catalogue)
    except (Exception, KeyboardInterrupt) as error:
        problems = error.problems if isinstance(error, PlanError) else (one_line(error),)
        return {"id": case.id, "problems": [text.replace(case.file, case.path) for text in problems]}
    geometry = prepared.volume.geometry()
    return {
        "id": case.id,
        "problems": [],
        "warnings": [*prepared.notes, *planned.warnings],
        "steps": len(planned.steps),
        "size": geometry["size"],
        "spacing": geometry["spacing"],
    }


def sample(data: Mapping[str, Any], *, job: str) -> Outcome:
    """Run one case without writing; return its seconds, and the highest memory of this process in bytes."""
    from pycemrg_cohort.memory import peak_memory

    todo, catalogue = ready(job)
    case = Case.from_json(dict(data))
    begin = time.perf_counter()
    with peak_memory() as peak:
        prepared, planned, _ = _planned(todo, case, catalogue)
        result = _run(planned, prepared)
        _measured(result, planned, catalogue)
    return {"id": case.id, "seconds": time.perf_counter() - begin, "memory": peak()}


def _planned(job: Job, case: Case, catalogue: Catalogue) -> tuple[Prepared, Plan, NamedVolume]:
    """Read, prepare and plan like ``pycemrg run``; messages show the path as the user gave it."""
    target, settings = job.target(catalogue, marker.settings_of(job, case))
    prepared, settings, read = prepare_source(
        case.file,
        catalogue,
        settings,
        recipe=target,
        scheme=case.scheme or None,
        name=case.path,
        check=job.check,
    )
    notes = tuple(note.replace(case.file, case.path) for note in prepared.notes)
    prepared = evolve(prepared, notes=notes)
    planned = plan(target, catalogue, prepared.facts, settings)
    return make_room(prepared, planned, settings), planned, read


def _run(planned: Plan, prepared: Prepared) -> RunResult:
    for event in run_plan(planned, prepared):
        if isinstance(event, RunResult):
            return event
    raise PycemrgError("the run ended without a result")


def _make(job: Job, case: Case, source: Source, folder: Path, catalogue: Catalogue, begin: float) -> Outcome:
    """Run a case and write its folder; the marker that it is done is written last."""
    prepared, planned, read = _planned(job, case, catalogue)
    source = evolve(source, reader=read.segmentation.reader, names=dict(read.labels))
    chosen = choose_outputs(catalogue, job.outputs)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with held(folder):
        require_place(folder, source, catalogue, chosen, force=True)
        result = _run(planned, prepared)
        finished = FinishedRun(result=result, prepared=prepared, plan=planned, source=source, catalogue=catalogue)
        outputs = make_outputs(finished, chosen)
        measured = _measured(result, planned, catalogue)
        with suppress(FileNotFoundError):
            (folder / marker.NAME).unlink()
        write_result(finished, folder, outputs)
        if outputs.failures:
            raise PycemrgError("; ".join(map(str, outputs.failures))) from outputs.failures[0]
        outcome = _outcome(begin, outputs, measured, _taking_part(planned, catalogue, job))
        write_json(marker.marker(folder, prepared.facts, job, case, catalogue, outcome), folder / marker.NAME)
    return outcome


def _outcome(begin: float, outputs: Outputs, measured: Outcome, plugins: list[dict[str, str]]) -> Outcome:
    return {
        "seconds": round(time.perf_counter() - begin, 3),
        "verdict": _VERDICTS[outputs.verdict],
        "statement": "; ".join(made.summary.partition("\n")[0] for _, made in outputs.made if made.verdict is not None),
        "files": {contribution.name: contribution.record.file for contribution, _ in outputs.made},
        **measured,
        "plugins": plugins,
    }


def _measured(result: RunResult, planned: Plan, catalogue: Catalogue) -> Outcome:
    """The volume of each label in mL and, if a plugin measures walls, their median thickness in mm."""
    volume = result.volume
    mm3 = float(np.prod(volume.spacing))
    found = {value: StructureMask(volume, (value,)).voxels for value in volume.boxes}
    names = {value: planned.names.get(value, str(value)) for value in found}
    volumes = {names[value]: round(count * mm3 / 1000, 6) for value, count in found.items()}
    thickness = {}
    if thickness_provider(catalogue):
        metric, walls = catalogue.find(Metric, THICKNESS), wall_names(catalogue)
        for value, name in names.items():
            if name in walls:
                thickness[name] = round(evaluate(metric, StructureMask(volume, (value,), name)), 6)
    # A wall without a lumen has no thickness.
    return {"volumes_ml": volumes, "thickness_mm": {name: mm for name, mm in thickness.items() if np.isfinite(mm)}}


def _taking_part(planned: Plan, catalogue: Catalogue, job: Job) -> list[dict[str, str]]:
    """All plugins that took part in a case: those in ``run.json``, and those that measured or made outputs."""
    providers = {*planned.providers, thickness_provider(catalogue)}
    providers |= {contribution.provider for contribution in choose_outputs(catalogue, job.outputs)}
    if job.outputs:
        providers |= {contribution.provider for contribution in catalogue.all(Check)}
    return [
        {"name": found.name, "distribution": found.distribution, "version": found.version}
        for found in sorted(provider for provider in providers if provider)
    ]
