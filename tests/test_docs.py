"""What the documents show works: the examples run, the commands and their options exist, every name has its place."""

from __future__ import annotations

import ast
import atexit
import inspect
import json
import re
import shlex
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
import pytest
from click.testing import CliRunner
from fusing_trials import at
from phantom import heart_phantom
from plugin_packages import FakeSite, run_python
from tool_outputs import Outputs, tool_outputs

from pycemrg_core import load_catalogue, read_volume, write_volume
from pycemrg_core.api.kinds import HOOKS
from pycemrg_core.api.records import Augmentation, Command, Metric, Recipe, Schematic, Step
from pycemrg_core.cli import main
from pycemrg_core.images.image_files import write_image
from pycemrg_core.plugins.catalogue import Catalogue
from pycemrg_core.plugins.loading import Policy, discover
from schematics_builtin.demo import heart_file

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", *DOCS.glob("*.md")])
# Pages whose blocks run one after the other, as a reader types them.
GUIDES = (
    "start.md",
    "from-segmentation.md",
    "closed-heart.md",
    "tutorial.md",
    "guides.md",
    "steps.md",
    "commands.md",
    "concepts.md",
    "migrating.md",
    "notebooks.md",
    "troubleshooting.md",
)
REFERENCE = ("api.md", "api-plugins.md", "api-commands.md", "api-testing.md", "api-builtin.md")
WALKED = (*GUIDES, *REFERENCE)
DOORS = ("pycemrg_core", "pycemrg_core.api", "pycemrg_core.cli.kit", "pycemrg_core.testing")
PUBLIC = tuple(
    f"schematics_builtin.{name}"
    for name in ("labels", "certificate", "manifold", "pictures", "readers", "fusing", "demo")
)


class Block(NamedTuple):
    """A fenced block: its language, its ``key="value"`` attributes and its text."""

    language: str
    attributes: dict[str, str]
    text: str


def fences(page: Path) -> list[Block]:
    found = re.findall(r"^```([a-z]+)(.*?)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return [Block(language, dict(re.findall(r'(\w+)="(.*?)"', rest)), text) for language, rest, text in found]


def blocks(page: Path, language: str) -> list[str]:
    return [block.text for block in fences(page) if block.language == language]


def commands(page: Path) -> list[str]:
    indented = re.findall(r"^    (?:.*&& )?(pycemrg .*?)(?: &&.*)?$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return indented + [line for text in blocks(page, "sh") for line in text.splitlines()]


def headings(level: int = 6) -> set[str]:
    """The headings of all pages down to a level, without Markdown's marks."""
    lines = [line for page in PAGES for line in page.read_text(encoding="utf-8").splitlines()]
    return {line.lstrip("# ").replace("`", "") for line in lines if re.match(rf"#{{1,{level}}} ", line)}


@pytest.fixture(scope="module", autouse=True)
def our_plugins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The plugins of this repository are found, whether they are installed or not."""
    site = FakeSite(tmp_path_factory.mktemp("site"))
    with pytest.MonkeyPatch.context() as patch:
        for file in sorted((ROOT / "plugins").glob("*/pyproject.toml")):
            project = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
            if project["name"] not in {found.distribution for found in discover()}:
                site.install(project["name"], version=project["version"], entry_points=entry_points(project))
                (site.folder / f"{project['name'].replace('-', '_')}.py").unlink()  # the package itself is next
                patch.syspath_prepend(file.parent)
        patch.syspath_prepend(site.folder)
        yield


def entry_points(project: dict[str, Any]) -> str:
    """The text of a distribution's ``entry_points.txt``, from its ``pyproject.toml``."""
    lines = [f"{name} = {value}" for name, value in project["entry-points"]["pycemrg.v1"].items()]
    return "\n".join(["[pycemrg.v1]", *lines, ""])


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue(Policy(allow=frozenset()))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working folder; modules imported from it are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


def run_block(block: Block, namespace: dict[str, Any], page: str) -> str:
    """Write, execute or call one block; what its commands print."""
    if "title" in block.attributes and block.language in ("python", "yaml", "toml"):
        Path(block.attributes["title"]).parent.mkdir(parents=True, exist_ok=True)
        Path(block.attributes["title"]).write_text(block.text, encoding="utf-8")
    elif block.language == "python":
        exec(compile(block.text, page, "exec"), namespace)
    elif block.language == "sh":
        code = 1 if block.attributes.get("title") == "refused" else 0
        return "".join(call(line, code) for line in block.text.splitlines())
    return ""


def call(line: str, code: int) -> str:
    program, *words = shlex.split(line, comments=True)
    assert program == "pycemrg", line
    if words[0] == "demo" and not Path(written := words[2] if words[1:2] == ["-o"] else "pycemrg_demo").exists():
        kept, printed = demo_once(written, *words)
        shutil.copytree(kept, written)
        return printed
    return invoked(words, code)


def invoked(words: list[str], code: int) -> str:
    result = CliRunner().invoke(main, words)
    assert result.exit_code == code, f"{words}\n{result.output}\n{result.exception!r}"
    return result.output


@cache
def demo_once(written: str, *words: str) -> tuple[Path, str]:
    """A copy of what ``pycemrg demo`` writes, and what it prints: on every page the same, and half of their time."""
    kept = Path(tempfile.mkdtemp(), "demo")
    atexit.register(shutil.rmtree, kept.parent)
    printed = invoked([*words], 0)
    shutil.move(written, kept)
    return kept, printed


def squeezed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines())


TASKS = {  # the classes of two tasks of TotalSegmentator, by their integers
    "heartchambers": {
        1: "heart_myocardium",
        2: "heart_atrium_left",
        3: "heart_ventricle_left",
        4: "heart_atrium_right",
        5: "heart_ventricle_right",
        6: "aorta",
        7: "pulmonary_artery",
    },
    "total": {
        51: "heart",
        52: "aorta",
        53: "pulmonary_vein",
        61: "atrial_appendage_left",
        62: "superior_vena_cava",
        63: "inferior_vena_cava",
    },
}


@cache
def of_tools() -> Outputs:
    """What segmentation tools make of the demo's heart."""
    return tool_outputs(at(read_volume(heart_file())[0], 1.5), 2, spacing=2.0)


def segmented(folder: Path) -> None:
    """What a segmentation tool writes of the demo's heart, for the page that begins with it."""
    made = of_tools()
    write_volume(made.chambers, folder / "heartchambers.nii.gz")
    write_volume(made.total, folder / "total.nii.gz")
    for name, volume in (("heartchambers", made.chambers), ("total", made.total)):
        (folder / name).mkdir()
        for value, mask in TASKS[name].items():
            array = (volume.array == value).astype(np.uint8)
            write_volume(volume.with_array(array), folder / name / f"{mask}.nii.gz")
    (folder / "nnunet").mkdir()
    write_volume(made.chambers, folder / "nnunet" / "case_001.nii.gz")
    names = (
        "background, myocardium, left atrium, left ventricle, right atrium, right ventricle, aorta, pulmonary artery"
    )
    table = {"labels": {name: value for value, name in enumerate(names.split(", "))}, "file_ending": ".nii.gz"}
    (folder / "nnunet" / "dataset.json").write_text(json.dumps(table), encoding="utf-8")


# What the reader of a page has already.
PREPARED = {"from-segmentation.md": segmented}


def walk(page: Path) -> None:
    """Run all blocks of a page in order; "output" must be part of what the last commands printed,
    and commands that are "refused" must exit with 1.
    """
    namespace: dict[str, Any] = {}
    printed = ""
    for block in fences(page):
        if block.attributes.get("title") == "output":
            assert squeezed(block.text) in squeezed(printed), f"{page.name}\n{block.text}\nis not in\n{printed}"
        else:
            printed = run_block(block, namespace, page.name)


@pytest.mark.slow
@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("name", WALKED)
def test_a_page_works_as_it_is_typed(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    PREPARED.get(name, lambda _folder: None)(folder)
    walk(DOCS / name)


def test_no_page_with_commands_to_type_is_left_out() -> None:
    assert {page.name for page in DOCS.glob("*.md") if blocks(page, "sh")} <= set(WALKED)


@pytest.mark.heavy
@pytest.mark.usefixtures("terminal")
def test_the_package_of_the_tutorial_is_one(folder: Path) -> None:
    """Its tests pass, and once its metadata is installed its recipe is there without ``--plugin``."""
    walk(DOCS / "tutorial.md")
    package = folder / "fibrous-heart"
    project = tomllib.loads((package / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    site = FakeSite(package)
    site.install(project["name"], version=project["version"], entry_points=entry_points(project))
    (package / "fibrous_heart.py").unlink()  # the module that a fake distribution has; this one is a package
    tested = run_python("import pytest; raise SystemExit(pytest.main(['-q']))", path=[package], cwd=package)
    assert tested.returncode == 0, tested.stdout
    run = "from pycemrg_core.cli import main; main()"
    grown = run_python(
        run, "run", "heart_with_curtain", "../my_heart.nrrd", "-o", "../packaged", path=[package], cwd=package
    )
    assert grown.returncode == 0, grown.stderr
    same = [Path(name, "heart.nrrd").read_bytes() for name in ("curtain", "packaged")]
    assert same[0] == same[1]


@pytest.mark.slow
def test_a_page_that_is_wrong_is_found_out(folder: Path) -> None:
    page = folder / "wrong.md"
    page.write_text(
        '```sh\npycemrg list-recipes\n```\n\n```text title="output"\nno_such_recipe\n```\n', encoding="utf-8"
    )
    with pytest.raises(AssertionError, match="no_such_recipe"):
        walk(page)
    page.write_text("```sh\npycemrg describe no_such_recipe\n```\n", encoding="utf-8")
    with pytest.raises(AssertionError, match="called 'no_such_recipe'"):
        walk(page)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_options_exist(page: Path) -> None:
    for line in commands(page):
        words = shlex.split(line, comments=True)[1:]
        context = click.Context(main)
        command: click.Command | None = main
        while isinstance(command, click.Group) and words and not words[0].startswith("-"):
            command = command.get_command(context, words.pop(0))
        assert command is not None, line
        known = {option for parameter in command.params for option in parameter.opts} | {"--help", "--version"}
        assert {word for word in words if re.match(r"--?[a-z]", word)} <= known, line


def test_every_command_has_a_place_in_the_documents() -> None:
    shown = " ".join(page.read_text(encoding="utf-8") for page in PAGES)
    for name in main.list_commands(click.Context(main)):
        assert f"pycemrg {name}" in shown, name


def test_everything_in_the_catalogue_has_its_heading() -> None:
    """Of all plugins that are installed, so that a new one is not forgotten."""
    everything = load_catalogue(Policy.from_environment({}))
    kinds = (Schematic, Recipe, Step)
    ours = {c.name for kind in kinds for c in everything.all(kind) if c.provider.distribution.startswith("pycemrg")}
    found = headings()
    assert ours - found == set()
    called = {c.name for c in everything.all(Command) if c.provider.distribution.startswith("pycemrg")}
    called |= set(main.list_commands(click.Context(main)))
    assert {name for name in called if not {name, f"pycemrg {name}"} & found} == set()
    assert HOOKS.keys() - found == set()
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    measured = {c.name for kind in (Metric, Augmentation) for c in everything.all(kind)}
    assert {name for name in measured if f"`{name}`" not in text} == set()


def reference_text() -> str:
    return "".join((DOCS / page).read_text(encoding="utf-8") for page in REFERENCE)


@pytest.mark.parametrize("door", [*DOORS, *PUBLIC])
def test_every_name_behind_a_door_is_in_the_reference(door: str) -> None:
    """Once, under the door's own name or, for the few that are behind two, under that of the other one."""
    entries = re.findall(r"^::: ([\w.]+)$", reference_text(), re.MULTILINE)
    assert len(entries) == len(set(entries))
    doors = [door] if door in PUBLIC else list(DOORS)
    for name in import_module(door).__all__:
        assert [entry for entry in entries if entry in [f"{one}.{name}" for one in doors]], f"{door}.{name}"


def test_the_reference_has_nothing_else() -> None:
    for entry in re.findall(r"^::: ([\w.]+)$", reference_text(), re.MULTILINE):
        door, _, name = entry.rpartition(".")
        assert door in (*DOORS, *PUBLIC), entry
        assert name in (*import_module(door).__all__, "door"), entry


@pytest.mark.parametrize("door", [*DOORS, *PUBLIC])
def test_what_people_call_has_an_example_that_runs(door: str) -> None:
    """Every function is used in a block of the reference, all of which are run."""
    code = "".join(block.text for page in REFERENCE for block in fences(DOCS / page) if block.language == "python")
    used = {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}
    names = import_module(door).__all__
    functions = {name for name in names if inspect.isfunction(getattr(import_module(door), name))}
    assert functions - used == set()


@cache
def described_constants(door: str) -> str:
    """The assignments with a docstring below them, in the modules that a door shows."""
    found = []
    tree = ast.parse(Path(str(import_module(door).__file__)).read_text(encoding="utf-8"))
    for home in {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}:
        body = ast.parse(inspect.getsource(import_module(home))).body
        for one, after in pairwise(body):
            if isinstance(one, ast.Assign) and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                found.append(ast.unparse(one))
    return "\n".join(found)


@pytest.mark.slow
@pytest.mark.parametrize("door", [*DOORS, *PUBLIC])
def test_everything_behind_a_door_says_what_it_is(door: str) -> None:
    for name in import_module(door).__all__:
        found = getattr(import_module(door), name)
        if inspect.isclass(found) or inspect.isfunction(found):
            assert len(inspect.getdoc(found) or "") > 15, name
        elif not isinstance(found, click.Command):
            assert f"{name} = " in described_constants(door), f"{door}.{name}"


WORDS = """
    application step, blueprint, catalogue, cell, certificate, check, component, conflict, contract, contribution, door,
    edit, finding, heart, hook, island, kind, label, label map, label scheme, label type, label volume, lumen, mask,
    metric, output, plan, plane, plugin, policy, provider, recipe, record, reference, region, ring, role, run record,
    schematic, semantic map, snapshot, step, step kind, structure, valve, verdict, voxel, wall, zone
"""


def test_the_glossary_has_each_word_once() -> None:
    found = re.findall(r"^\| \*\*(.+?)\*\* \|", (DOCS / "glossary.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert found == sorted(set(found), key=str.lower)
    assert set(" ".join(WORDS.split()).split(", ")) <= set(found)


def table_rows(page: str) -> Iterator[list[str]]:
    for line in (DOCS / page).read_text(encoding="utf-8").splitlines():
        if line.startswith("| ["):
            yield [re.sub(r"[`\[\]]|\(.*?\)", "", cell).strip() for cell in line.strip("|").split("|")]


def test_the_table_of_schematics_is_the_catalogue(catalogue: Catalogue) -> None:
    shown = {name: rest for name, *rest in table_rows("schematics.md")}
    assert shown.keys() == {c.name for c in catalogue.all(Schematic) if c.provider.name == "builtin"}
    for name, cells in shown.items():
        schematic = catalogue.get(Schematic, name)
        labels = {**schematic.labels}
        of = {key: value for key, value in schematic.semantic_map.items() if isinstance(value, str)}
        *sources, target, thickness, application = cells
        named = {label for cell in [*sources, target] for label in re.findall(r"(\w+) (\d+)", cell)}
        expected = {(value.removesuffix("_label"), str(labels[value])) for value in of.values() if value in labels}
        assert named == expected, name
        # Of the parameters, the text says that all walls have this one.
        own = {name: number for name, number in schematic.parameters.items() if name != "walls_from_surface"}
        parameters = [f"{parameter} {number:g}" for parameter, number in own.items()]
        assert thickness == ", ".join(parameters), name
        rules = [
            " ".join([rule["MODE"], ", ".join(label.removesuffix("_label") for label in rule["RULE_LABEL_NAMES"])])
            for rule in schematic.semantic_map.get("APPLICATION_STEPS", [])
        ]
        assert application == "; ".join(rule.strip() for rule in rules), name


def test_the_recipes_are_the_catalogue(catalogue: Catalogue) -> None:
    text = (DOCS / "recipes.md").read_text(encoding="utf-8")
    for contribution in catalogue.all(Recipe):
        section = re.split(r"^#+ ", text.partition(f"### {contribution.name}\n")[2], flags=re.MULTILINE)[0]
        listed = re.findall(r"^\d+\. \[?`(\w+)`", section, re.MULTILINE)
        recipe = catalogue.get(Recipe, contribution.name)
        assert listed == [step.schematic or step.recipe for step in recipe.steps], contribution.name


def run_with_plugin(folder: Path, name: str, text: str, recipe: str) -> None:
    heart, plugin = folder / "heart.nrrd", folder / name
    write_image(heart_phantom(96), heart)
    plugin.write_text(text, encoding="utf-8")
    call(f"pycemrg run {recipe} {heart} -o {folder / 'out'} --plugin {plugin} --no-check", 0)
    assert (folder / "out" / "heart.nrrd").exists()


def test_the_plugin_in_the_readme_runs(folder: Path) -> None:
    (text,) = (block for block in blocks(ROOT / "README.md", "python") if block.startswith("# my_heart.py"))
    run_with_plugin(folder, "readme_heart.py", text, "my_heart")


def test_the_yaml_plugin_runs(folder: Path) -> None:
    (text,) = blocks(DOCS / "plugins.md", "yaml")
    run_with_plugin(folder, "my_recipes.yaml", text, "my_heart")


def test_the_step_kind_runs(folder: Path) -> None:
    (text,) = (block for block in blocks(DOCS / "plugins.md", "python") if block.startswith("# sealing.py"))
    recipe = (
        "from pycemrg_core import Recipe, include\n\n\n@hookimpl\ndef pycemrg_recipes():\n"
        "    yield Recipe(name='sealed', steps=(include('four_chamber_full'), 'seal_mitral_valve'))\n"
    )
    run_with_plugin(folder, "sealing.py", text + recipe, "sealed")


def test_the_cleaning_recipe_runs(folder: Path) -> None:
    (text,) = blocks(DOCS / "labels.md", "yaml")
    run_with_plugin(folder, "tidy.yaml", text, "tidy_heart")


def test_the_python_in_the_readme_runs(folder: Path) -> None:
    write_image(heart_phantom(96), folder / "my_heart.nrrd")
    (text,) = (block for block in blocks(ROOT / "README.md", "python") if "load_catalogue" in block)
    namespace: dict[str, Any] = {}
    exec(compile(text, "README.md", "exec"), namespace)
    assert "LA_WT" in namespace["result"].record.parameters
