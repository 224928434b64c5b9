"""Cohorts made up by hand, without running anything, and what their page shows."""

from __future__ import annotations

import hashlib
import json
import os
import random
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup, Tag
from command_line import pycemrg, small_heart

LABELS = {"LV_BP_label": 1, "LV_myo_label": 2, "RV_BP_label": 3, "LA_BP_label": 4, "RA_BP_label": 5}


def case(name: str, **changes: Any) -> dict[str, Any]:
    """A case that is done, as ``cohort.json`` has it."""
    return {
        "id": name,
        "state": "done",
        "folder": f"cases/{name}",
        "input": {"path": f"../hearts/{name}.nrrd", "sha256": "0" * 64},
        "scheme": "",
        "parameters": {},
        "seconds": 1.5,
        "error": "",
        "verdict": "",
        "statement": "",
        "volumes_ml": {"LV_BP_label": 100.0},
        "thickness_mm": {},
        "outputs": {},
        **changes,
    }


def failed(name: str, error: str, **changes: Any) -> dict[str, Any]:
    """A case that failed."""
    return case(name, **{"state": "failed", "error": error, "volumes_ml": {}, **changes})


def write_cohort(folder: Path, cases: list[dict[str, Any]], **changes: Any) -> Path:
    """Write ``cohort.json`` of these cases."""
    folder.mkdir(exist_ok=True)
    done = sum(one["state"] == "done" for one in cases)
    data = {
        "format": 1,
        "pycemrg": "0.1.0",
        "recipe": "four_chamber_full",
        "plugins": [{"name": "builtin", "distribution": "pycemrg-core", "version": "0.1.0"}],
        "python": "3.11.7",
        "counts": {"done": done, "failed": len(cases) - done},
        "cases": cases,
        **changes,
    }
    (folder / "cohort.json").write_text(json.dumps(data), encoding="utf-8")
    return folder


def give_hearts(folder: Path) -> Path:
    """Give every case that is done a folder with a heart, the same one for all; returns that file."""
    (folder / "shared").mkdir()
    heart = small_heart(folder / "shared", size=32)
    marker = json.dumps({"image_sha256": hashlib.sha256(heart.read_bytes()).hexdigest()})
    for one in saved(folder)["cases"]:
        if one["state"] == "done":
            place = folder / one["folder"]
            place.mkdir(parents=True)
            os.link(heart, place / "heart.nrrd")
            (place / "case.json").write_text(marker, encoding="utf-8")
            (place / "run.json").write_text(json.dumps({"labels": LABELS}), encoding="utf-8")
    return heart


def large_cohort(folder: Path, count: int, labels: int = 29) -> Path:
    """A cohort with hearts, of which every 20th failed and a few stand apart."""
    chance = random.Random(1)
    cases = []
    for number in range(count):
        name = f"case{number:05}"
        if number % 20 == 7:
            cases.append(failed(name, f"hearts/{name}.nrrd: no such file"))
            continue
        values = {f"label{n:02}_label": round(chance.gauss(100, 10), 6) for n in range(labels)}
        cases.append(case(name, volumes_ml=values, seconds=round(chance.uniform(1, 9), 3)))
    write_cohort(folder, cases)
    give_hearts(folder)
    return folder


def saved(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "cohort.json").read_text(encoding="utf-8"))
    return found


def page_of(folder: Path) -> Path:
    """Report a cohort."""
    result = pycemrg("cohort", "report", folder)
    assert result.stdout == f"{folder / 'report.html'} written\n"
    return folder / "report.html"


def report(folder: Path) -> BeautifulSoup:
    """Report a cohort and read the page."""
    return BeautifulSoup(page_of(folder).read_text(encoding="utf-8"), "html.parser")


def words(tag: Tag) -> str:
    return " ".join(tag.get_text(" ").split())


def table(page: BeautifulSoup) -> dict[str, dict[str, Tag]]:
    """The cells of every case, by id and by the column's heading, in the order of the rows."""
    heads = [words(head) for head in page.select("#cases thead th")]
    assert len(set(heads)) == len(heads)
    rows = {}
    for row in page.select("#cases tbody tr"):
        rows[str(row["data-id"])] = dict(zip(heads, row.select("th, td"), strict=True))
    return rows
