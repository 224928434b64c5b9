"""Checks of a plugin's module: it loads, is light and quiet, and everything that it refers to exists."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import attrs
import click
import pytest

from pycemrg_core.api.kinds import kind_of
from pycemrg_core.api.records import Command, Recipe, Record, Schematic
from pycemrg_core.api.refs import Ref
from pycemrg_core.cli.faults import record_faults
from pycemrg_core.errors import RefError
from pycemrg_core.plugins import loading
from pycemrg_core.plugins.catalogue import compose
from pycemrg_core.plugins.loading import GROUP, Plugin, Policy, State
from pycemrg_core.testing.base import fail, load, require, require_loaded, who

# Imports a plugin in a fresh interpreter. The last line says which modules this imported.
_IMPORT = """
import json, os, sys
from pathlib import Path
from pycemrg_core.api import hookspecs, records
from pycemrg_core.api.refs import import_file, import_plugin_module
before = set(sys.modules)
import_file(Path(sys.argv[1])) if sys.argv[1].endswith(".py") else import_plugin_module(sys.argv[1])
print()
print(json.dumps(sorted(set(sys.modules) - before)))
"""


class PluginConformance:
    """``plugin``: the module that the entry point names, or the path of a local plugin.

    ``heavy``: libraries that this module must not import, because every ``pycemrg --help`` imports the module.
    """

    plugin: str | Path
    heavy: tuple[str, ...] = ("numpy", "scipy", "SimpleITK", "cattrs", "yaml", "PIL")

    @pytest.fixture
    def loaded(self) -> Plugin:
        """The plugin, for checks that need a loaded plugin."""
        plugin = load(self.plugin)
        if plugin.state is not State.LOADED:
            pytest.skip("the plugin does not load")
        return plugin

    @pytest.fixture
    def importing(self) -> tuple[list[str], str]:
        """The modules that importing the plugin's module imports, and what it prints."""
        found = load(self.plugin).found
        if found.data_only:
            pytest.skip("a YAML file is not imported")
        done = _imported(found.module)
        if done.returncode:
            pytest.skip("the plugin cannot be imported")
        printed, _, modules = done.stdout.rstrip("\n").rpartition("\n")
        return json.loads(modules), (printed + done.stderr).strip()

    def test_it_loads(self) -> None:
        """Its hooks are marked, match their specifications and return valid records with unique names."""
        require_loaded(self.plugin)

    def test_its_hooks_repeat_themselves(self, loaded: Plugin) -> None:
        """A second call of the hooks returns the same records."""
        again = loading.load([loaded.found], Policy())[0]
        names = {who(one) for one in loaded.records} ^ {who(one) for one in again.records}
        changed = names or {who(a) for a, b in zip(loaded.records, again.records, strict=False) if a != b}
        require(
            again.records == loaded.records,
            f"plugin {self.plugin} returns other records when its hooks are called again"
            f" ({', '.join(sorted(changed)) or again.reason or 'in another order'}); return the same ones each time",
        )

    def test_its_references_resolve(self, loaded: Plugin) -> None:
        """Every ``Ref`` names an object that exists."""
        wrong = []
        for record in loaded.records:
            for field, ref in _references(record):
                try:
                    ref.load()
                except RefError as error:
                    wrong.append(f"{kind_of(record).word} {record.name!r}, {field}: {error}")
        require(not wrong, "; ".join([*wrong, "correct the Ref or the module it names"]))

    def test_its_references_fit(self, loaded: Plugin) -> None:
        """The core can call what a ``Ref`` names. A contract is frozen, and each field has a role."""
        catalogue = compose([loaded])
        wrong = []
        for record in loaded.records:
            if isinstance(record, (Schematic, Recipe)) or not _loads(record):
                continue  # planning them is for their own classes; what does not resolve is reported above
            wrong += [f"{who(record)}: {fault}" for fault in record_faults(record, catalogue)]
        require(not wrong, "; ".join(wrong))

    def test_its_commands_have_their_names(self, loaded: Plugin) -> None:
        """Each click command has the name of its record, so that its help says what to type."""
        for record in loaded.records:
            if isinstance(record, Command) and _loads(record):
                command = record.command.load()
                require(
                    not isinstance(command, click.Command) or command.name == record.name,
                    f"command {record.name!r}: the click command {record.command} is called "
                    f"{getattr(command, 'name', '')!r}; use @click.command({record.name!r})",
                )

    def test_its_module_is_light(self, importing: tuple[list[str], str]) -> None:
        """Importing the module imports no heavy library."""
        if load(self.plugin).found.local:
            pytest.skip("a local file is imported only when it is asked for")
        brought = {name.partition(".")[0] for name in importing[0]} & set(self.heavy)
        require(
            not brought,
            f"importing {self.plugin} imports {', '.join(sorted(brought))}, which slows down every pycemrg --help; "
            "move the code to another module and refer to it by Ref",
        )

    def test_its_module_is_quiet(self, importing: tuple[list[str], str]) -> None:
        """Importing the module prints nothing."""
        require(
            not importing[1],
            f"importing {self.plugin} prints {importing[1][:80]!r}, which would appear in every command; remove it",
        )

    def test_it_has_an_entry_point(self) -> None:
        """The distribution that holds the module names it in the group of the plugin API."""
        if load(self.plugin).found.local:
            pytest.skip("a local file needs no entry point")
        groups = {found.group for found in loading.discover() if found.module == self.plugin}
        if GROUP in groups:
            return
        package = str(self.plugin).partition(".")[0]
        distributions = _packages(*sys.path).get(package, [])
        if not groups and not distributions:
            pytest.skip(f"no installed distribution holds {package}; install it to check its entry point")
        declared = f"is declared in the group {', '.join(groups)}" if groups else "is not declared"
        fail(
            f"the entry point of {self.plugin} {declared}; put into pyproject.toml: "
            f'[project.entry-points."{GROUP}"] {package} = "{self.plugin}"',
        )


@cache  # it reads the list of files of everything that is installed
def _packages(*_path: str) -> Mapping[str, list[str]]:
    return packages_distributions()


def _references(record: Record) -> Iterator[tuple[str, Ref]]:
    for field in attrs.fields(type(record)):
        if isinstance(ref := getattr(record, field.name), Ref):
            yield field.name, ref


def _loads(record: Record) -> bool:
    try:
        for _, ref in _references(record):
            ref.load()
    except RefError:
        return False
    return True


@cache
def _imported(module: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _IMPORT, module],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
