"""Runs to report, their pages, and what a page shows."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from bs4 import BeautifulSoup, Tag
from command_line import pycemrg, small_heart
from PIL import Image

Pixels = np.ndarray[Any, Any]


def make_run(folder: Path, *more: object, recipe: str = "four_chamber_full") -> Path:
    """Run a recipe on a phantom in ``folder`` and return the folder of the run."""
    pycemrg("run", recipe, small_heart(folder), "-o", folder / "out", *more)
    return folder / "out"


def record(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "run.json").read_text(encoding="utf-8"))
    return found


def page_of(run: Path, *more: object) -> Path:
    """Report a run."""
    pycemrg("report", run, *more)
    return run / "report.html"


def report(run: Path, *more: object) -> BeautifulSoup:
    """Report a run and read the page."""
    return read(page_of(run, *more))


def read(page: Path) -> BeautifulSoup:
    return BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")


def one(page: BeautifulSoup | Tag, selector: str) -> Tag:
    found = page.select(selector)
    assert len(found) == 1, f"{selector}: {len(found)}"
    return found[0]


def words(tag: Tag) -> str:
    return " ".join(tag.get_text().split())


def cells(row: Tag) -> list[str]:
    return [words(cell) for cell in row.select("td, th")]


def pixels(image: Tag) -> Pixels:
    """The RGBA pixels (rows, columns, 4) of an <img>."""
    kind, _, data = str(image["src"]).partition(",")
    assert kind == "data:image/png;base64"
    return np.array(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGBA"))
