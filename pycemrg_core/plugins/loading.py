"""Finding plugins and collecting what they contribute.

``discover()`` reads metadata and imports nothing. ``load()`` imports the plugins that the policy allows and calls
their hooks. A plugin that fails becomes a value with a reason; the other plugins still work. Only this module uses
``pluggy.PluginManager``.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from itertools import islice
from types import ModuleType
from typing import Any

import pluggy
from attrs import field, frozen

from pycemrg_core.api.hookspecs import PROJECT, HookSpecs
from pycemrg_core.api.kinds import HOOKS
from pycemrg_core.api.records import Record
from pycemrg_core.api.refs import find_data_file, import_file, import_plugin_module, neighbours
from pycemrg_core.errors import PluginError, PycemrgError, defined_at, fault, returned_one
from pycemrg_core.guard import guarded
from pycemrg_core.plugins import metadata
from pycemrg_core.text.files import name_of

GROUP = "pycemrg.v1"
_ANY_GROUP = "pycemrg.v"
CORE_DISTRIBUTION = "pycemrg-core"
LOCAL_FILE = "local file"
BLOCKED_BY_NAME = "blocked by name"
_MOST_RECORDS = 10_000


class State(Enum):
    """The state of a plugin after loading."""

    LOADED = "loaded"
    BLOCKED = "blocked"
    INCOMPATIBLE = "incompatible"
    FAILED = "failed"


@frozen(order=True)
class Found:
    """A plugin as its metadata describes it, for the processes of a cohort too. None of its code has been imported."""

    name: str
    distribution: str
    version: str
    group: str
    module: str

    @property
    def built_in(self) -> bool:
        """Whether it comes with the core's own distribution."""
        return self.distribution == CORE_DISTRIBUTION

    @property
    def local(self) -> bool:
        """Whether it is one file that the user named."""
        return self.distribution == LOCAL_FILE

    @property
    def data_only(self) -> bool:
        """Whether it is a YAML file, without code: a local file, or ``package:file.yaml`` of a package."""
        return is_data(self.module)

    def __str__(self) -> str:
        if self.local:
            return f"{self.name} ({LOCAL_FILE})"
        return f"{self.name} ({self.distribution} {self.version})"


@frozen
class Plugin:
    """A plugin after loading: its state, the reason when it is not loaded, and its records.

    ``error``: the exception that it raised, for a full traceback.
    """

    found: Found
    state: State
    reason: str = ""
    records: tuple[Record, ...] = field(default=(), repr=False)
    error: BaseException | None = field(default=None, eq=False, repr=False)


@frozen
class Policy:
    """Which plugins may run. This is decided before any of their code is imported.

    ``allow``: names of entry points or distributions, or None for all. The built-in plugins are always allowed.
    ``block``: names that are not allowed; built-in plugins can be blocked too. ``strict``: a failure is fatal.
    """

    allow: frozenset[str] | None = None
    block: frozenset[str] = frozenset()
    strict: bool = False

    @classmethod
    def from_environment(cls, environment: dict[str, str] | None = None, no_plugins: bool = False) -> Policy:
        """Read ``PYCEMRG_PLUGINS`` and ``PYCEMRG_STRICT``.

        ``PYCEMRG_PLUGINS=a,b`` allows a, b and the built-in plugins. An empty value allows only the built-in plugins.
        ``-c`` blocks c.
        """
        values = os.environ if environment is None else environment
        listed = values.get("PYCEMRG_PLUGINS")
        strict = values.get("PYCEMRG_STRICT", "") not in ("", "0")
        if no_plugins:
            return cls(allow=frozenset(), strict=strict)
        if listed is None:
            return cls(strict=strict)
        names = [name.strip() for name in listed.split(",") if name.strip()]
        block = frozenset(name[1:] for name in names if name.startswith("-"))
        allow = frozenset(name for name in names if not name.startswith("-"))
        return cls(allow=None if block and not allow else allow, block=block, strict=strict)

    def unknown(self, found: Iterable[Found]) -> Iterator[str]:
        """One line for each name in the policy that no plugin has: it may be misspelt."""
        names = {name for one in found for name in (one.name, one.distribution)}
        for name in sorted((self.allow or frozenset()) | self.block):
            if name not in names:
                from pycemrg_core.text.names import close_to

                yield f"no plugin is called {name!r}{close_to(name, names)}"

    def refusal(self, found: Found) -> str:
        """Why a plugin must not be imported; empty if it may."""
        names = {found.name, found.distribution}
        if names & self.block:
            return BLOCKED_BY_NAME
        if self.allow is not None and not found.built_in and not names & self.allow:
            return "not among the plugins allowed" if self.allow else "plugins are switched off"
        return ""


def is_data(name: str | os.PathLike[str]) -> bool:
    """Whether a file's name, or an entry point's value, says that it is YAML."""
    return os.fspath(name).endswith((".yaml", ".yml"))


def discover(path: Sequence[str] | None = None) -> tuple[Found, ...]:
    """All installed plugins, of any API version, sorted. Reads only metadata."""
    points = metadata.entry_points(_ANY_GROUP, None if path is None else list(path))
    return tuple(
        sorted(Found(point.name, point.distribution, point.version, point.group, point.value) for point in points)
    )


def local_plugin(path: str | os.PathLike[str]) -> Found:
    """A plugin that is one file: Python with hooks, or YAML with records.

    Its version is a hash of its content and of the modules next to it that it uses.

    Raises :class:`PluginError` when the file is missing, is neither .py nor .yaml, or cannot be read.
    """
    import hashlib
    from pathlib import Path  # only local plugins need these

    file = Path(path)
    if not file.is_file():
        raise PluginError(f"{name_of(path)}: no such plugin file; give a .py or .yaml file that exists")
    if file.suffix != ".py" and not is_data(file):
        raise PluginError(f"{name_of(path)}: not a local plugin; give a .py or .yaml file")
    beside = [] if is_data(file) else [Path(one) for one in neighbours(str(file.resolve()))]
    try:
        digest = hashlib.sha256(file.read_bytes())
        for one in (code for each in beside for code in (sorted(each.rglob("*.py")) if each.is_dir() else [each])):
            digest.update(one.read_bytes())
    except OSError as error:
        raise PluginError(f"{name_of(path)}: cannot be read: {error.strerror}; check its permissions") from error
    return Found(file.stem, LOCAL_FILE, digest.hexdigest()[:12], GROUP, str(file.resolve()))


def load(found: Iterable[Found], policy: Policy, known: Iterable[Plugin] = ()) -> tuple[Plugin, ...]:
    """Import what the policy allows and collect its records, in the order of ``found``.

    ``known``: plugins that were loaded before and are not loaded again.

    Raises :class:`PluginError` for the first failure when the policy is strict.
    """
    found, manager = tuple(found), pluggy.PluginManager(PROJECT)
    before = {plugin.found: plugin for plugin in known if plugin.state in (State.LOADED, State.FAILED)}
    if not before.keys() >= {*found}:  # else no hook is called
        manager.add_hookspecs(HookSpecs)
    plugins = tuple(_load_one(manager, one, policy, before) for one in found)
    if policy.strict:
        refuse_failures(plugins)
    return plugins


def refuse_failures(plugins: Iterable[Plugin]) -> None:
    """Raise :class:`PluginError` for the first plugin that should have loaded and did not."""
    for plugin in plugins:
        if plugin.state in (State.FAILED, State.INCOMPATIBLE):
            raise PluginError(f"plugin {plugin.found}: {plugin.reason}; fix it, or unset PYCEMRG_STRICT to go on")


def _load_one(manager: pluggy.PluginManager, found: Found, policy: Policy, known: Mapping[Found, Plugin]) -> Plugin:
    if refusal := policy.refusal(found):
        return Plugin(found, State.BLOCKED, refusal)
    if found.group != GROUP:
        return Plugin(
            found,
            State.INCOMPATIBLE,
            f"written for plugin API {found.group}, but this is {GROUP}; install a matching version",
        )
    if found in known:
        return known[found]
    try:
        with guarded():
            return Plugin(found, State.LOADED, records=_records(manager, found))
    except KeyboardInterrupt:
        raise
    except _PluginFaultError as error:
        return Plugin(found, State.FAILED, str(error), error=error)
    except PycemrgError as error:
        return Plugin(found, State.FAILED, " ".join(fault(error).split()), error=error)
    except BaseException as error:  # a plugin may also raise SystemExit, or a class of its own
        return Plugin(found, State.FAILED, f"importing {found.module!r}: {fault(error)}", error=error)


class _PluginFaultError(Exception):
    """The plugin was imported, but its hooks or records are wrong."""


def _records(manager: pluggy.PluginManager, found: Found) -> tuple[Record, ...]:
    is_file = found.local
    if found.data_only:
        from pathlib import Path

        from pycemrg_core.api.documents import records_from_yaml

        return records_from_yaml(Path(found.module if is_file else find_data_file(found.module)))
    module = import_file(found.module) if is_file else import_plugin_module(found.module)
    _require_hooks(manager, module)
    try:
        manager.register(module, name=f"{found.distribution}:{found.name}")
    except pluggy.PluginValidationError as error:
        raise _PluginFaultError(f"a hook does not match its specification: {fault(error)}") from error
    except ValueError as error:
        raise _PluginFaultError(f"module {found.module!r} is registered twice") from error
    records: list[Record] = []
    for hook, record_type in HOOKS.items():
        records.extend(_call(manager, module, hook, record_type))
    return tuple(records)


def _close_hooks(name: str, cutoff: float = 0.6) -> str:
    from pycemrg_core.text.names import close_to  # only for what is no hook

    return close_to(name, HOOKS, cutoff)


def _require_hooks(manager: pluggy.PluginManager, module: ModuleType) -> None:
    """Refuse misspelt hooks and hooks without the marker: pluggy would ignore them silently."""
    marked = 0
    for name in sorted(vars(module)):
        if not callable(getattr(module, name)):
            continue
        options = manager.parse_hookimpl_opts(module, name)
        if options is None:
            if inspect.isfunction(getattr(module, name)) and (name in HOOKS or _close_hooks(name, 0.9)):
                hint = _close_hooks(name) if name not in HOOKS else ""
                where = defined_at(getattr(module, name))
                raise _PluginFaultError(f"{name} is not marked with @hookimpl{hint}{where}")
            continue
        marked += 1
        where = defined_at(getattr(module, name))
        hook = options.get("specname") or name
        if hook not in HOOKS:
            raise _PluginFaultError(f"unknown hook {hook!r}{_close_hooks(hook)}{where}")
        if asked := [p.name for p in _parameters(getattr(module, name)) if p.default is p.empty]:
            raise _PluginFaultError(f"{hook} takes no arguments, but asks for {', '.join(map(repr, asked))}{where}")
        if any(options.get(key) for key in ("wrapper", "hookwrapper", "tryfirst", "trylast")):
            raise _PluginFaultError(
                f"{hook} asks for an order or wraps other hooks; remove that, hooks only return records{where}"
            )
    if not marked:
        raise _PluginFaultError(f"module {module.__name__!r} implements no hook; mark functions with @hookimpl")


def _parameters(function: Any) -> Iterable[inspect.Parameter]:
    return inspect.signature(function).parameters.values()


def _call(manager: pluggy.PluginManager, module: ModuleType, hook: str, record_type: type[Record]) -> list[Record]:
    caller = getattr(manager.hook, hook)
    found: dict[str, Record] = {}
    for implementation in caller.get_hookimpls():
        if implementation.plugin is not module:
            continue
        where = defined_at(implementation.function)
        try:
            # Read the generator here: if it failed later, the error would not name the plugin.
            returned = implementation.function()
            records = list(islice(returned, _MOST_RECORDS + 1)) if isinstance(returned, Iterable) else None
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise _PluginFaultError(f"{hook} failed: {fault(error, implementation.function)}") from error
        if records is None:
            raise _PluginFaultError(f"{hook} {returned_one(returned, f'{record_type.__name__}s')}{where}")
        if len(records) > _MOST_RECORDS:
            raise _PluginFaultError(f"{hook} returns more than {_MOST_RECORDS:,} records; does it end?{where}")
        for record in records:
            if type(record) is not record_type:
                raise _PluginFaultError(
                    f"{hook} must return {record_type.__name__} records, not {_shown(record)}{where}"
                )
            if record.name in found:
                raise _PluginFaultError(f"{hook} returns the name {record.name!r} twice{where}")
            found[record.name] = record
    return list(found.values())


def _shown(value: object) -> str:
    try:
        return f"{value!r:.80}"
    except Exception:  # the plugin's own class has a broken repr
        return f"a {type(value).__name__}"
