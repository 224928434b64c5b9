"""Write a new plugin package from templates. It installs, passes its tests and appears in the lists.

The templates for a kind of record are in a folder with its name: ``hook.txt``, modules and their tests. For a kind
without templates, the example in its hook's specification is used; the author still has to write its functions.
"""

from __future__ import annotations

import inspect
import keyword
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from string import Template
from tempfile import TemporaryDirectory
from textwrap import dedent
from typing import Any

from attrs import frozen

from pycemrg_core import __version__
from pycemrg_core.api.documents import to_data
from pycemrg_core.api.hookspecs import HookSpecs
from pycemrg_core.api.kinds import Kind
from pycemrg_core.api.refs import import_file
from pycemrg_core.errors import OutputError
from pycemrg_core.runs.run_folder import staged
from pycemrg_core.text.files import name_of, read_text
from pycemrg_core.text.structured import as_yaml

_TEMPLATES = Path(__file__).parent / "templates"
_DISTRIBUTION = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_IMPORT = re.compile(r"^from pycemrg_core\.api import (.+)\n+", re.MULTILINE)
_REF = re.compile(r'Ref\("my_heart\.(\w+):(\w+)"\)')
_NAME = re.compile(r'name="(\w+)"')
_YAML = "contributions.yaml"


def write_package(parent: Path, name: str, kinds: Sequence[Kind], *, as_yaml: bool = False) -> list[str]:
    """Write a package into the new folder ``parent / name``, with one record of each kind. Returns its files.

    ``as_yaml``: the package holds a YAML file and no code; the records of all ``kinds`` must be data. Raises
    :class:`OutputError` when the name is not valid for a distribution, or the folder is not empty.
    """
    if not _DISTRIBUTION.fullmatch(name) or len(name) > 40:
        raise OutputError(f"{name!r} cannot name a package; use lower-case letters, digits and '-': my-heart-steps")
    module = name.replace("-", "_")
    if keyword.iskeyword(module) or module in sys.stdlib_module_names:
        raise OutputError(f"{name!r} is a name of Python itself; choose another, such as my-{name}")
    folder = parent / name
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(f"{name_of(folder)}: already exists; choose another name")
    files = _Package(name, module, tuple(kinds), as_yaml).files()
    with staged(folder) as inner:
        for path, text in files.items():
            (inner / path).parent.mkdir(exist_ok=True)
            (inner / path).write_text(text, encoding="utf-8")
    return list(files)


@frozen
class _Package:
    name: str
    module: str
    kinds: tuple[Kind, ...]
    as_yaml: bool

    def files(self) -> dict[str, str]:
        """The text of each file, by its path in the package."""
        hooks = {kind: self._hook(kind) for kind in self.kinds}
        code = {} if self.as_yaml else {kind: self._code(kind) for kind in self.kinds}
        rows = "\n".join(self._row(kind, hook, code.get(kind, {})) for kind, hook in hooks.items())
        values = {
            "parts": ", ".join(f"{kind.a_word}" for kind in self.kinds),
            "core": ".".join(__version__.split(".")[:2]),
            "rows": rows,
            "commands": f"    pycemrg run {self.module}_heart HEART.nrrd -o out\n" if self._has("recipe") else "",
        }
        prefix = "yaml_" if self.as_yaml else ""
        files = {name: self._filled(f"{prefix}{name}.txt", values) for name in ("pyproject.toml", "README.md")}
        if self.as_yaml:
            files[f"{self.module}/{_YAML}"] = _sections(hooks)
        else:
            files[f"{self.module}/__init__.py"] = ""
            files[f"{self.module}/plugin.py"] = self._plugin(hooks.values())
        for written in code.values():
            files.update(written)
        files["tests/test_contributions.py"] = self._conformance()
        return files

    def _has(self, word: str) -> bool:
        return any(kind.word == word for kind in self.kinds)

    def _filled(self, template: str, values: dict[str, str] | None = None) -> str:
        names = {"distribution": self.name, "module": self.module, **(values or {})}
        return Template(read_text(_TEMPLATES / template)).substitute(names)

    def _hook(self, kind: Kind) -> str:
        template = "hook"
        values: dict[str, str] = {}
        if kind.word == "schematic" and self._has("step"):
            template = "hook_of_step"
        if kind.word == "recipe":
            # Its last step is the package's own schematic, if there is one.
            own = [_NAME.findall(self._hook(other))[0] for other in self.kinds if other.word == "schematic"]
            template, values = ("hook", {"last": own[0]}) if own else ("hook_alone", {})
        if (_TEMPLATES / kind.part / f"{template}.txt").exists():
            return self._filled(f"{kind.part}/{template}.txt", values)
        return _example(kind).replace("my_heart.", f"{self.module}.").replace('name="', f'name="{self.module}_')

    def _code(self, kind: Kind) -> dict[str, str]:
        """The modules that the records of a kind refer to, with their tests."""
        folder = _TEMPLATES / kind.part
        if not folder.exists():
            return {
                f"{self.module}/{home}.py": _to_be_written(kind, function)
                for home, function in _REF.findall(_example(kind))
            }
        names = sorted(path.name.removesuffix(".txt") for path in folder.glob("*.py.txt"))
        return {
            f"{'tests' if name.startswith('test_') else self.module}/{name}": self._filled(f"{kind.part}/{name}.txt")
            for name in names
        }

    def _plugin(self, hooks: Iterable[str]) -> str:
        """The text of the module that the entry point names."""
        names = {name for hook in hooks for line in _IMPORT.findall(hook) for name in line.split(", ")}
        text = f'"""What {self.name} contributes to pycemrg."""\n\n{_import("pycemrg_core.api", sorted(names))}'
        return text + "".join(f"\n\n{_IMPORT.sub('', hook)}" for hook in hooks)

    def _conformance(self) -> str:
        """The tests that inherit from the testing kit."""
        kits = ["PluginConformance", *(kind.kit for kind in self.kinds if kind.kit)]
        text = f'"""Check that the contributions of {self.name} do what pycemrg expects."""\n\n'
        text += _import("pycemrg_core.testing", sorted(kits))
        text += f'\nPLUGIN = "{self.module}{f":{_YAML}" if self.as_yaml else ".plugin"}"\n'
        return text + "".join(
            f"\n\nclass Test{kit.removesuffix('Conformance')}({kit}):\n    plugin = PLUGIN\n" for kit in kits
        )

    def _row(self, kind: Kind, hook: str, code: dict[str, str]) -> str:
        (record, *_) = re.findall(r'\bname="([^"]+)"', hook)
        home = next(iter(code), f"{self.module}/{_YAML if self.as_yaml else 'plugin.py'}")
        return f"| {kind.a_word} | `{record}` | `{home}` |"


def _import(module: str, names: Sequence[str]) -> str:
    line = f"from {module} import {', '.join(names)}\n"
    if len(line) <= 88:
        return line
    return "".join([f"from {module} import (\n", *(f"    {name},\n" for name in names), ")\n"])


def _example(kind: Kind) -> str:
    """The plugin in the docstring of a kind's hook."""
    text = inspect.getdoc(getattr(HookSpecs, kind.hook)) or ""
    block = text.partition("Example::\n")[2]
    lines = block.splitlines()
    until = next((i for i, line in enumerate(lines) if line and not line.startswith(" ")), len(lines))
    example = dedent("\n".join(lines[:until])).strip()
    return example.replace("\n\n@hookimpl", "\n\n\n@hookimpl") + "\n"


def _to_be_written(kind: Kind, function: str) -> str:
    count = next(iter(kind.calls.values()), 0)
    arguments = ", ".join(["first", "second", "third"][:count])
    text = f'"""Code of {kind.a_word}."""\n\n\ndef {function}({arguments}):\n'
    return f'{text}    raise NotImplementedError("write {function} first")\n'


def _sections(hooks: dict[Kind, str]) -> str:
    """The records of hooks as a YAML plugin holds them."""
    document: dict[str, Any] = {}
    for kind, hook in hooks.items():
        with TemporaryDirectory(prefix="template_") as folder:
            module = Path(folder) / f"{Path(folder).name}_{kind.hook}.py"  # a name that no other module has
            module.write_text(hook, encoding="utf-8")
            records = tuple(getattr(import_file(module), kind.hook)())
        for record in records:
            data = _filled_in(to_data(record))
            document.setdefault(kind.section, {})[data.pop("name")] = data
    return as_yaml(document)


def _filled_in(data: Any) -> Any:
    """Data without empty values: a field that may be empty is empty by default."""
    if isinstance(data, dict):
        return {key: _filled_in(value) for key, value in data.items() if value not in ("", {}, [], (), None)}
    return [_filled_in(value) for value in data] if isinstance(data, (list, tuple)) else data
