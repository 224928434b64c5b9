"""The page and the README: every metric is named, every option exists, the Python runs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
import SimpleITK as sitk
from command_line import HEART
from pycemrg_metrics import plugin
from pycemrg_metrics.commands.compare import compare
from pycemrg_metrics.commands.measure import measure

FOLDER = Path(__file__).resolve().parents[1]
DOCS, README = FOLDER.parents[1] / "docs" / "metrics.md", FOLDER / "README.md"
COMMANDS = {"compare": compare, "measure": measure}


@pytest.mark.parametrize("page", [DOCS, README], ids=lambda page: page.name)
def test_every_metric_is_named(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for metric in plugin.pycemrg_metrics():
        assert f"`{metric.name}`" in text, metric.name
        for name, value in metric.parameters.items():
            assert page == README or f"`{name}={value:g}`" in text


def test_units_are_those_of_the_records() -> None:
    rows = re.findall(r"^\| (`.*?`) \| (.*?) ?\| ", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    units = {name: unit for names, unit in rows for name in re.findall(r"`(\w+)`", names)}
    for metric in plugin.pycemrg_metrics():
        assert units[metric.name] == metric.unit, metric.name


@pytest.mark.parametrize("page", [DOCS, README], ids=lambda page: page.name)
def test_commands_parse(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    lines = re.findall(r"^    pycemrg (compare|measure) (.*)$", text, re.MULTILINE)
    assert {name for name, _ in lines} == set(COMMANDS)
    for name, rest in lines:
        COMMANDS[name].make_context(name, shlex.split(rest))


def test_the_page_has_every_command_and_option() -> None:
    text = DOCS.read_text(encoding="utf-8")
    for record in plugin.pycemrg_commands():
        command = record.command.load()
        assert f"### pycemrg {record.name}\n" in text
        assert command.get_short_help_str() == record.summary
        for parameter in command.params:
            if isinstance(parameter, click.Option) and parameter.name not in (
                "no_plugins",
                "local",
                "project",
                "traceback",
            ):
                assert any(f"`{option}" in text for option in parameter.opts if option.startswith("--")), parameter.opts


@pytest.mark.slow
@pytest.mark.parametrize("page", [DOCS, README], ids=lambda page: page.name)
def test_the_python_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heart = sitk.ReadImage(str(HEART))
    sitk.WriteImage(heart, str(tmp_path / "truth.nrrd"))
    moved = sitk.GetImageFromArray(np.roll(sitk.GetArrayFromImage(heart), 1, axis=0))
    moved.CopyInformation(heart)
    sitk.WriteImage(moved, str(tmp_path / "mine.nrrd"))
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(block, page.name, "exec"), namespace)
    assert 0.5 < namespace["table"].means["dice"].value < 1
    if page == DOCS:
        assert len(namespace["points"]) == 10
        assert namespace["outside"] == 0
        assert namespace["walls"].rows[0].values["wall_thickness_p5"] > 2
