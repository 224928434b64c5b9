"""What all the classes share: the plugin, its contributions, and how a check fails."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import pytest

from pycemrg_core.api.kinds import kind_of
from pycemrg_core.api.records import Record
from pycemrg_core.errors import PluginError, PycemrgError, fault
from pycemrg_core.plugins import loading
from pycemrg_core.plugins.catalogue import Catalogue, compose
from pycemrg_core.plugins.loading import GROUP, LOCAL_FILE, Found, Plugin, Policy, State
from pycemrg_core.text.names import close_to


def fail(message: str) -> NoReturn:
    """Fail the test with only a message, without a traceback into the kit and without earlier exceptions."""
    raise pytest.fail.Exception(message, pytrace=False) from None


def require(holds: bool, message: str) -> None:
    """Fail the test with a message unless ``holds`` is true."""
    if not holds:
        fail(message)


def describe(error: BaseException) -> str:
    """An exception's type, its text, and where the plugin raised it."""
    return f"{type(error).__name__}: {fault(error)}" if isinstance(error, PycemrgError) else fault(error)


def find(plugin: str | Path) -> Found:
    """A plugin by the value of its entry point, installed or not, or by the path of a local file.

    Raises :class:`~pycemrg_core.errors.PluginError` when it is a file that does not exist.
    """
    installed = [found for found in loading.discover() if found.module == plugin and found.group == GROUP]
    if installed:
        return installed[0]
    if isinstance(plugin, Path) or plugin.endswith((".py", ".yaml", ".yml")):
        return loading.local_plugin(plugin)
    # Shown in messages as "my_heart (module my_heart.plugin)".
    return Found(plugin.partition(".")[0], "module", plugin, GROUP, plugin)


@cache
def load(plugin: str | Path) -> Plugin:
    """The plugin, loaded as the command line loads it. A plugin that cannot be found counts as failed."""
    try:
        return loading.load([find(plugin)], Policy())[0]
    except PluginError as error:
        return Plugin(Found(Path(plugin).stem, LOCAL_FILE, "-", GROUP, str(plugin)), State.FAILED, str(error))


def require_loaded(plugin: str | Path) -> None:
    """Fail when the plugin does not load."""
    loaded = load(plugin)
    hint = "; install its package: pip install -e ." if "ModuleNotFoundError" in loaded.reason else ""
    require(loaded.state is State.LOADED, f"plugin {plugin} does not load: {loaded.reason}{hint}")


@cache
def catalogue_with(plugin: str | Path) -> Catalogue:
    """The contributions of the plugin and of all other installed plugins."""
    mine = load(plugin)
    others = [found for found in loading.discover() if found != mine.found]
    return compose([mine, *loading.load(others, Policy())])


class Conformance:
    """The checks of one kind of contribution.

    ``plugin``: the module that the entry point names, or the path of a local plugin. ``name``: the one
    contribution to check; all of the kind by default. The fixture ``record`` is the one being checked.
    """

    plugin: str | Path
    name: str = ""
    kind: ClassVar[type[Record]]

    @classmethod
    def chosen(cls) -> list[Record]:
        """The records to check."""
        return [
            record for record in load(cls.plugin).records if type(record) is cls.kind and cls.name in ("", record.name)
        ]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Make one test for each record. Without records there are no tests; a separate test reports that."""
        if "record" in metafunc.fixturenames:
            chosen = self.chosen()
            metafunc.parametrize("record", chosen, ids=[record.name for record in chosen])

    @pytest.fixture
    def catalogue(self) -> Catalogue:
        """The plugin and all other installed plugins."""
        return catalogue_with(self.plugin)

    def test_there_is_something_to_check(self) -> None:
        """The plugin loads and contributes what this class checks."""
        require_loaded(self.plugin)
        word = kind_of(self.kind).word
        names = [record.name for record in load(self.plugin).records if type(record) is self.kind]
        require(
            bool(names),
            f"plugin {self.plugin} contributes no {word}; remove this class, or return one from the hook",
        )
        require(
            bool(self.chosen()),
            f"plugin {self.plugin} contributes no {word} called {self.name!r}"
            f"{close_to(self.name, names)} (it has {', '.join(names)})",
        )


def who(record: Record) -> str:
    """A record as it is named in messages: its kind, its name and where its code is."""
    code: Any = getattr(record, "run", None) or getattr(record, "function", None)
    return f"{kind_of(record).word} {record.name!r}{f' ({code})' if code else ''}"
