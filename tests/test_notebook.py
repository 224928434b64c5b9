"""The notebook of the documents runs, shows what it says it shows, and tells nothing of the machine it was made on."""

from __future__ import annotations

import json
import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).resolve().parent.parent / "docs"
NOTEBOOK = DOCS / "notebook.ipynb"


@pytest.fixture
def notebooks(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(DOCS)
    yield import_module("notebooks")
    sys.modules.pop("notebooks", None)


def shown(notebook: dict[str, Any]) -> list[str]:
    """What each cell of code shows, without the seconds that it took and the pixels of its pictures."""
    found = []
    for cell in (cell for cell in notebook["cells"] if cell["cell_type"] == "code"):
        text = "".join("".join(one["data"]["text/html"]) for one in cell["outputs"])
        text = re.sub(r"base64,[\w+/=]+", "base64,", text)
        text = re.sub(r" in [\d.]+ s\b", " in 0 s", text)
        found.append(re.sub(r"(<td[^>]*>[\d,]+</td><td[^>]*>)[\d.e-]+(</td></tr>)", r"\1\2", text))
    return found


def test_the_notebook_is_small_and_tells_nothing_of_the_machine() -> None:
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert len(text) < 400_000
    stored = json.loads(text)
    assert {key for cell in stored["cells"] for key in cell["metadata"]} == set()
    assert set(stored["metadata"]) == {"kernelspec"}
    pictures = re.sub(r"base64,[\w+/=]+", "", text)
    assert not re.search(r"(?<![\w<])/(?:home|root|tmp|work|usr|Users|opt)\b|site-packages|[A-Z]:\\\\", pictures)
    kinds = {one["output_type"] for cell in stored["cells"] for one in cell.get("outputs", [])}
    assert kinds == {"execute_result"}  # no error, and no warning


def test_what_the_notebook_shows_are_tables_pictures_and_verdicts() -> None:
    html = shown(json.loads(NOTEBOOK.read_text(encoding="utf-8")))
    words = ("Catalogue", "voxels of 1 x 1 x 1 mm", "confident: cemrg", "14 steps", "LV_myo_label", "mitral_valve")
    words += ("FAIL: ", "PASS: ", "wall_thickness_median (mm)", "dice", "")
    for text, word in zip(html, words, strict=True):
        assert word in text


@pytest.mark.slow
def test_the_notebook_shows_the_same_when_it_runs(notebooks: Any, tmp_path: Path) -> None:
    pytest.importorskip("ipykernel")
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("nbclient")
    again = notebooks.run(nbformat.read(NOTEBOOK, as_version=4), tmp_path)
    # Which plugins are there is a matter of where it runs.
    assert shown(again)[1:] == shown(json.loads(NOTEBOOK.read_text(encoding="utf-8")))[1:]
    assert (tmp_path / "closed.nrrd").is_file()


def test_the_page_has_every_cell_and_what_it_shows(notebooks: Any) -> None:
    stored = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    page = notebooks.as_markdown(stored)
    for cell in stored["cells"]:
        assert "".join(cell["source"]) in page
        for output in cell.get("outputs", []):
            assert "".join(output["data"]["text/html"]) in page
    assert notebooks.as_markdown({"cells": [_cell(text="1\n")]}) == "```python\nx\n```\n\n```text\n1\n```\n"


def _cell(text: str) -> dict[str, Any]:
    return {"cell_type": "code", "source": ["x"], "outputs": [{"output_type": "stream", "text": [text]}]}
