"""The rules of the house, read from syntax trees. Each is a function from modules to the breaks that it finds."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path

from attrs import field, frozen

DOORS = ("pycemrg_core", "pycemrg_core.api", "pycemrg_core.cli.kit", "pycemrg_core.testing")

# A folder or module imports only from those before it.
FOLDERS = ("doors", "guard", "shown", "errors", "text", "api", "plugins", "images", "recipes", "runs", "cli", "testing")

LIGHT_LIBRARIES = frozenset({"attr", "attrs", "click", "packaging", "pluggy"})

ANATOMY = frozenset(
    {"ventricle", "ventricles", "ventricular", "atrium", "atria", "atrial", "aorta", "aortic", "vein", "veins"}
    | {"myocardium", "myocardial"}
)
CHAMBERS = frozenset({"lv", "rv", "la", "ra"})


@frozen
class Import:
    """One name that a module imports: ``from package import name`` is ``package`` and ``name``."""

    module: str
    name: str
    line: int
    in_function: bool
    for_types: bool

    @property
    def root(self) -> str:
        return self.module.partition(".")[0]

    @property
    def target(self) -> str:
        return f"{self.module}.{self.name}" if self.name else self.module


@frozen(slots=False, eq=False)
class Module:
    """A module of Python: its dotted name and its source."""

    name: str
    source: str = field(repr=False)

    @classmethod
    def of(cls, file: Path, root: Path) -> Module:
        """The module in a file below the folder that is on the path."""
        parts = file.relative_to(root).with_suffix("").parts
        return cls(".".join(parts).removesuffix(".__init__"), file.read_text(encoding="utf-8"))

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.source)

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        return tuple(ast.walk(self.tree))

    @cached_property
    def identifiers(self) -> tuple[tuple[str, int], ...]:
        """Every identifier in the code, with its line."""
        return tuple(_identifiers(self.nodes))

    @cached_property
    def texts(self) -> tuple[tuple[str, int], ...]:
        """Every text in the code but docstrings, with its line."""
        return tuple(_texts(self.nodes))

    @cached_property
    def imports(self) -> tuple[Import, ...]:
        """All imports: at the top, in functions, and for type checkers only."""
        return tuple(_imports(self.tree, self.name, False, False))

    def place(self, line: int) -> str:
        return f"{self.name}:{line}"


def modules_in(folder: Path, root: Path) -> list[Module]:
    """All modules below a folder, sorted. Each file is read and parsed once."""
    return [_module(file, root) for file in sorted(folder.rglob("*.py"))]


@cache
def _module(file: Path, root: Path) -> Module:
    return Module.of(file, root)


def _imports(node: ast.AST, name: str, in_function: bool, for_types: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(alias.name, "", child.lineno, in_function, for_types)
        elif isinstance(child, ast.ImportFrom):
            for alias in child.names:
                module = "." * child.level + (child.module or "")
                yield Import(module, alias.name, child.lineno, in_function, for_types)
        elif isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            for statement in child.body:
                yield from _imports(ast.Module([statement], []), name, in_function, True)
            for statement in child.orelse:
                yield from _imports(ast.Module([statement], []), name, in_function, for_types)
        elif isinstance(child, (ast.stmt, ast.ExceptHandler, ast.match_case)):  # no expression imports
            function = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef))
            yield from _imports(child, name, in_function or function, for_types)


def relative_imports(modules: Iterable[Module]) -> Iterator[str]:
    """An import says where it imports from."""
    for module in modules:
        for one in module.imports:
            if one.module.startswith("."):
                yield f"{module.place(one.line)} imports {one.target}"


def _folder(name: str) -> str:
    """The part of the core that a module is in: a name of ``FOLDERS``, or "" for the facade."""
    return [*name.split("."), ""][1]


def directions(core: Iterable[Module], folders: Sequence[str] = FOLDERS) -> Iterator[str]:
    """A folder of the core imports only from those before it; no module of it imports through a door."""
    for module in core:
        if module.name in DOORS:
            continue  # they show what comes from all the others
        here = _folder(module.name)
        here = "cli" if here == "__main__" else here
        if here not in folders:
            yield f"{module.name} is in no folder of {', '.join(folders)}"
            continue
        for one in module.imports:
            if one.root != "pycemrg_core" or one.target == "pycemrg_core.__version__":
                continue
            there = _folder(one.target)
            if there not in folders[: folders.index(here) + 1]:
                yield f"{module.place(one.line)} imports {one.target}"


def through_doors_inside(core: Collection[Module]) -> Iterator[str]:
    """The core itself imports a name from the module that it is in, so that directions can be seen."""
    names = {module.name for module in core}
    for module in core:
        for one in module.imports:
            inner = one.target in names or one.target == "pycemrg_core.__version__"
            if module.name not in DOORS and one.module in DOORS and one.name and not inner:
                yield f"{module.place(one.line)} imports {one.target} through a door"


def cycles(modules: Collection[Module]) -> Iterator[str]:
    """No modules import one another in a ring. An import for type checkers only counts too."""
    names = {module.name for module in modules}
    uses: dict[str, set[str]] = {}
    for module in modules:
        if module.name not in DOORS:
            found = {one.target if one.target in names else one.module for one in module.imports}
            uses[module.name] = (found & names) - {module.name, *DOORS}
    done: set[str] = set()

    def walk(name: str, path: tuple[str, ...]) -> Iterator[str]:
        if name in path:
            yield " > ".join([*path[path.index(name) :], name])
        elif name not in done:
            for other in sorted(uses.get(name, ())):
                yield from walk(other, (*path, name))
            done.add(name)

    for name in sorted(uses):
        yield from walk(name, ())


def beside_doors(
    modules: Iterable[Module], offers: Mapping[str, Collection[str]], public: Mapping[str, Collection[str]] = {}
) -> Iterator[str]:
    """Code outside of the core imports it through its doors, and other built-in plugins through their public module.

    ``offers`` are the names behind each door, ``public`` those of each public module.
    """
    for module in modules:
        for one in module.imports:
            if one.root == "pycemrg_core":
                allowed = one.module in offers and (
                    not one.name or one.name in offers[one.module] or one.target in offers
                )
            elif one.root == "schematics_builtin" and not _same_plugin(module.name, one.target):
                allowed = one.module in public and (not one.name or one.name in public[one.module])
                allowed = allowed or one.target in public
            else:
                continue
            if not allowed:
                yield f"{module.place(one.line)} imports {one.target}"


def _same_plugin(name: str, target: str) -> bool:
    """Whether both are in one built-in plugin."""
    return name.split(".")[:2] == target.split(".")[:2]


def heavy_imports(
    names: Iterable[str],
    modules: Mapping[str, Module],
    homes: Mapping[str, Mapping[str, str]],
    libraries: Collection[str] = LIGHT_LIBRARIES,
) -> Iterator[str]:
    """What modules import at the top, and what that imports in turn, is light.

    ``modules`` are those that are followed, ``homes`` the modules behind each door's names.
    """
    light = {*libraries, *sys.stdlib_module_names}
    seen: set[str] = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name in seen or name not in modules:
            continue
        seen.add(name)
        todo += [".".join(name.split(".")[:i]) for i in range(1, name.count(".") + 1)]
        for one in modules[name].imports:
            if one.in_function or one.for_types:
                continue
            if one.module in homes and one.name in homes[one.module]:
                todo.append(homes[one.module][one.name])
            elif one.target in modules:
                todo.append(one.target)
            elif one.module in modules:
                todo.append(one.module)
            elif one.root not in light:
                yield f"{modules[name].place(one.line)} imports {one.target}"


def users(library: str, modules: Iterable[Module]) -> set[str]:
    """Modules that import a library when they run."""
    return {
        module.name for module in modules if any(one.root == library and not one.for_types for one in module.imports)
    }


def undeclared(modules: Iterable[Module], declared: Collection[str]) -> Iterator[str]:
    """What a distribution imports, it declares. ``declared`` are names of packages to import."""
    known = {*declared, *sys.stdlib_module_names}
    for module in modules:
        for one in module.imports:
            if one.root not in known:
                yield f"{module.place(one.line)} imports {one.target}"


def private_names(modules: Iterable[Module], ours: Collection[str]) -> Iterator[str]:
    """A name with an underscore belongs to the package that has it."""
    for module in modules:
        for one in module.imports:
            private = any(part.startswith("_") and not part.startswith("__") for part in one.target.split("."))
            if private and one.root != "__future__" and (one.root not in ours or one.module != module.name):
                yield f"{module.place(one.line)} imports {one.target}"
        if found := re.search(r"\b(pluggy|cattrs|attrs|yaml|click)\._\w+", module.source):
            yield f"{module.name} uses {found[0]}"


_READING = frozenset({"read_text", "safe_load", "safe_load_all", "full_load", "unsafe_load"})
_READERS = {"csv": {"reader", "DictReader"}, "json": {"load"}, "tomllib": {"load"}, "yaml": {"load", "load_all"}}


def reading_text(modules: Iterable[Module]) -> dict[str, set[str]]:
    """The modules that read text files, or parse YAML or tables, without the reader for text; and with what.

    ``read_text`` as a function is that reader; as a method it is that of a path. Opening in binary or for writing is
    allowed.
    """
    found: dict[str, set[str]] = {}
    for module in modules:
        for node in module.nodes:
            if isinstance(node, ast.Call) and (what := _reads_text(node)):
                found.setdefault(module.name, set()).add(what)
    return found


def _reads_text(call: ast.Call) -> str:
    """The name of a function that reads text, if this calls one."""
    if isinstance(call.func, ast.Name) and call.func.id == "open":
        modes = [*call.args[1:2], *(keyword.value for keyword in call.keywords if keyword.arg == "mode")]
    elif isinstance(call.func, ast.Attribute) and call.func.attr == "open":
        modes = [*call.args[:1], *(keyword.value for keyword in call.keywords if keyword.arg == "mode")]
        if isinstance(call.func.value, ast.Name) and call.func.value.id in ("os", "Image"):
            return ""
    elif isinstance(call.func, ast.Attribute):
        name = call.func.attr
        home = call.func.value.id if isinstance(call.func.value, ast.Name) else ""
        return name if name in _READING or name in _READERS.get(home, ()) else ""
    else:
        return ""
    mode = modes[0].value if modes and isinstance(modes[0], ast.Constant) else "r"
    return "" if isinstance(mode, str) and set(mode) & set("bwax") else "open"


BY_NAME = frozenset(
    {"import_module", "spec_from_file_location", "spec_from_loader", "module_from_spec", "exec_module", "__import__"}
)


def importing_by_name(modules: Iterable[Module]) -> dict[str, set[str]]:
    """The modules that import code whose name they are given, and with what."""
    found = {}
    for module in modules:
        names = {name for name, _ in module.identifiers} & BY_NAME
        if names:
            found[module.name] = names
    return found


def _identifiers(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, int]]:
    for node in nodes:
        line = getattr(node, "lineno", 0)
        match node:
            case ast.Name(id=name) | ast.arg(arg=name) | ast.Attribute(attr=name):
                yield name, line
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name, line
            case ast.keyword(arg=str(name)):
                yield name, node.value.lineno
            case ast.ImportFrom(module=str(module)):
                yield from ((part, line) for part in module.split("."))
            case ast.alias(name=name, asname=asname):
                yield from ((part, line) for part in name.split("."))
                if asname:
                    yield asname, line


def _texts(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, int]]:
    docstrings = set()  # each statement comes before the text in it
    for node in nodes:
        if isinstance(node, ast.Expr):
            docstrings.add(id(node.value))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value, node.lineno


def words_of(text: str) -> Iterator[str]:
    """The words of a text or identifier: ``LA_WT`` is two, and so is ``aorticWall``."""
    yield from re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", text)


def anatomy(modules: Iterable[Module]) -> Iterator[str]:
    """Words of anatomy in identifiers and texts. Docstrings may have them: examples are of hearts."""
    for module in modules:
        for text, line in (*module.identifiers, *module.texts):
            for word in words_of(text):
                if word.lower() in ANATOMY | CHAMBERS:
                    yield f"{module.place(line)}: {word} in {text[:60]!r}"


def mentions(modules: Iterable[Module], names: Collection[str]) -> Iterator[str]:
    """Names of plugins, distributions and packages in identifiers, imports and texts; docstrings aside.

    A name counts as a whole word, or with an underscore at its end or start: ``certificate`` in ``certificate_of``.
    """
    pattern = re.compile("|".join(rf"(?<![A-Za-z]){re.escape(name)}(?![A-Za-z])" for name in sorted(names)))
    for module in modules:
        for text, line in (*module.identifiers, *module.texts):
            if found := pattern.search(text.lower()):
                yield f"{module.place(line)}: {found[0]} in {text[:60]!r}"
