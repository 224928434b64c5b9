"""The house keeps its plan: directions, doors, light modules, libraries, words. The rules are in ``architecture``."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from pathlib import Path
from textwrap import dedent

import click
import pytest
from architecture import (
    DOORS,
    Module,
    anatomy,
    beside_doors,
    cycles,
    directions,
    heavy_imports,
    importing_by_name,
    mentions,
    modules_in,
    private_names,
    reading_text,
    relative_imports,
    through_doors_inside,
    undeclared,
    users,
    words_of,
)

from pycemrg_core.api.kinds import HOOKS, KINDS
from pycemrg_core.cli import main
from pycemrg_core.cli.scaffold import write_package

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "plugins").rglob("README.md")])


# A name is behind one door. Behind the first two are those that a script and a plugin have in hand alike: errors,
# which both raise or catch, label volumes, what reads and writes them, and records that a script hands over itself.
IN_BOTH = {
    *("LabelScheme", "LabelTable", "LabelVolume", "Recipe", "RecipeStep", "Schematic", "include"),
    *("read_heart", "read_image", "read_labels", "read_segmentation", "read_volume", "write_image", "write_volume"),
}

IMPORTED_AS = {
    "pyyaml": "yaml",
    "pillow": "PIL",
    "scikit-image": "skimage",
    "vtk": "vtkmodules",
    "beautifulsoup4": "bs4",
}


@cache
def core() -> tuple[Module, ...]:
    return tuple(modules_in(ROOT / "pycemrg_core", ROOT))


@cache
def builtin() -> tuple[Module, ...]:
    return tuple(modules_in(ROOT / "schematics_builtin", ROOT))


@cache
def distributions() -> list[Path]:
    """The folders of our plugins and of the examples."""
    return sorted(file.parent for file in (ROOT / "plugins").glob("*/pyproject.toml")) + sorted(
        file.parent for file in (ROOT / "plugins" / "examples").glob("*/pyproject.toml")
    )


@cache
def project(folder: Path) -> dict[str, object]:
    found: dict[str, object] = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return found


@cache
def plugins() -> tuple[Module, ...]:
    """The modules of all our plugins and examples, their tests too."""
    return tuple(module for folder in distributions() for module in modules_in(folder, folder))


@cache
def homes(door: str) -> dict[str, str]:
    """The names behind a door or public module and the module that each is in, as type checkers see it."""
    (module,) = (one for one in (*core(), *builtin()) if one.name == door)
    return {one.name: one.module for one in module.imports if one.for_types}


@cache
def offers() -> dict[str, set[str]]:
    extra = {"pycemrg_core": {"__version__"}, "pycemrg_core.api": {"door"}}  # defined or used in the door itself
    return {door: {*homes(door), *extra.get(door, ())} for door in DOORS}


@cache
def public() -> dict[str, set[str]]:
    """The public module of each built-in plugin and its names."""
    return {one.name: set(homes(one.name)) for one in builtin() if one.name.count(".") == 1}


def module(source: str, name: str = "pycemrg_core.images.x") -> Module:
    return Module(name, dedent(source))


# Directions


def test_imports_inside_the_core_point_one_way() -> None:
    assert set(directions(core())) == set()
    assert set(cycles(core())) == set()
    assert set(through_doors_inside(core())) == set()
    assert set(relative_imports((*core(), *builtin(), *plugins()))) == set()


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("pycemrg_core.images.x", "from pycemrg_core.runs import replay"),
        ("pycemrg_core.images.x", "def f():\n    import pycemrg_core.cli.kit"),
        ("pycemrg_core.api.x", "if TYPE_CHECKING:\n    from pycemrg_core.plugins.catalogue import Catalogue"),
        ("pycemrg_core.errors", "from pycemrg_core.api.records import Recipe"),
        ("pycemrg_core.somewhere.x", "pass"),
    ],
)
def test_a_wrong_direction_is_found(name: str, source: str) -> None:
    assert len([*directions([module(source, name)])]) == 1


def test_a_right_direction_is_none() -> None:
    right = module("from pycemrg_core.api.records import Recipe\nfrom pycemrg_core import __version__")
    assert [*directions([right])] == []


def test_a_ring_of_imports_is_found() -> None:
    ring = {"a": "from p.b import f", "b": "def g():\n    import p.c", "c": "from p import a", "d": "from p.a import f"}
    found = [*cycles([module(source, f"p.{name}") for name, source in ring.items()])]
    assert found == ["p.a > p.b > p.c > p.a"]


def test_a_door_used_from_inside_is_found() -> None:
    modules = [module("from pycemrg_core.api import Recipe, records"), module("", "pycemrg_core.api.records")]
    (found,) = through_doors_inside(modules)
    assert "pycemrg_core.api.Recipe" in found


def test_a_relative_import_is_found() -> None:
    assert [*relative_imports([module("from . import y\nfrom ..api import z")])] != []


# Doors


def test_plugins_use_the_doors_only() -> None:
    assert set(beside_doors((*builtin(), *plugins()), offers(), public())) == set()


def test_what_new_plugin_writes_uses_the_doors_only(tmp_path: Path) -> None:
    write_package(tmp_path, "my-heart", KINDS)
    modules = modules_in(tmp_path / "my-heart", tmp_path / "my-heart")
    assert len(modules) > 3
    assert set(beside_doors(modules, offers(), public())) == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_pages_use_the_doors_only(page: Path) -> None:
    found = re.findall(r"^```python.*?\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    modules = [Module(f"{page.name}[{number}]", dedent(text)) for number, text in enumerate(found)]
    assert set(beside_doors(modules, offers(), public())) == set()


_SHOWN = r"^[ >.]*((?:from|import) (?:pycemrg_core|schematics_builtin)[\w., ]*)$"


def test_examples_in_docstrings_use_the_doors_only() -> None:
    found = []
    for one in (*core(), *builtin(), *plugins()):
        for node in one.nodes:
            if (
                isinstance(node, ast.Expr)
                and isinstance(node.value, ast.Constant)
                and isinstance(node.value.value, str)
            ):
                lines = re.findall(_SHOWN, node.value.value, re.MULTILINE)
                found += [Module(f"{one.name}:{node.lineno}", line) for line in lines if "import" in line]
    assert len(found) > 5
    assert set(beside_doors(found, offers(), public())) == set()


@pytest.mark.parametrize(
    "source",
    [
        "from pycemrg_core.images.label_volume import LabelVolume",
        "import pycemrg_core.images.label_volume",
        "from pycemrg_core.images import label_volume",
        "def f():\n    from pycemrg_core.api.records import Recipe",
        "if TYPE_CHECKING:\n    from pycemrg_core.plugins.catalogue import Catalogue",
        "from pycemrg_core.api import records",
        "from pycemrg_core import images",
        "from schematics_builtin.labels.measuring import measure",
        "from schematics_builtin.labels import measuring",
        "from schematics_builtin.nothing import measure",
    ],
)
def test_a_way_beside_the_doors_is_found(source: str) -> None:
    assert len([*beside_doors([module(source, "my_plugin.x")], offers(), public())]) == 1


def test_the_ways_through_a_door_are_none() -> None:
    source = """
        import pycemrg_core
        from pycemrg_core import api, load_catalogue
        from pycemrg_core.api import Recipe
        from pycemrg_core.cli.kit import session_of
        from schematics_builtin.labels import measure
        from schematics_builtin import labels
    """
    assert [*beside_doors([module(source, "my_plugin.x")], offers(), public())] == []
    own = module("from schematics_builtin.labels.measuring import measure", "schematics_builtin.labels.x")
    assert [*beside_doors([own], offers(), public())] == []


@pytest.mark.parametrize("name", [*DOORS, *sorted(public())])
def test_a_door_opens(name: str) -> None:
    """What type checkers see is what users get, and ``dir`` and ``import *`` show it."""
    door = import_module(name)
    seen = homes(name)
    offered = getattr(door, "__all__", [])
    assert sorted(seen) == sorted(offered)
    for each, home in seen.items():
        assert getattr(door, each) is getattr(import_module(home), each), each
    assert set(offered) <= set(dir(door))
    with pytest.raises(AttributeError, match="has no attribute 'nothing_of_that_name'"):
        door.nothing_of_that_name  # noqa: B018
    with pytest.raises(ImportError):
        exec(f"from {name} import nothing_of_that_name")


def test_a_name_is_behind_one_door() -> None:
    scripts, authors, commands, tests = (set(homes(door)) for door in DOORS)
    errors = {name for name in scripts if name.endswith("Error")}
    assert scripts & authors == IN_BOTH | errors
    assert errors == {name for name in authors if name.endswith("Error")}
    assert commands & (scripts | authors) == set()
    assert tests & (scripts | authors | commands) == set()


# Light modules


def light_modules() -> list[str]:
    """What every ``--help`` and ``list-*`` imports: the command line, and the module of each plugin's entry point."""
    context = click.Context(main)
    commands = [main.get_command(context, name) for name in main.list_commands(context)]
    names = [callback.__module__ for command in commands if command and (callback := command.callback)]
    names += ["pycemrg_core.cli.options", "pycemrg_core.plugins.project"]
    for folder in (ROOT, *distributions()):
        points = project(folder).get("entry-points", {})
        assert isinstance(points, dict)
        names += [value for value in points.get("pycemrg.v1", {}).values() if ":" not in value]
    return sorted(set(names))


@pytest.mark.parametrize("name", light_modules())
def test_what_every_command_imports_is_light(name: str) -> None:
    modules = {one.name: one for one in (*core(), *builtin(), *plugins())}
    if "pycemrg_broken" in name:
        pytest.skip("broken on purpose")
    assert name in modules
    doors = {door: homes(door) for door in (*DOORS, *public())}
    assert set(heavy_imports([name], modules, doors)) == set()


@pytest.mark.parametrize(
    "source",
    [
        "import numpy",
        "from pycemrg_core.api import LabelVolume",
        "from my_plugin import heavy",
        "from my_plugin.heavy import f",
    ],
)
def test_a_heavy_import_is_found(source: str) -> None:
    modules = {
        "my_plugin.plugin": module(source, "my_plugin.plugin"),
        "my_plugin.heavy": module("import scipy\nf = 1", "my_plugin.heavy"),
        "pycemrg_core.volume": module("import numpy", "pycemrg_core.volume"),
    }
    behind = {"pycemrg_core.api": {"LabelVolume": "pycemrg_core.volume"}}
    assert len([*heavy_imports(["my_plugin.plugin"], modules, behind)]) == 1


def test_a_light_module_may_import_heavy_things_in_functions() -> None:
    light = module("import click\nif TYPE_CHECKING:\n    import numpy\ndef f():\n    import scipy", "p.x")
    assert [*heavy_imports(["p.x"], {"p.x": light}, {})] == []


# Libraries


@pytest.mark.parametrize(
    ("library", "names"),
    [
        ("SimpleITK", {"images.image_files", "images.writing", "testing.volumes"}),
        ("pluggy", {"api.hookspecs", "plugins.loading"}),
        ("cattrs", {"api.documents"}),
        ("yaml", {"text.structured", "text.yaml_loader"}),
    ],
)
def test_a_library_has_one_home(library: str, names: set[str]) -> None:
    assert users(library, core()) == {f"pycemrg_core.{name}" for name in names}


# Python source is read as Python reads it; the metadata of a distribution was written by its installer. In
# ``structured`` and ``tables`` is the reader itself, and a package that is broken on purpose may do what it wants.
READS_TEXT = {
    "pycemrg_core.api.refs": {"open"},
    "pycemrg_core.plugins.metadata": {"open"},
    "pycemrg_core.text.install_hints": {"read_text"},
    "pycemrg_core.text.structured": {"load"},
    "pycemrg_core.text.tables": {"reader"},
}


def test_one_reader_reads_all_text() -> None:
    plugins = [one for folder in distributions() for one in modules_in(folder, folder) if "tests" not in one.name]
    found = reading_text([*core(), *builtin(), *plugins])
    assert found == READS_TEXT


@pytest.mark.parametrize(
    "source",
    [
        "open(path)",
        "open(path, 'rt')",
        "open(path, mode=how)",
        "path.open()",
        "path.read_text()",
        "yaml.safe_load(text)",
        "csv.reader(lines)",
        "csv.DictReader(lines)",
        "json.load(file)",
        "tomllib.load(file)",
    ],
)
def test_a_second_reader_is_found(source: str) -> None:
    assert reading_text([module(source, "x")]).keys() == {"x"}


@pytest.mark.parametrize(
    "source", ["open(path, 'rb')", "path.open('xb')", "read_text(path)", "json.loads(text)", "os.open(path, 0)"]
)
def test_bytes_and_the_reader_itself_are_no_second_reader(source: str) -> None:
    assert reading_text([module(source, "x")]) == {}


def test_only_the_plugin_of_pictures_draws() -> None:
    assert users("PIL", core()) == set()
    assert all(name.startswith("schematics_builtin.pictures.") for name in users("PIL", builtin()))


def test_the_users_of_a_library_are_found() -> None:
    one = module("def f():\n    import numpy as np", "a")
    assert users(
        "numpy", [one, module("if TYPE_CHECKING:\n    import numpy", "b"), module("import numpydoc", "c")]
    ) == {"a"}


def declared(folder: Path, extra: Iterable[str] = ()) -> set[str]:
    """The packages that a distribution may import: its own, and those of the distributions that it names."""
    data = project(folder)
    optional = data.get("optional-dependencies", {})
    assert isinstance(optional, dict)
    needed = [*data.get("dependencies", ()), *(text for texts in optional.values() for text in texts)]  # type: ignore[misc]
    names = {re.split(r"[^A-Za-z0-9_-]", text)[0] for text in (*needed, str(data["name"]), *extra)}
    found = {IMPORTED_AS.get(name.lower(), name.replace("-", "_")) for name in names}
    return found | ({"schematics_builtin"} if "pycemrg_core" in found else set())


@pytest.mark.parametrize("folder", [ROOT, *distributions()], ids=lambda folder: folder.name)
def test_nothing_is_imported_that_is_not_declared(folder: Path) -> None:
    modules = (*core(), *builtin()) if folder == ROOT else tuple(modules_in(folder, folder))
    # Helpers of this repository, which stand beside the tests that use them.
    helpers = {file.stem for tests in ("tests", "plugins") for file in (ROOT / tests).rglob("*.py")}
    own = {"pytest"} if folder == ROOT else {"pytest", *helpers}
    mine = [one for one in modules if not one.name.startswith("tests.")]
    assert set(undeclared(mine, declared(folder) | (own & {"pytest"}))) == set()
    tests = [one for one in modules if one.name.startswith("tests.")]
    required = {"hypothesis", "click", "numpy", "scipy", "SimpleITK", "yaml", "attrs", "attr", *own}
    assert set(undeclared(tests, declared(folder) | required)) == set()


def test_an_undeclared_import_is_found() -> None:
    found = [*undeclared([module("import numpy\nimport json\nimport torch")], {"numpy"})]
    assert found == ["pycemrg_core.images.x:4 imports torch"] or len(found) == 1


def test_code_is_imported_by_name_in_few_places() -> None:
    assert importing_by_name((*core(), *builtin())) == {
        "pycemrg_core.api.refs": importing_by_name(core())["pycemrg_core.api.refs"],
        "pycemrg_core.doors": {"import_module"},  # names that are imported at first use
        "pycemrg_core.cli.app": {"import_module"},  # its own commands
        "pycemrg_core.images.formats": {"import_module"},  # the reader of an extension
    }
    assert importing_by_name([module("import importlib\nimportlib.import_module('x')")])
    assert importing_by_name([module("from importlib import import_module as f")])


def test_no_private_name_of_a_library() -> None:
    assert set(private_names((*core(), *builtin(), *plugins()), {"pycemrg_core", "schematics_builtin"})) == set()
    assert [*private_names([module("from numpy import _core")], {"pycemrg_core"})]
    assert [*private_names([module("import pluggy\npluggy._hooks")], {"pycemrg_core"})]


# Words


def test_there_is_no_anatomy_in_the_core() -> None:
    assert set(anatomy(core())) == set()


@pytest.mark.parametrize(
    "source",
    [
        "LA_WT = 2",
        "x = 'the left ventricle'",
        "def aortic_wall(): ...",
        "class VeinRing: ...",
        "f(atrial=1)",
        "x = f'{y} of the LV'",
        "import my.myocardium",
        "x.atrium",
    ],
)
def test_a_word_of_anatomy_is_found(source: str) -> None:
    assert len([*anatomy([module(source)])]) >= 1


def test_docstrings_and_ordinary_words_are_no_anatomy() -> None:
    source = '''
        """The left ventricle."""
        lar = "intravenous"  # the aorta

        def valve():
            """``LA_WT`` is that of the atrium."""
            return "PLAN, scale, variable"
    '''
    assert [*anatomy([module(source)])] == []
    assert [*words_of("LA_WT aorticWall HTMLPage")] == ["LA", "WT", "aortic", "Wall", "HTML", "Page"]


@cache
def names_of_plugins() -> set[str]:
    """Names that stand for a plugin of ours and for nothing else."""
    found = {"schematics_builtin", "certificate", "certify", "repair", "diagnosis", "slicer", "itksnap"}
    found |= {"picture", "pictures", "demo", "label_anatomy"}
    for folder in distributions():
        name = str(project(folder)["name"])
        found |= {name, name.replace("-", "_")}
    # Planned ones too; a hook is called as one of our packages is.
    return found - HOOKS.keys() | {"pycemrg-mesh", "pycemrg_mesh", "pycemrg-dicom", "pycemrg_dicom"}


def test_the_core_names_no_plugin() -> None:
    assert set(mentions(core(), names_of_plugins())) == set()


@pytest.mark.parametrize("folder", distributions(), ids=lambda folder: folder.name)
def test_a_plugin_names_no_other_that_it_does_not_depend_on(folder: Path) -> None:
    allowed = {*declared(folder), str(project(folder)["name"])}
    others = {name for name in names_of_plugins() if name.startswith(("pycemrg-", "pycemrg_"))}
    others = {name for name in others if name.replace("-", "_") not in allowed}
    mine = [one for one in modules_in(folder, folder) if not one.name.startswith("tests.")]
    assert set(mentions(mine, others)) == set()


@pytest.mark.parametrize(
    "source",
    [
        "from schematics_builtin.labels import measure",
        "hint = 'install pycemrg-mesh'",
        "certificate_json = 1",
        "def f(certificate): ...",
        "path / 'certificate.json'",
    ],
)
def test_a_name_of_a_plugin_is_found(source: str) -> None:
    assert len([*mentions([module(source)], names_of_plugins())]) >= 1


def test_a_word_that_only_begins_like_a_plugin_is_none() -> None:
    assert [
        *mentions([module("'''pycemrg-mesh'''\nrepairs = certificates = 'pycemrg-meshes'")], names_of_plugins())
    ] == []
