"""The page and the README: every option exists and is named, commands parse, and the scripts run."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import click
import pytest
from cohort_lab import FEW_IMPORTS, dask_here, done, hearts
from pycemrg_cohort import plugin
from pycemrg_cohort.commands import cohort

FOLDER = Path(__file__).resolve().parents[1]
DOCS, README = FOLDER.parents[1] / "docs" / "cohort.md", FOLDER / "README.md"
NAMES = ("run", "plan")


def command(name: str) -> click.Command:
    found = cohort.get_command(click.Context(cohort), name)
    assert found is not None
    return found


def script(start: str) -> str:
    """The Python block of the page that begins with this."""
    blocks = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    (found,) = (block for block in blocks if block.startswith(start))
    return str(found)


@pytest.mark.parametrize("page", [DOCS, README], ids=lambda page: page.name)
def test_commands_parse(page: Path) -> None:
    lines = re.findall(r"pycemrg cohort (run|plan) (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    parsed = {name for name, rest in lines if "`" not in rest and command(name).make_context(name, shlex.split(rest))}
    assert parsed == set(NAMES)


def test_the_page_has_every_command_and_option() -> None:
    text = DOCS.read_text(encoding="utf-8")
    assert {record.name for record in plugin.pycemrg_commands()} == {"cohort"}
    for name in NAMES:
        assert f"### pycemrg cohort {name}\n" in text
        for parameter in command(name).params:
            if isinstance(parameter, click.Option) and parameter.name not in (
                "no_plugins",
                "local",
                "project",
                "traceback",
            ):
                assert any(f"`{option}" in text for option in parameter.opts if option.startswith("--")), parameter.opts


_SBATCH = """#!/bin/sh
cp "$1" "{folder}/job-$$.sh"
setsid sh "{folder}/job-$$.sh" > "{folder}/job-$$.log" 2>&1 &
echo $! >> "{folder}/pids"
echo "Submitted batch job $!"
"""
_SCANCEL = """#!/bin/sh
for job in "$@"; do kill -9 -- "-$job"; done
"""


@pytest.fixture
def slurm(tmp_path: Path) -> Iterator[Path]:
    """Commands that start a job on this machine as Slurm's do on another; none outlives the test."""
    folder = tmp_path / "slurm"
    folder.mkdir()
    for name, text in (("sbatch", _SBATCH), ("scancel", _SCANCEL)):
        (folder / name).write_text(text.format(folder=folder), encoding="utf-8")
        (folder / name).chmod(0o755)
    yield folder
    started = folder / "pids"
    for pid in started.read_text(encoding="utf-8").split() if started.exists() else ():
        with suppress(ProcessLookupError):
            os.killpg(int(pid), signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs setsid")
def test_the_script_for_slurm(tmp_path: Path, slurm: Path) -> None:
    pytest.importorskip("dask_jobqueue")
    folder = hearts(tmp_path / "in", 2, size=48)
    finished = subprocess.run(
        [sys.executable, "-c", script("# on_slurm.py"), "four_chamber_full", folder, "-o", tmp_path / "out"],
        env={**os.environ, **dict([FEW_IMPORTS]), "PATH": f"{slurm}{os.pathsep}{os.environ['PATH']}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "2 cases, 2 done, 0 failed" in finished.stdout
    assert done(tmp_path / "out") == {"h00", "h01"}


@pytest.mark.slow
def test_the_script_for_kubernetes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator's part is played by a cluster of this machine; the specification is the real one."""
    operator = pytest.importorskip("dask_kubernetes.operator")
    asked: list[dict[str, Any]] = []

    @contextmanager
    def here(custom_cluster_spec: dict[str, Any]) -> Iterator[Any]:
        asked.append(custom_cluster_spec)
        with dask_here(workers=1) as cluster:
            yield cluster

    monkeypatch.setattr(operator, "KubeCluster", here)
    folder, root = hearts(tmp_path / "in", 1, size=48), tmp_path / "out"
    monkeypatch.setattr(sys, "argv", ["on_kubernetes.py", "four_chamber_full", str(folder), "-o", str(root)])
    with pytest.raises(SystemExit) as ended:
        exec(compile(script("# on_kubernetes.py"), "on_kubernetes.py", "exec"), {})
    assert ended.value.code == 0
    assert done(root) == {"h00"}
    (spec,) = asked
    pod = spec["spec"]["worker"]["spec"]
    assert pod["containers"][0]["volumeMounts"][0]["name"] == pod["volumes"][0]["name"]
    assert pod["containers"][0]["args"][:3] == ["dask-worker", "--nthreads", "1"]
