"""Everything that the plugins contribute, each with its plugin.

A catalogue is a value: it is built once, passed to the code that needs it, and never changed. Two catalogues with
different plugins can exist at the same time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from os import PathLike
from typing import Any, Generic, TypeVar

from attrs import field, frozen

from pycemrg_core.api.kinds import KINDS, kind_of
from pycemrg_core.api.records import Record
from pycemrg_core.errors import NameConflictError, UnknownNameError
from pycemrg_core.plugins import loading
from pycemrg_core.plugins.loading import BLOCKED_BY_NAME, Found, Plugin, Policy, State

R = TypeVar("R", bound=Record)
R_co = TypeVar("R_co", bound=Record, covariant=True)


@frozen
class Contribution(Generic[R_co]):
    """A record and the plugin that provides it."""

    record: R_co
    provider: Found

    @property
    def name(self) -> str:
        return self.record.name

    @property
    def qualified_name(self) -> str:
        """``provider:name``, which is never ambiguous between plugins."""
        return f"{self.provider.name}:{self.record.name}"

    def answers_to(self, name: str) -> bool:
        """Whether ``name`` is its name, alone or as ``plugin:name`` or ``distribution:name``."""
        provider, _, bare = name.rpartition(":")
        return bare == self.name and provider in ("", self.provider.name, self.provider.distribution)


def _sorted(contributions: Iterable[Contribution[Record]]) -> tuple[Contribution[Record], ...]:
    return tuple(sorted(contributions, key=lambda c: (KINDS.index(kind_of(c.record)), c.name, c.provider)))


@frozen
class Catalogue:
    """All contributions, sorted by kind, name and provider, and the plugins that they come from."""

    contributions: tuple[Contribution[Record], ...] = field(converter=_sorted)
    plugins: tuple[Plugin, ...] = ()
    _of_kind: dict[type[Record], tuple[Contribution[Any], ...]] = field(init=False, eq=False, repr=False)
    _called: dict[tuple[type[Record], str], list[Contribution[Any]]] = field(init=False, eq=False, repr=False)

    @_of_kind.default
    def _sort_by_kind(self) -> dict[type[Record], tuple[Contribution[Any], ...]]:
        kinds = {type(contribution.record) for contribution in self.contributions}
        return {kind: tuple(c for c in self.contributions if type(c.record) is kind) for kind in kinds}

    @_called.default
    def _sort_by_name(self) -> dict[tuple[type[Record], str], list[Contribution[Any]]]:
        called: dict[tuple[type[Record], str], list[Contribution[Any]]] = {}
        for contribution in self.contributions:
            called.setdefault((type(contribution.record), contribution.name), []).append(contribution)
        return called

    def all(self, kind: type[R]) -> tuple[Contribution[R], ...]:
        """Every contribution of one kind, including conflicting ones."""
        return self._of_kind.get(kind, ())

    def find(self, kind: type[R], name: str) -> Contribution[R]:
        """The one contribution of this kind called ``name`` or ``provider:name``.

        A provider is the name of a plugin's entry point or of its distribution.

        Raises :class:`UnknownNameError` with close matches and the plugins that failed, and
        :class:`NameConflictError` naming every provider when there are several.
        """
        if not isinstance(name, str):
            raise UnknownNameError(f"{name!r:.80} is not the name of a {kind_of(kind).word}; give its name as text")
        matches = [c for c in self._called.get((kind, name.rpartition(":")[2]), ()) if c.answers_to(name)]
        if len(matches) == 1:
            return matches[0]
        if matches:
            raise NameConflictError(_conflict(kind_of(kind).word, name, matches))
        raise UnknownNameError(self._unknown(kind, name))

    def get(self, kind: type[R], name: str) -> R:
        """The record that :meth:`find` finds."""
        return self.find(kind, name).record

    def named(self, name: str) -> tuple[Contribution[Record], ...]:
        """Contributions of any kind with this name or ``provider:name``."""
        return tuple(c for c in self.contributions if c.answers_to(name))

    def conflicts(self) -> Iterator[str]:
        """One line for each name that two providers use."""
        for kind in KINDS:
            by_name: dict[str, list[Contribution[Record]]] = {}
            for contribution in self.all(kind.record):
                by_name.setdefault(contribution.name, []).append(contribution)
            for name, matches in by_name.items():
                if len(matches) > 1:
                    yield _conflict(kind.word, name, matches)

    def failures(self) -> tuple[Plugin, ...]:
        """Plugins that should have loaded and did not."""
        return tuple(p for p in self.plugins if p.state in (State.FAILED, State.INCOMPATIBLE))

    def __repr__(self) -> str:
        from pycemrg_core.shown.words import counted  # no command shows a catalogue

        provided = _counted(one.record for one in self.contributions)
        return f"<Catalogue: {counted(len(self.plugins), 'plugin')} with {provided}>"

    def _repr_html_(self) -> str:
        from pycemrg_core.shown.words import html_table

        columns = ("plugin", "from", "state", "provides, or why not")
        rows = [
            (p.found.name, f"{p.found.distribution} {p.found.version}", p.state.value, p.reason or _counted(p.records))
            for p in self.plugins
        ]
        return html_table(repr(self)[1:-1], columns, rows, notes=self.conflicts())

    def _unknown(self, kind: type[Record], name: str) -> str:
        from pycemrg_core.text.names import close_to  # only a mistake needs it

        known = {c.qualified_name if ":" in name else c.name for c in self.all(kind)}
        text = f"no {kind_of(kind).word} is called {name!r}{close_to(name, sorted(known))}"
        if others := dict.fromkeys(kind_of(one.record).a_word for one in self.named(name)):
            text += f"; it is {' and '.join(others)}"
        if failed := self.failures():
            text += f" (not loaded: {'; '.join(str(plugin.found) for plugin in failed)}; see list-plugins)"
        if blocked := [plugin.found.name for plugin in self.plugins if plugin.reason == BLOCKED_BY_NAME]:
            text += f" (blocked by name: {', '.join(blocked)})"
        return text


def _counted(records: Iterable[Record]) -> str:
    kinds = [type(record) for record in records]
    return ", ".join(kind.counted(kinds.count(kind.record)) for kind in KINDS if kind.record in kinds)


def _conflict(kind: str, name: str, matches: Iterable[Contribution[Record]]) -> str:
    matches = tuple(matches)
    choices = [match.qualified_name for match in matches]
    if len(set(choices)) < len(choices):
        choices = [f"{match.provider.distribution}:{match.name}" for match in matches]
    providers = ", ".join(str(match.provider) for match in matches)
    return f"{kind} {name!r} is provided by {providers}; say which: {' or '.join(choices)}"


def load_catalogue(
    policy: Policy | None = None,
    *,
    local: Iterable[str | PathLike[str]] = (),
    found: Iterable[Found] | None = None,
    known: Iterable[Plugin] = (),
) -> Catalogue:
    """Discover plugins, load those that the policy allows, and compose their contributions.

    ``policy``: by default the one of the environment (see :meth:`Policy.from_environment`). ``local``: plugins
    that are one file each. ``found``: plugins to use instead of discovering the installed ones. ``known``: plugins
    that were loaded before and are not loaded again.

    A plugin that fails is listed in ``catalogue.plugins`` with its reason. The other plugins still work.
    """
    policy = Policy.from_environment() if policy is None else policy
    candidates = loading.discover() if found is None else tuple(found)
    local_files = tuple(dict.fromkeys(map(loading.local_plugin, (local,) if isinstance(local, str) else local)))
    # A file that the user names is always allowed: the policy is about installed plugins.
    known = tuple(known)
    loaded = loading.load(candidates, policy, known)
    return compose(loaded + loading.load(local_files, Policy(strict=policy.strict), known))


def compose(loaded: Iterable[Plugin]) -> Catalogue:
    """A catalogue of plugins that are already loaded."""
    loaded = tuple(sorted(loaded, key=lambda plugin: plugin.found))
    return Catalogue(
        tuple(Contribution(record, plugin.found) for plugin in loaded for record in plugin.records), loaded
    )
