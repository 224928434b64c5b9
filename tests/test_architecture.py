"""Imports point one way. Read from the syntax trees, so that an import in a function counts too."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import frozen

import pycemrg_core
import schematics_builtin

CORE = Path(pycemrg_core.__file__).parent
BUILTIN = Path(schematics_builtin.__file__).parent

# A module imports only from modules above it. A new module has to be placed here.
ORDER = [
    *("errors", "refs", "records", "contracts", "labels", "hookspecs", "metadata", "codec"),
    *("plugins", "catalogue", "project"),
    *("ball", "volume", "kernels", "runs", "components", "blocks", "components", "measure", "metrics", "samples"),
    "certificate",
    *("filecheck", "inr", "imaging", "grids", "remap"),
    *("semantic_map", "recipes", "planner", "checkup", "schemes", "hearts", "diagnosis", "runner"),
    *("label_files", "results", "again", "repair", "config", "picture", "scaffold"),
    *("cli", "testing"),
]

# Nothing imports these: what they show comes from all the others.
FACADES = {"__init__", "__main__"}

# Every ``--help`` and ``list-*`` imports these modules, and they may import nothing heavier.
LIGHT = ["errors", "refs", "records", "contracts", "labels", "hookspecs", "metadata", "plugins", "catalogue", "project"]
LIGHT_LIBRARIES = {"attr", "attrs", "click", "pluggy"}

IMPORTED_AS = {"pyyaml": "yaml", "pillow": "PIL"}


@frozen
class Import:
    """One import: the module it names, at the top or in a function, or for type checkers only."""

    target: str
    line: int
    in_function: bool
    for_types: bool

    @property
    def root(self) -> str:
        return self.target.partition(".")[0]


def imports(file: Path) -> list[Import]:
    """All imports of a file; ``from package import name`` names ``package.name``."""
    return list(_imports(ast.parse(file.read_text(encoding="utf-8")), package_of(file), False, False))


def package_of(file: Path) -> str:
    return ".".join(file.relative_to(CORE.parent).parent.parts)


def _imports(node: ast.AST, package: str, in_function: bool, for_types: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(alias.name, child.lineno, in_function, for_types)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, f"{package}: relative import in line {child.lineno}"
            for alias in child.names:
                yield Import(f"{child.module}.{alias.name}", child.lineno, in_function, for_types)
        elif isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            for part in child.body:
                yield from _imports(ast.Module([part], []), package, in_function, True)
            for part in child.orelse:
                yield from _imports(ast.Module([part], []), package, in_function, for_types)
        else:
            function = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            yield from _imports(child, package, in_function or function, for_types)


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def name_of(file: Path) -> str:
    return str(file.relative_to(CORE.parent).with_suffix("")).replace("/", ".").replace("\\", ".")


def place(file: Path) -> str:
    """The entry of ``ORDER`` that a file of the core belongs to."""
    return file.relative_to(CORE).with_suffix("").parts[0]


each_core_file = pytest.mark.parametrize("file", files(CORE), ids=name_of)
each_builtin_file = pytest.mark.parametrize("file", files(BUILTIN), ids=name_of)
each_file = pytest.mark.parametrize("file", files(CORE) + files(BUILTIN), ids=name_of)


def test_every_module_has_its_place() -> None:
    assert {place(file) for file in files(CORE)} - FACADES == set(ORDER)
    assert len(ORDER) == len(set(ORDER))


@each_core_file
def test_imports_inside_the_core_point_upwards(file: Path) -> None:
    here = place(file)
    if here == "__init__":
        return
    allowed = set(ORDER) if here in ("cli", "testing", "__main__") else set(ORDER[: ORDER.index(here)])
    for one in imports(file):
        if one.root == "pycemrg_core":
            target = one.target.split(".")[1:] or ["__version__"]
            assert target[0] in {*allowed, "__version__"}, f"{name_of(file)}:{one.line} imports {one.target}"


def test_the_front_door_imports_nothing_until_it_is_asked() -> None:
    at_the_top = [one for one in imports(CORE / "__init__.py") if not one.for_types and not one.in_function]
    assert {one.root for one in at_the_top} == {"__future__", "importlib", "typing"}
    # What type checkers see is what users get.
    seen = [one.target.split(".")[1:] for one in imports(CORE / "__init__.py") if one.for_types]
    assert sorted(name for _, name in seen) == sorted(pycemrg_core.__all__)
    for home, name in seen:
        assert getattr(pycemrg_core, name) is getattr(sys.modules[f"pycemrg_core.{home}"], name)


@each_core_file
def test_the_core_knows_no_plugin(file: Path) -> None:
    assert "schematics_builtin" not in {one.root for one in imports(file)}
    assert "schematics_builtin" not in file.read_text(encoding="utf-8")


@each_file
def test_nothing_is_imported_that_is_not_declared(file: Path) -> None:
    declared = tomllib.loads((CORE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    names = [re.split(r"[^A-Za-z0-9_-]", text)[0] for text in declared]
    known = {IMPORTED_AS.get(name.lower(), name) for name in names} | set(sys.stdlib_module_names)
    # Whoever inherits the testing kit has pytest: the extra "test".
    known |= {"pytest"} if file.is_relative_to(CORE / "testing") else set()
    own = {"pycemrg_core"} if file.is_relative_to(CORE) else {"pycemrg_core", "schematics_builtin"}
    assert {one.root for one in imports(file)} <= known | own


@each_core_file
def test_what_every_command_imports_stays_light(file: Path) -> None:
    if place(file) not in [*LIGHT, "cli", *FACADES]:
        return
    for one in imports(file):
        if one.in_function or one.for_types:
            continue
        if one.root == "pycemrg_core":
            target = one.target.split(".")[1:] or ["__version__"]
            assert target[0] in [*LIGHT, "cli", "__version__"], f"{name_of(file)}:{one.line} imports {one.target}"
        else:
            assert one.root in LIGHT_LIBRARIES | set(sys.stdlib_module_names), f"{name_of(file)}:{one.line}"


def test_the_built_in_plugin_module_stays_light() -> None:
    light = {f"pycemrg_core.{name}" for name in LIGHT}
    # What the hooks' module imports, and what that imports in turn.
    seen, todo = set(), ["plugin"]
    while todo:
        seen.add(module := todo.pop())
        for one in imports(BUILTIN / f"{module}.py"):
            if one.in_function or one.for_types:
                continue
            if one.root == "schematics_builtin":
                todo.extend({one.target.split(".")[1]} - seen)
            else:
                assert one.target.rpartition(".")[0] in light or one.root in sys.stdlib_module_names


def users(library: str) -> set[str]:
    """Modules of the core that import a library when they run."""
    return {
        name_of(file).removeprefix("pycemrg_core.")
        for file in files(CORE)
        if any(one.root == library and not one.for_types for one in imports(file))
    }


@pytest.mark.parametrize(
    ("library", "modules"),
    [
        ("SimpleITK", {"imaging", "testing.volumes"}),
        ("pluggy", {"hookspecs", "plugins"}),
        ("cattrs", {"codec"}),
        ("PIL", {"picture"}),
    ],
)
def test_a_library_has_one_home(library: str, modules: set[str]) -> None:
    assert users(library) == modules


BY_NAME = {
    "import_module",
    "spec_from_file_location",
    "spec_from_loader",
    "module_from_spec",
    "exec_module",
    "__import__",
}


def names_in(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.ImportFrom):
            found.update(alias.name for alias in node.names)
    return found


def test_code_is_imported_by_name_in_one_place() -> None:
    importing = {name_of(file): names_in(file) & BY_NAME for file in files(CORE) + files(BUILTIN)}
    assert {name for name, found in importing.items() if found} == {
        "pycemrg_core.api.refs",
        "pycemrg_core.__init__",  # exports that are imported at first use
        "pycemrg_core.cli.app",  # its own commands
    }
    for name in ("pycemrg_core.__init__", "pycemrg_core.cli.app"):
        assert importing[name] == {"import_module"}


@each_file
def test_no_private_attribute_of_a_library(file: Path) -> None:
    """A name with an underscore belongs to the module or class that has it."""
    source = file.read_text(encoding="utf-8")
    for one in imports(file):
        if one.root not in ("pycemrg_core", "schematics_builtin", "__future__"):
            assert not any(part.startswith("_") for part in one.target.split(".")), f"{name_of(file)}:{one.line}"
    assert not re.search(r"\bpluggy\._|\bcattrs\._|\battrs\._|\byaml\._", source)
