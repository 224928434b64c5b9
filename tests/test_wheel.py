"""What is published holds what it should, installs into an empty environment, and does the main job there.

Needs the package registry, as every installation does; one environment serves all tests.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from command_line import HEART, pycemrg, voxels

from pycemrg_core import __version__

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("pycemrg_core", "schematics_builtin")


def called(*command: object, cwd: Path | None = None) -> str:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "PYCEMRG_"))}
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source archive, and the wheel built from nothing but that archive."""
    folder = tmp_path_factory.mktemp("dist")
    called(sys.executable, "-m", "build", "--outdir", folder, ROOT)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (path,) = built.glob("*.whl")
    return path


def sources() -> dict[str, bytes]:
    return {
        path.relative_to(ROOT).as_posix(): path.read_bytes()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_holds_the_two_packages_whole_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {name: archive.read(name) for name in archive.namelist()}
    information = f"pycemrg_core-{__version__}.dist-info"
    assert {name.partition("/")[0] for name in packed} == {*PACKAGES, information}
    assert {name: data for name, data in packed.items() if not name.startswith(information)} == sources()
    for name in (*(f"{package}/py.typed" for package in PACKAGES), "schematics_builtin/demo/data/ATTRIBUTION.md"):
        assert name in packed
    assert packed[f"schematics_builtin/demo/data/{HEART.name}"] == HEART.read_bytes()
    licences = {name: data for name, data in packed.items() if name.startswith(f"{information}/licenses/")}
    assert licences[f"{information}/licenses/LICENSE"] == (ROOT / "LICENSE").read_bytes()
    assert any(name.endswith("ATTRIBUTION.md") for name in licences)
    entry_points = packed[f"{information}/entry_points.txt"].decode()
    assert "pycemrg = pycemrg_core.cli:main" in entry_points
    assert "builtin = schematics_builtin.catalogue.plugin" in entry_points


def test_the_source_archive_holds_what_the_wheel_is_built_from(built: Path) -> None:
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert sources().keys() <= names
    assert {"pyproject.toml", "README.md", "LICENSE"} <= names


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of programs of an environment that holds the wheel and what it depends on."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=os.name != "nt")
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python]
    called(*pip, "install", "--quiet", "--no-compile", wheel)
    called(*pip, "check")
    yield python.parent
    shutil.rmtree(folder)  # some hundred megabytes, which pytest would keep


def test_the_demo_runs_from_an_empty_folder_of_an_empty_environment(programs: Path, tmp_path: Path) -> None:
    out = called(programs / "pycemrg", "demo", cwd=tmp_path)
    assert "pycemrg_demo: heart.nrrd, run.json, slices.png and certificate.json written" in out
    result = tmp_path / "pycemrg_demo"
    assert {path.name for path in result.iterdir()} == {
        *("certificate.json", "heart.nrrd", "input.nrrd", "run.json", "slices.png")
    }
    pycemrg("run", "four_chamber_closed", HEART, "-o", tmp_path / "here")
    assert np.array_equal(voxels(result / "heart.nrrd"), voxels(tmp_path / "here" / "heart.nrrd"))


def test_the_command_is_the_one_of_the_wheel(programs: Path, tmp_path: Path) -> None:
    assert called(programs / "pycemrg", "--version", cwd=tmp_path).split()[-1] == __version__
    where = called(programs / "python", "-c", "import pycemrg_core as p; print(p.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(programs.parent)
    plugins = called(programs / "pycemrg", "list-plugins", cwd=tmp_path)
    assert "builtin" in plugins
    assert "loaded" in plugins
