"""The page of the plugin: everything is named, its pipelines are built and its blocks run."""

from __future__ import annotations

import inspect
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import SimpleITK as sitk
import yaml
from command_line import HEART, pycemrg
from pycemrg_augment import plugin
from pycemrg_augment.pipelines import Pipeline

from pycemrg_core import load_catalogue
from pycemrg_core.api import Augmentation

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "augment.md").read_text(encoding="utf-8")
README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, source in (("ct", "thorax_ct"), ("seg", "thorax_ct_labels")):
        (tmp_path / f"{name}.nrrd").symlink_to(ROOT / "tests" / "data" / f"{source}.nrrd")
    (tmp_path / "heart.nrrd").symlink_to(HEART)
    (tmp_path / "pipeline.yaml").write_text(blocks(PAGE, "yaml")[0])
    return tmp_path


@pytest.mark.parametrize("record", [*plugin.pycemrg_augmentations()], ids=lambda record: record.name)
def test_each_augmentation_has_its_row_with_all_parameters_and_defaults(record: Augmentation) -> None:
    (row,) = re.findall(rf"^\| `{record.name}` \| (.*?) \|", PAGE, re.MULTILINE)
    parameters = list(inspect.signature(record.function.load()).parameters.values())[2:]
    said = {name: yaml.safe_load(text) for name, text in re.findall(r"`(\w+): ([^`]*)`", row)}
    assert set(re.findall(r"`(\w+)", row)) | {"inside", "limits"} >= {one.name for one in parameters}
    for one in parameters:
        if one.default is not one.empty and one.name in said:
            default = list(one.default) if isinstance(one.default, tuple) else one.default
            assert said[one.name] == default or [said[one.name]] * 2 == default  # a range of one number


FRAMEWORKS = ("torch", "torchio", "monai")


@pytest.mark.slow
def test_the_python_blocks_run(folder: Path) -> None:
    names: dict[str, Any] = {}
    for block in blocks(PAGE, "python"):
        needed = set(re.findall(r"^(?:import|from) (\w+)", block, re.MULTILINE)) & set(FRAMEWORKS)
        if "AugmentedDataset" in block:
            needed.add("torch")
        if all(find_spec(name) for name in needed):
            exec(compile(block, "augment.md", "exec"), names)
    assert len(names["stacks"]) == 4
    assert names["sample"].image.GetSize() == (32, 32, 32)
    exec(compile(blocks(README, "python")[0], "README.md", "exec"), names)
    assert names["made"]["image"].shape == (32, 32, 32)


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_the_python_blocks_of_a_framework_were_run(name: str) -> None:
    pytest.importorskip(name)
    assert f"import {name}\n" in PAGE or f"from {name}." in PAGE


@pytest.mark.slow
def test_the_commands_and_pipelines_run(folder: Path) -> None:
    catalogue = load_catalogue()
    grown = folder / "failures.yaml"
    # The vein stubs of the heart have no wall: the atrium does, once it is grown.
    pycemrg("run", "four_chamber_full", HEART, "-o", "grown")
    Path("heart.nrrd").unlink()
    sitk.WriteImage(sitk.ReadImage("grown/heart.nrrd"), "heart.nrrd")
    grown.write_text(blocks(PAGE, "yaml")[-1])
    assert blocks(README, "yaml") == blocks(PAGE, "yaml")[:1]
    for text in blocks(PAGE, "yaml"):
        Path("any.yaml").write_text(text)
        assert Pipeline.read(Path("any.yaml"), catalogue).steps
    commands = re.findall(r"^    pycemrg (.*)$", PAGE, re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        words = re.sub(r"-n \d+", "-n 2", command).split()
        pycemrg(*words)
    assert len(list((folder / "samples").iterdir())) == 6
    assert len(list((folder / "broken").iterdir())) == 4


@pytest.mark.slow
def test_the_entry_point_imports_nothing_heavy() -> None:
    import subprocess
    import sys

    code = (
        "import sys, pycemrg_augment.plugin as p, pycemrg_augment.commands;"
        " list(p.pycemrg_augmentations()), list(p.pycemrg_commands());"
        " print(sorted({'numpy', 'scipy', 'SimpleITK', 'cattrs', 'yaml'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
