"""What ``pycemrg new-plugin`` writes installs, passes its own tests and appears in the lists."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from command_line import HEART

from pycemrg_core.api.kinds import KINDS

if TYPE_CHECKING:
    from wheelhouse import Environment

pytest_plugins = ("wheelhouse",)


@pytest.mark.parametrize(
    ("name", "parts", "contributed"),
    [
        ("my-heart-steps", (), ["schematic", "recipe", "step", "metric"]),
        ("my-recipes", ("--with", "schematic,recipe"), ["schematic", "recipe"]),
        ("my-all", ("--with", ",".join(kind.part for kind in KINDS)), [kind.word for kind in KINDS]),
        ("my-yaml", ("--yaml",), [kind.word for kind in KINDS if kind.data]),
    ],
)
def test_a_new_plugin_works_as_it_is_written(
    core: Environment, tmp_path: Path, name: str, parts: tuple[str, ...], contributed: list[str]
) -> None:
    before = core.plugins()
    written = core.pycemrg("new-plugin", name, *parts, cwd=tmp_path).stdout
    assert f"next: cd {name} && pip install -e" in written
    core.install("-e", tmp_path / name)
    assert " passed" in core.pytest(cwd=tmp_path / name)

    plugin = core.plugins("--check")[name.replace("-", "_")]
    assert (plugin["distribution"], plugin["state"], plugin["faults"]) == (name, "loaded", [])
    provided = {kind: names for kind, names in plugin["provides"].items() if names}
    assert list(provided) == contributed
    listing = {kind.word: kind.listing.removeprefix("list-") for kind in KINDS}
    lists = core.names(*(listing[word] for word in provided))
    for providers, (contribution,) in zip(lists, provided.values(), strict=True):
        assert providers[contribution] == f"{name} 0.1.0"
    outputs = [option for output in provided.get("output", ()) for option in ("--with", output)]
    core.pycemrg("run", *provided["recipe"], HEART, "-o", "out", *outputs, cwd=tmp_path)
    assert (tmp_path / "out" / "heart.nrrd").is_file()
    assert not outputs or "RV_myo_label," in (tmp_path / "out" / "my_all_volumes.csv").read_text()
    for command in provided.get("command", ()):
        assert core.pycemrg(command, HEART).stdout.split()[:2] == ["label", "voxels"]

    core.uninstall(name)
    assert core.plugins() == before
