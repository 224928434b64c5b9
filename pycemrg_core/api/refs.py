"""References to code by name, so that listing a plugin never imports what it would run.

The only module of the core that imports others by name.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from attrs import field, frozen

from pycemrg_core.errors import NOBODYS_FAULT, PluginError, RecordError, RefError, fault
from pycemrg_core.guard import guarded
from pycemrg_core.text.files import name_of

_DOTTED = r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*"
_TARGET = re.compile(rf"{_DOTTED}:{_DOTTED}")
_IMPORT_MACHINERY = re.compile(r"(_frozen_)?importlib(\.|_|$)")
_THIS_FILE = os.path.realpath(__file__)


def _require_target(_ref: Any, _attribute: Any, target: Any) -> None:
    if not isinstance(target, str) or not _TARGET.fullmatch(target):
        raise RecordError(f"{target!r} is not a reference; write it as 'package.module:object'")


@frozen
class Ref:
    """The name of an object, ``package.module:object``; imported when :meth:`load` is called.

    Raises :class:`RecordError` at once when the text does not have this form.
    """

    target: str = field(validator=_require_target)

    def load(self) -> Any:
        """Import the module and return the object.

        Raises :class:`RefError` when the module cannot be imported or has no such object.
        """
        module_name, _, qualified = self.target.partition(":")
        try:
            # A module that is there runs nothing, and guarding takes far longer than looking it up.
            with nullcontext() if module_name in sys.modules else guarded():
                found: Any = importlib.import_module(module_name)
        except NOBODYS_FAULT:
            raise
        except BaseException as error:  # a module may also raise SystemExit
            raise RefError(f"cannot import {module_name!r} for {self.target!r}: {fault(error)}") from error
        for part in qualified.split("."):
            try:
                found = getattr(found, part)
            except AttributeError:
                raise RefError(f"module {module_name!r} has no {qualified!r} (from {self.target!r})") from None
        return found

    def __str__(self) -> str:
        return self.target


def import_plugin_module(name: str) -> ModuleType:
    """Import the module that an entry point names. The caller reports any exception."""
    return importlib.import_module(name)


def find_data_file(name: str) -> str:
    """The file that ``package:file.yaml`` names, found without running anything of the package.

    Raises :class:`PluginError` when there is no such package, or no such file in it.
    """
    package, _, file = name.partition(":")
    # A dotted name would import the packages around it.
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    if spec is None or spec.submodule_search_locations is None:
        raise PluginError(f"{package!r} in {name!r} is not an installed top-level package; check the entry point")
    for folder in spec.submodule_search_locations:
        if os.path.isfile(path := os.path.join(folder, file)):
            return path
    raise PluginError(f"package {package!r} has no file {file!r}; add the file to its package data")


def import_file(path: str | os.PathLike[str]) -> ModuleType:
    """Import one Python file as a top-level module with the file's name, so that its own ``Ref`` s resolve.

    It may import the other modules in its folder (its neighbours) and refer to them. No other code can import these,
    and an installed module of the same name wins. ``sys.path`` does not change.

    Raises :class:`PluginError` when another module already has the name.
    """
    name = os.path.splitext(os.path.basename(path))[0]
    known = sys.modules.get(name)
    if known is not None:
        if os.path.realpath(getattr(known, "__file__", None) or "") == os.path.realpath(path):
            return known
        raise PluginError(f"{name_of(path)}: a module named {name!r} is already imported; rename the file")
    # Otherwise a later import of the installed module would get this file.
    other = None if "." in name else _installed(name)
    if other is not None and other.origin and os.path.realpath(other.origin) != os.path.realpath(path):
        raise PluginError(f"{name_of(path)}: {name!r} is the name of an installed module; rename the file")
    _Neighbours.allow(os.path.realpath(path))
    spec = importlib.util.spec_from_file_location(name, os.path.realpath(path))
    if spec is None or spec.loader is None:
        raise PluginError(f"{name_of(path)}: not a Python file; give a .py file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


class _Neighbours:
    """Finds the modules next to local plugins: after all installed modules, and only for these plugins."""

    def __init__(self) -> None:
        self.folders: list[str] = []

    @classmethod
    def allow(cls, path: str) -> None:
        """Let a plugin and the modules next to it import these modules.

        Raises :class:`PluginError` when it uses a module with the same name as one next to a plugin in another folder:
        Python knows modules only by name.
        """
        finder = next((one for one in sys.meta_path if isinstance(one, cls)), None)
        if finder is None:
            sys.meta_path.append(finder := cls())
        folder = os.path.dirname(path)
        for used in neighbours(path):
            for other in finder.folders:
                if other != folder and os.path.exists(os.path.join(other, os.path.basename(used))):
                    name = os.path.basename(used)
                    raise PluginError(
                        f"{name_of(path)}: {name} is also next to a plugin in {other}; rename one of the two"
                    )
        if folder not in finder.folders:
            finder.folders.append(folder)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if path is not None:
            return None  # a package finds its own modules
        asking = _importing_file()
        for folder in self.folders:
            if asking == _THIS_FILE or asking.startswith(folder + os.sep):
                spec = PathFinder.find_spec(fullname, [folder])
                if spec is not None and spec.origin is not None:
                    return spec
        return None


def _importing_file() -> str:
    """The file of the code that asks for a module, through ``import`` or importlib."""
    frame = sys._getframe(2)
    while frame is not None and _IMPORT_MACHINERY.match(str(frame.f_globals.get("__name__"))):
        frame = frame.f_back  # type: ignore[assignment]
    return os.path.realpath(frame.f_code.co_filename) if frame else ""


def neighbours(path: str) -> tuple[str, ...]:
    """The files and packages next to a Python file that it imports or refers to, directly or not, sorted.

    In a package, only ``__init__.py`` is searched for imports.
    """
    folder, found, todo = os.path.dirname(path), set[str](), [path]
    while todo:
        for name in _names_used(todo.pop()):
            if _is_installed(name, folder):
                continue  # the installed module wins
            for candidate in (f"{name}.py", name):
                beside = os.path.join(folder, candidate)
                package = os.path.join(beside, "__init__.py")
                if beside in found or beside == path:
                    continue
                if os.path.isfile(file := beside if candidate.endswith(".py") else package):
                    found.add(beside)
                    todo.append(file)
    return tuple(sorted(found))


def _is_installed(name: str, folder: str) -> bool:
    spec = _installed(name)
    return spec is not None and not os.path.realpath(spec.origin or "").startswith(folder + os.sep)


def _installed(name: str) -> ModuleSpec | None:
    """The module with this name that all code can import, without neighbours."""
    finders = (finder for finder in sys.meta_path if not isinstance(finder, _Neighbours))
    return next((spec for finder in finders if (spec := finder.find_spec(name, None))), None)


def _names_used(path: str) -> set[str]:
    """The top-level modules that a file imports anywhere, or names in a :class:`Ref`."""
    import ast

    try:
        with open(path, encoding="utf-8") as file:
            tree = ast.parse(file.read())
    except (OSError, SyntaxError, ValueError):
        return set()  # importing it says what is wrong
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _TARGET.fullmatch(node.value):
            names.add(node.value)
    return {re.split(r"[.:]", name)[0] for name in names}
