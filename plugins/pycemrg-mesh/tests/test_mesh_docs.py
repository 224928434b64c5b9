"""The examples of the documents run, and what they leave is right; the entry point stays light."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from mesh_shapes import radius, shells

from pycemrg_core import write_image
from pycemrg_core.testing import PluginConformance, run_command

PLUGIN = Path(__file__).parents[1]
PAGE = PLUGIN.parents[1] / "docs" / "mesh.md"


class TestPlugin(PluginConformance):
    plugin = "pycemrg_mesh.plugin"
    heavy = ("numpy", "scipy", "SimpleITK", "cattrs", "yaml", "PIL")


@pytest.fixture
def heart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A left ventricle as out/heart.nrrd, in the current folder, as a run leaves it."""
    monkeypatch.chdir(tmp_path)
    mm = radius(24)
    array = np.select([mm < 8, mm < 11], [1, 2], 0).astype(np.uint8)
    (tmp_path / "out").mkdir()
    write_image(sitk.GetImageFromArray(array), "out/heart.nrrd")
    write_image(sitk.GetImageFromArray(array), "heart.nrrd")
    return tmp_path


def run_blocks(page: Path) -> dict[str, Any]:
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    names: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, page.name, "exec"), names)
    return names


def run_commands(page: Path) -> None:
    """The commands of a page, but for the run that leaves the heart."""
    lines = re.findall(r"^    pycemrg (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    for words in map(shlex.split, lines):
        if words[0] != "run" and ("cgal" not in words or find_spec("pygalmesh")):
            run_command(*words)


@pytest.mark.slow
@pytest.mark.skipif(not PAGE.exists(), reason="the page is in the repository of pycemrg")
def test_the_page(heart: Path) -> None:
    run_commands(PAGE)
    assert {path.suffix for path in (heart / "mesh").iterdir()} >= {".vtu", ".pts", ".elem", ".lon", ".json"}
    assert (heart / "mesh" / "surfaces" / "LV_endocardium.vtp").is_file()
    names = run_blocks(PAGE)
    assert names["made"].certificate.verdict == "PASS"
    assert set(names["made"].mesh.tags.tolist()) == {1}
    assert set(names["mesh"].tags.tolist()) == {2}


@pytest.mark.slow
def test_the_readme(heart: Path) -> None:
    run_commands(PLUGIN / "README.md")
    assert run_blocks(PLUGIN / "README.md")["made"].certificate.passed


@pytest.mark.skipif(not PAGE.exists(), reason="the page is in the repository of pycemrg")
def test_the_page_names_every_check_and_option() -> None:
    from mesh_shapes import heart_of
    from pycemrg_mesh import mesh_heart
    from pycemrg_mesh.command import mesh

    from pycemrg_core import load_catalogue

    text = PAGE.read_text(encoding="utf-8")
    checks = mesh_heart(heart_of(shells()), load_catalogue()).certificate.checks
    assert {check.name for check in checks if f"`{check.name}`" not in text} == set()
    options = {word for one in mesh.params for word in one.opts if word.startswith("--")}
    assert {word for word in options - {"--output", "--traceback"} if word not in text} <= {
        "--plugin",
        "--project",
        "--no-plugins",
    }


@pytest.mark.slow
def test_the_entry_point_imports_nothing_heavy() -> None:
    code = (
        "import sys, pycemrg_mesh.plugin, pycemrg_mesh.command\n"
        "print({'numpy', 'SimpleITK', 'scipy', 'vtkmodules'} & sys.modules.keys())"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "set()\n"
