"""What ``pycemrg new-plugin`` writes installs, passes its own tests and appears in the lists."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from command_line import HEART

if TYPE_CHECKING:
    from wheelhouse import Environment

pytest_plugins = ("wheelhouse",)


@pytest.fixture(scope="module")
def environment(make_environment: Callable[..., Environment]) -> Environment:
    return make_environment("pycemrg-core")


@pytest.mark.parametrize(
    ("name", "parts", "contributed"),
    [
        ("my-heart-steps", (), ["schematic", "recipe", "step", "metric"]),
        ("my-recipes", ("--with", "schematic,recipe"), ["schematic", "recipe"]),
    ],
)
def test_a_new_plugin_works_as_it_is_written(
    environment: Environment, tmp_path: Path, name: str, parts: tuple[str, ...], contributed: list[str]
) -> None:
    before = environment.plugins()
    written = environment.pycemrg("new-plugin", name, *parts, cwd=tmp_path).stdout
    assert f"next: cd {name} && pip install -e" in written
    environment.install("-e", tmp_path / name)
    assert " passed" in environment.python("-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=tmp_path / name)

    plugin = environment.plugins("--check")[name.replace("-", "_")]
    assert (plugin["distribution"], plugin["state"], plugin["faults"]) == (name, "loaded", [])
    provided = {kind: names for kind, names in plugin["provides"].items() if names}
    assert list(provided) == contributed
    for kind, (contribution,) in provided.items():
        assert environment.names(f"{kind}s")[contribution] == f"{name} 0.1.0"
    environment.pycemrg("run", *provided["recipe"], HEART, "-o", "out", cwd=tmp_path)
    assert (tmp_path / "out" / "heart.nrrd").is_file()

    environment.uninstall(name)
    assert environment.plugins() == before
