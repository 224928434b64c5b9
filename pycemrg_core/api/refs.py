"""References to code by name, so that listing a plugin never imports what it would run.

The only module of the core that imports others by name.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import sys
from types import ModuleType
from typing import Any

from attrs import field, frozen

from pycemrg_core.errors import PluginError, RecordError, RefError, fault

_DOTTED = r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*"
_TARGET = re.compile(rf"{_DOTTED}:{_DOTTED}")


def _require_target(_ref: Any, _attribute: Any, target: Any) -> None:
    if not isinstance(target, str) or not _TARGET.fullmatch(target):
        raise RecordError(f"{target!r} is not a reference of the form 'package.module:object'")


@frozen
class Ref:
    """The name of an object, ``package.module:object``; imported when :meth:`load` is called.

    Raises :class:`RecordError` at once when the text cannot be such a name.
    """

    target: str = field(validator=_require_target)

    def load(self) -> Any:
        """Import the module and return the object.

        Raises :class:`RefError` when the module cannot be imported or has no such object.
        """
        module_name, _, qualified = self.target.partition(":")
        try:
            found: Any = importlib.import_module(module_name)
        except KeyboardInterrupt:
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
    """Import the module that an entry point names; whatever it raises is the caller's to report."""
    return importlib.import_module(name)


def find_data_file(name: str) -> str:
    """The file that ``package:file.yaml`` names, found without running anything of the package.

    Raises :class:`PluginError` when there is no such package, or no such file in it.
    """
    package, _, file = name.partition(":")
    # A dotted name would import the packages around it.
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    if spec is None or spec.submodule_search_locations is None:
        raise PluginError(f"{package!r} in {name!r} is not an installed package, or is inside of another")
    for folder in spec.submodule_search_locations:
        if os.path.isfile(path := os.path.join(folder, file)):
            return path
    raise PluginError(f"package {package!r} has no file {file!r}; it must be named among its package data")


def import_file(path: str | os.PathLike[str]) -> ModuleType:
    """Import one Python file as a top-level module named after it, so that its own ``Ref`` s resolve.

    Raises :class:`PluginError` when that name already means another module.
    """
    name = os.path.splitext(os.path.basename(path))[0]
    known = sys.modules.get(name)
    if known is not None:
        if os.path.realpath(getattr(known, "__file__", None) or "") == os.path.realpath(path):
            return known
        raise PluginError(f"{path}: a module named {name!r} is already imported; rename the file")
    # Whoever imports that module later would get this file instead.
    other = None if "." in name else importlib.util.find_spec(name)
    if other is not None and other.origin and os.path.realpath(other.origin) != os.path.realpath(path):
        raise PluginError(f"{path}: {name!r} is the name of an installed module; rename the file")
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PluginError(f"{path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
