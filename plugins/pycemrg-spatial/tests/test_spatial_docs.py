"""The examples of the documents run, and what they leave is right; the entry point stays light."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from pycemrg_spatial.meshes import read_mesh, write_mesh
from spatial_shapes import HEART, hexahedra, voxels

from pycemrg_core import write_image

PLUGIN = Path(__file__).parents[1]
PAGE = PLUGIN.parents[1] / "docs" / "spatial.md"


def run_blocks(page: Path) -> dict[str, Any]:
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    names: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, page.name, "exec"), names)
    return names


@pytest.fixture
def heart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """A part of the real heart as heart.nrrd and heart.vtu, in the current folder; its voxels."""
    monkeypatch.chdir(tmp_path)
    image = sitk.ReadImage(str(HEART))[45:85, 65:105, 25:67]
    write_image(image, "heart.nrrd")
    write_mesh(hexahedra(image), "heart.vtu")
    return sitk.GetArrayFromImage(image)


@pytest.mark.slow
@pytest.mark.skipif(not PAGE.exists(), reason="the page is in the repository of pycemrg")
def test_the_page(heart: np.ndarray) -> None:
    names = run_blocks(PAGE)
    assert (voxels(Path("voxels.nrrd")) == heart).all()
    assert (read_mesh("tagged.elem").cell_data["tag"] == heart[heart > 0]).all()
    assert np.abs(names["in_the_world"] - names["mesh"].points).max() < 1e-9
    assert np.abs(names["indices"] - [(10, 20, 30), (10.5, 20, 30)]).max() < 1e-9
    assert len(names["atrium"]) == (heart[40] == 4).sum() > 0
    assert names["in_ventricle"].sum() > 0
    # A node of a labelled voxel is half its diagonal from its centre.
    assert names["distances_mm"].max() == pytest.approx(np.sqrt(3) / 2)


@pytest.mark.slow
def test_the_readme(heart: np.ndarray) -> None:
    names = run_blocks(PLUGIN / "README.md")
    assert set(names["labels"].tolist()) <= set(np.unique(heart).tolist())


@pytest.mark.slow
def test_the_entry_point_imports_nothing_heavy() -> None:
    code = (
        "import sys, pycemrg_spatial.plugin, pycemrg_spatial.commands.sample, pycemrg_spatial.commands.voxelise\n"
        "print({'numpy', 'SimpleITK', 'pyvista', 'vtkmodules', 'trimesh', 'scipy'} & sys.modules.keys())"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "set()\n"
