"""Write ``cohort.json`` and ``cases.csv``, with the outcome of every case."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pycemrg_cohort.cases import Case
from pycemrg_cohort.job import Job
from pycemrg_core import __version__
from pycemrg_core.cli.kit import csv_text, write_json, write_text

COHORT, TABLE = "cohort.json", "cases.csv"
FORMAT = 1


def write_summary(root: Path, job: Job, cases: Sequence[Case], outcomes: Mapping[str, Mapping[str, Any]]) -> None:
    """Write both files. ``outcomes`` are the outcomes of the cases by id. Raises :class:`OutputError`."""
    rows = [_row(root, job, case, outcomes[case.id]) for case in sorted(cases, key=lambda case: case.id)]
    plugins = {tuple(found.values()): found for one in outcomes.values() for found in one.get("plugins", [])}
    done = sum(row["state"] == "done" for row in rows)
    data = {
        "format": FORMAT,
        "pycemrg": __version__,
        "recipe": job.recipe,
        "plugins": [plugins[key] for key in sorted(plugins)],
        "python": platform.python_version(),
        "counts": {"done": done, "failed": len(rows) - done},
        "cases": rows,
    }
    with suppress(OSError):  # no case may have created it yet; if this fails, the next line raises the error
        root.mkdir(parents=True, exist_ok=True)
    write_json(data, root / COHORT)
    write_text(_table(rows), root / TABLE)


def _row(root: Path, job: Job, case: Case, outcome: Mapping[str, Any]) -> dict[str, Any]:
    done = outcome["state"] == "done"
    return {
        "id": case.id,
        "state": outcome["state"],
        "folder": f"cases/{case.id}",
        "input": {"path": _relative(case.file, root), "sha256": outcome["sha256"]},
        "scheme": case.scheme,
        "parameters": dict(case.parameters),
        "seconds": outcome["seconds"],
        "error": outcome["error"],
        "verdict": outcome.get("verdict", ""),
        "statement": outcome.get("statement", ""),
        "volumes_ml": dict(outcome.get("volumes_ml", {})),
        "thickness_mm": dict(outcome.get("thickness_mm", {})),
        "outputs": {name: f"cases/{case.id}/{file}" for name, file in outcome.get("files", {}).items()} if done else {},
    }


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    volumes = dict.fromkeys(name for row in rows for name in row["volumes_ml"])
    walls = dict.fromkeys(name for row in rows for name in row["thickness_mm"])
    plain = ("id", "state", "seconds", "verdict", "statement", "error")
    measures = [*(f"volume_{name}_ml" for name in volumes), *(f"thickness_{name}_mm" for name in walls)]
    lines: list[list[object]] = [[*plain, "path", *measures]]
    for row in rows:
        values = [*(row["volumes_ml"].get(name, "") for name in volumes)]
        values += [*(row["thickness_mm"].get(name, "") for name in walls)]
        lines.append([*(row[name] for name in plain), row["input"]["path"], *values])
    return csv_text(lines)


def _relative(file: str, root: Path) -> str:
    """The path relative to ``root``, so that a folder and its inputs can be moved together."""
    try:
        return Path(os.path.relpath(file, root)).as_posix()
    except ValueError:  # another drive
        return Path(file).as_posix()
