"""A local plugin may have modules beside it: it finds them, nobody else does, and they shadow nothing."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from plugin_packages import FakeSite, fake_site, run_python

from pycemrg_core.api.records import Step
from pycemrg_core.errors import PluginError
from pycemrg_core.plugins.loading import Policy, State, local_plugin

HEART = """
import json
from attrs import frozen
from pycemrg_core.api import Label, Ref, Step, hookimpl, reads
from {name}_helper import SUMMARY
import {name}_parts.inner

assert json.dumps([1]) == "[1]"

@hookimpl
def pycemrg_steps():
    yield Step(name="{name}_step", summary=SUMMARY, run=Ref("{name}_steps:run"), contract=Ref("{name}:Contract"))

@frozen(kw_only=True)
class Contract:
    source: Label = reads("SOURCE")
"""
STEPS = """
def run(volume, contract):
    from {name}_late import answer
    return answer()
"""
FILES = {
    "{name}.py": HEART,
    "{name}_steps.py": STEPS,
    "{name}_helper.py": "from {name}_deeper import SUMMARY",
    "{name}_deeper.py": "SUMMARY = 'from far down'",
    "{name}_late.py": "def answer():\n    return 42",
    "{name}_parts/__init__.py": "",
    "{name}_parts/inner.py": "import {name}_helper",
    "json.py": "raise RuntimeError('shadows the standard library')",
    "attrs.py": "raise RuntimeError('shadows what is installed')",
    "unrelated.py": "",
}


def folder_of(place: Path, name: str) -> Path:
    """A folder with a local plugin and its neighbours; returns the plugin's file."""
    for file, text in FILES.items():
        path = place / file.format(name=name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("{name}", name), encoding="utf-8")
    return place / f"{name}.py"


@pytest.fixture
def site(tmp_path: Path) -> object:
    before = list(sys.meta_path)
    with fake_site(tmp_path) as site:
        yield site
    sys.meta_path[:] = before


def test_a_local_plugin_imports_its_neighbours(site: FakeSite, tmp_path: Path) -> None:
    path = list(sys.path)
    catalogue = site.catalogue(local=[folder_of(tmp_path / "mine", "beside_one")])
    (plugin,) = catalogue.plugins
    assert (plugin.state, plugin.reason) == (State.LOADED, "")
    step = catalogue.get(Step, "beside_one_step")
    assert step.summary == "from far down"
    # What a Ref names, and what it imports when it runs.
    assert step.run.load()(None, None) == 42
    assert sys.path == path


def test_nobody_else_finds_them(site: FakeSite, tmp_path: Path) -> None:
    site.catalogue(local=[folder_of(tmp_path / "mine", "beside_two")])
    with pytest.raises(ModuleNotFoundError):
        import unrelated  # noqa: F401
    assert "unrelated" not in sys.modules
    site.install("nosy", "import beside_two_late")
    (nosy,) = site.catalogue().plugins
    assert "No module named 'beside_two_late'" in nosy.reason


def test_two_plugins_with_a_neighbour_of_one_name(site: FakeSite, tmp_path: Path) -> None:
    first = folder_of(tmp_path / "a", "beside_three")
    second = folder_of(tmp_path / "b", "beside_four")
    assert {plugin.state for plugin in site.catalogue(local=[first, second]).plugins} == {State.LOADED}
    # json.py and unrelated.py are beside both, and neither uses them. A helper is another matter.
    third = tmp_path / "c" / "beside_five.py"
    third.parent.mkdir()
    third.write_text("def late():\n    import beside_three_helper\n")
    (third.parent / "beside_three_helper.py").write_text("")
    failed = {plugin.found.name: plugin.reason for plugin in site.catalogue(local=[first, third]).failures()}
    assert failed == {
        "beside_five": f"{third}: beside_three_helper.py is also next to a plugin in {first.parent}; "
        "rename one of the two"
    }


def test_two_plugins_of_one_folder_share_their_neighbours(site: FakeSite, tmp_path: Path) -> None:
    first = folder_of(tmp_path, "beside_six")
    second = tmp_path / "beside_seven.py"
    second.write_text(HEART.replace("{name}", "beside_six").replace('beside_six_step"', 'other"'))
    catalogue = site.catalogue(local=[first, second])
    assert [plugin.reason for plugin in catalogue.plugins] == ["", ""]


def test_the_version_is_of_all_that_it_uses(tmp_path: Path) -> None:
    path = folder_of(tmp_path, "beside_eight")
    version = local_plugin(path).version
    (tmp_path / "unrelated.py").write_text("changed = 1")
    assert local_plugin(path).version == version
    for neighbour in ("beside_eight_deeper.py", "beside_eight_parts/inner.py"):
        (tmp_path / neighbour).write_text((tmp_path / neighbour).read_text() + "\n# changed")
        assert local_plugin(path).version != version
        version = local_plugin(path).version


def test_a_neighbour_that_fails_is_the_plugins_fault(site: FakeSite, tmp_path: Path) -> None:
    path = folder_of(tmp_path, "beside_nine")
    (tmp_path / "beside_nine_deeper.py").write_text("SUMMARY = [][1]")
    (plugin,) = site.catalogue(local=[path]).plugins
    assert plugin.reason == (
        f"importing '{path}': IndexError: list index out of range (beside_nine_deeper.py:1, in <module>)"
    )
    with pytest.raises(PluginError):
        site.catalogue(Policy(strict=True), local=[path])


@pytest.mark.slow
def test_on_the_command_line_from_another_folder(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "mine", "beside_ten")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = run_python(
        "from pycemrg_core.cli import main; main()", "list-steps", "--json", "--plugin", str(path), cwd=elsewhere
    )
    assert done.stderr == ""
    assert "from far down" in {entry["summary"] for entry in json.loads(done.stdout)}
