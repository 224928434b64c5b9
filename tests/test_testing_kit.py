"""The kit for plugin authors: a good plugin passes, and one broken in one way fails the one test that is about it.

The plugins are written to a folder, each a copy of the good one with one text replaced, and checked in one run of
pytest in a process of its own.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from functools import partial
from pathlib import Path

import pytest
from attrs import frozen
from kit_broken_plugins import BROKEN
from kit_good_plugin import GOOD

from pycemrg_core import testing

pytestmark = pytest.mark.slow  # pytest in processes of its own

# Leaves the outcome of every test where this file can read it.
CONFTEST = """
import json
from pathlib import Path

def pytest_runtest_logreport(report):
    if report.when == "call" or report.outcome != "passed":
        with Path(__file__).with_name("reports").open("a") as file:
            file.write(json.dumps([report.nodeid, report.outcome, report.longreprtext]) + "\\n")
"""
OWN = {  # what a class needs of its author
    "ReaderConformance": """

    @pytest.fixture
    def source(self, tmp_path):
        from good.readers import example
        return example(tmp_path)"""
}
KITS = sorted({broken.kit for broken in BROKEN.values()})
OTHERS = """
from pathlib import Path
import attrs
import pytest
from pycemrg_core.testing import *
from pycemrg_core.testing import volumes
from pycemrg_core.testing.contract import generic_contract

class Test_installed(PluginConformance):
    plugin = "installed.plugin"

class Test_not_named(PluginConformance):
    plugin = "not_named.plugin"

class Test_other_group(PluginConformance):
    plugin = "other_group.plugin"

class Test_local(PluginConformance):
    plugin = Path(__file__).with_name("local_heart.py")

class Test_yaml(RecipeConformance):
    plugin = Path(__file__).with_name("local_recipes.yaml")

class Test_all(MetricConformance):
    plugin = "good.plugin"

class Test_one(MetricConformance):
    plugin = "good.plugin"
    name = "good.mass"

class Test_along_z(StepConformance):
    plugin = "spacing_of_one_axis_only.plugin"
    depends_on_axes = {"spacing_of_one_axis_only.seal"}

class Test_thick(StepConformance):
    plugin = "wants_a_thick_wall.plugin"

    @pytest.fixture
    def contract(self, record):
        return attrs.evolve(generic_contract(record.contract.load()), thickness_mm=6.0)

class Test_larger(AugmentationConformance):
    plugin = "asks_for_more.plugin"
    parameters = {"asks_for_more.brighten": {"most": 0.2}}

class Test_absent(SchematicConformance):
    plugin = "good.plugin"
    name = "good.seal"

    @pytest.fixture
    def image(self):
        return volumes.oblique_image(volumes.random_cells([1]))

class Test_no_module(StepConformance):
    plugin = "nowhere.plugin"

class Test_no_file(PluginConformance):
    plugin = "nowhere.py"

class Test_misnamed(MetricConformance):
    plugin = "good.plugin"
    name = "good.mas"
"""
YAML = "recipes: {local_valves: {steps: [{recipe: four_chamber_full}]}}"


@frozen
class Report:
    """The outcome of one test of the kit."""

    test: str
    outcome: str
    text: str


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Report]]:
    """What the kit says of a few plugins, by test class."""
    folder = tmp_path_factory.mktemp("plugins")
    for name in ("good", "installed", "not_named", "other_group"):
        write(folder, name, GOOD)
    broken(folder, "spacing of one axis only")
    thick = ("def seal(volume, contract):", "def seal(volume, contract):\n    assert contract.thickness_mm > 5")
    write(folder, "wants_a_thick_wall", {**GOOD, "steps.py": GOOD["steps.py"].replace(*thick)})
    write(folder, "asks_for_more", {**GOOD, "augment.py": GOOD["augment.py"].replace("most=0.1", "most")})
    install(folder, "installed", "[pycemrg.v1]\nheart = installed.plugin\n")
    install(folder, "not_named", "")
    install(folder, "other_group", "[pycemrg.v2]\nheart = other_group.plugin\n")
    (folder / "local_heart.py").write_text(f"import numpy\n{GOOD['plugin.py'].replace('PACKAGE', 'good')}")
    (folder / "local_recipes.yaml").write_text(YAML)
    return run(folder, OTHERS)


@pytest.fixture(scope="module")
def asked(request: pytest.FixtureRequest) -> set[object]:
    """The kits and titles of the cases that are run: in a sample, not all."""
    here = [item for item in request.session.items if item.path == request.path and isinstance(item, pytest.Function)]
    return {value for item in here if hasattr(item, "callspec") for value in item.callspec.params.values()}


@pytest.fixture(scope="module")
def all_reports(asked: set[object], tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Report]]:
    """What the kit says of the good plugin and of each that is broken in one way, by test class."""
    folder = tmp_path_factory.mktemp("plugins")
    write(folder, "good", GOOD)
    lines = ["import pytest\nfrom pycemrg_core.testing import *"]
    lines += [
        f"class Test_good_{kit}({kit}):\n    plugin = 'good.plugin'{OWN.get(kit, '')}" for kit in KITS if kit in asked
    ]
    lines += [
        f"class Test_{name}({kit}):\n    plugin = '{name}.plugin'{OWN.get(kit, '')}"
        for name, kit in map(partial(broken, folder), [title for title in BROKEN if title in asked])
    ]
    return run(folder, "\n\n".join(lines))


def broken(folder: Path, title: str) -> tuple[str, str]:
    """Write a plugin of ``BROKEN``; its name, and the kit that finds what is wrong."""
    broken, name = BROKEN[title], title.replace(" ", "_")
    assert broken.old in GOOD[broken.file], title
    write(folder, name, {**GOOD, broken.file: GOOD[broken.file].replace(broken.old, broken.new)})
    return name, broken.kit


def run(folder: Path, tests: str) -> dict[str, list[Report]]:
    """Run tests with the plugins of a folder; the reports by test class, "" for functions outside of classes."""
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_them.py").write_text(tests)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder), "test_them.py"],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(folder), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    found: dict[str, list[Report]] = defaultdict(list)
    assert (folder / "reports").exists(), done.stdout + done.stderr
    for line in (folder / "reports").read_text().splitlines():
        node, outcome, text = json.loads(line)
        _, *classes, test = node.split("::", 2)
        found["".join(classes)].append(Report(test.partition("[")[0], outcome, text))
    return found


def write(folder: Path, name: str, files: dict[str, str]) -> None:
    (folder / name).mkdir()
    for file, text in files.items():
        (folder / name / file).write_text(text.replace("PACKAGE", name).lstrip())


def install(folder: Path, name: str, entry_points: str) -> None:
    """Write the metadata that an installer writes."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entry_points)
    (info / "top_level.txt").write_text(name)


def failures(reports: list[Report]) -> dict[str, str]:
    """The text of the first failure of each test that failed."""
    found: dict[str, str] = {}
    for report in reports:
        if report.outcome == "failed":
            found.setdefault(report.test, report.text)
    return found


@pytest.mark.parametrize("kit", KITS)
def test_a_good_plugin_passes(all_reports: dict[str, list[Report]], kit: str) -> None:
    found = all_reports[f"Test_good_{kit}"]
    # Not installed, so that its entry point cannot be checked.
    assert {one.test for one in found if one.outcome != "passed"} <= {"test_it_has_an_entry_point"}, found
    assert len(found) >= 5


@pytest.mark.parametrize("title", BROKEN)
def test_a_plugin_broken_in_one_way_fails_one_test(all_reports: dict[str, list[Report]], title: str) -> None:
    broken, name = BROKEN[title], title.replace(" ", "_")
    failed = failures(all_reports[f"Test_{name}"])
    # What is wrong with one image is wrong with further ones too.
    assert {broken.test} <= failed.keys() <= {broken.test, "test_it_treats_all_alike"}, failed
    said = failed[broken.test]
    if "Error" in said.partition(" raised ")[2]:
        # The place in the plugin, which the messages of the table leave out.
        said, places = re.subn(rf" \({broken.file}:\d+, in \w+\)", "", said)
        assert places == 1
    assert broken.message.replace("PACKAGE", name) in said
    assert "\n" not in failed[broken.test]


def test_an_entry_point_is_looked_for(reports: dict[str, list[Report]]) -> None:
    assert {one.outcome for one in reports["Test_installed"]} == {"passed"}
    put = '; put into pyproject.toml: [project.entry-points."pycemrg.v1"] {name} = "{name}.plugin"'
    assert failures(reports["Test_not_named"]) == {
        "test_it_has_an_entry_point": "the entry point of not_named.plugin is not declared"
        + put.format(name="not_named")
    }
    assert failures(reports["Test_other_group"]) == {
        "test_it_has_an_entry_point": "the entry point of other_group.plugin is declared in the group pycemrg.v2"
        + put.format(name="other_group")
    }


def test_a_local_file_may_be_heavy_and_has_no_entry_point(reports: dict[str, list[Report]]) -> None:
    skipped = {one.test for one in reports["Test_local"] if one.outcome == "skipped"}
    assert skipped == {"test_its_module_is_light", "test_it_has_an_entry_point"}
    assert not failures(reports["Test_local"])


def test_a_recipe_in_yaml(reports: dict[str, list[Report]]) -> None:
    assert {one.outcome for one in reports["Test_yaml"]} == {"passed"}
    assert len(reports["Test_yaml"]) == 6


def test_one_contribution_by_name(reports: dict[str, list[Report]]) -> None:
    assert {one.outcome for one in reports["Test_one"]} == {"passed"}
    alone = sum(one.test == "test_it_returns_a_number" for one in reports["Test_one"])
    all_of_them = sum(one.test == "test_it_returns_a_number" for one in reports["Test_all"])
    assert (alone, all_of_them) == (1, 4)
    assert failures(reports["Test_misnamed"]) == {
        "test_there_is_something_to_check": "plugin good.plugin contributes no metric called 'good.mas'; did you mean "
        "'good.mass' or 'good.apart' or 'good.overlap'? (it has good.mass, good.apart, good.overlap, good.error)"
    }


def test_values_of_your_own(reports: dict[str, list[Report]]) -> None:
    for suite in ("Test_thick", "Test_larger"):
        assert {one.outcome for one in reports[suite]} == {"passed"}, suite
    skipped = [one.test for one in reports["Test_along_z"] if one.outcome == "skipped"]
    assert set(skipped) == {"test_it_is_the_same_along_every_axis"}
    assert not failures(reports["Test_along_z"])
    # An image of one's own is the one that is used: this one lacks the gap.
    failed = failures(reports["Test_absent"])
    assert list(failed) == ["test_it_runs"]
    assert "gap (2) is not in the image; needed by good.seal" in failed["test_it_runs"]


def test_a_plugin_that_is_not_there(reports: dict[str, list[Report]]) -> None:
    assert failures(reports["Test_no_module"]) == {
        "test_there_is_something_to_check": "plugin nowhere.plugin does not load: importing 'nowhere.plugin': "
        "ModuleNotFoundError: No module named 'nowhere'; install its package: pip install -e ."
    }
    assert failures(reports["Test_no_file"]) == {
        "test_it_loads": "plugin nowhere.py does not load: nowhere.py: no such plugin file; "
        "give a .py or .yaml file that exists"
    }


DOCUMENT = Path(__file__).parent.parent / "docs" / "testing.md"


def test_the_classes_in_the_document_pass(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    write(tmp_path, "my_heart", GOOD)
    found = run(tmp_path, "\n\n".join(blocks))
    functions = found.pop("")
    assert len({one.test for one in functions}) == 2
    assert not failures(functions)
    assert len(found) == 13
    for suite, reports in found.items():
        assert len({one.test for one in reports}) >= 5, suite
        assert not failures(reports), suite


@pytest.mark.parametrize("kit", KITS)
def test_the_document_lists_every_test_and_attribute(kit: str) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    (section,) = re.findall(rf"^## {kit}\n(.*?)(?=^## )", text, re.DOTALL | re.MULTILINE)
    (row,) = re.findall(rf"^\| `{kit}` \|(.*)$", text, re.MULTILINE)
    found = vars(getattr(testing, kit))
    tests = {name for name in found if name.startswith("test_")}
    assert set(re.findall(r"^\| `(test_\w+)`", section, re.MULTILINE)) == tests
    attributes = {name for name in found if isinstance(found[name], (tuple, dict, float)) and name[0] != "_"}
    assert attributes <= set(re.findall(r"`(\w+)`", row))
