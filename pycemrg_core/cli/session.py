"""What the commands share: the plugins in use, and how to show tables and progress."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import click

from pycemrg_core.cli.terminal import Interrupts, style
from pycemrg_core.errors import debugging

if TYPE_CHECKING:
    from pycemrg_core.plugins.catalogue import Catalogue
    from pycemrg_core.plugins.loading import Found, Plugin, Policy

F = TypeVar("F", bound=Callable[..., Any])

_TOLD = {"failed": "failed", "incompatible": "is incompatible"}


class Session:
    """The plugin options of one call of the command line, and the catalogue that results."""

    def __init__(self) -> None:
        self.no_plugins = False
        self.local: list[str] = []
        self.project = False
        self.traceback = debugging()
        self.interrupts = Interrupts()
        self._found: tuple[Found, ...] = ()
        self._known: dict[Found, Plugin] = {}
        self._catalogue: Catalogue | None = None

    def quiet_catalogue(self) -> Catalogue:
        """The catalogue, without messages about plugins that failed, even if the policy is strict."""
        if self._catalogue is None:
            self._catalogue = self._load(lambda _name: True)
        return self._catalogue

    def command_catalogue(self) -> Catalogue:
        """The catalogue for looking up commands. YAML plugins cannot contribute commands, and reading YAML is slow. So
        they are left out until a command asks for the whole catalogue: that keeps ``--help`` fast."""
        from pycemrg_core.plugins.loading import is_data

        return self._catalogue or self._load(lambda name: not is_data(name))

    def _load(self, wanted: Callable[[str], bool]) -> Catalogue:
        """Load the plugins whose module or file is wanted. No plugin is loaded twice in a session."""
        from pycemrg_core.plugins.catalogue import load_catalogue
        from pycemrg_core.plugins.loading import discover

        self._found = self._found or discover()
        catalogue = load_catalogue(
            attrs.evolve(self._policy(), strict=False),
            local=[path for path in (*self._project_files(), *self.local) if wanted(path)],
            found=[one for one in self._found if wanted(one.module)],
            known=self._known.values(),
        )
        self._known |= {plugin.found: plugin for plugin in catalogue.plugins}
        return catalogue

    def _policy(self) -> Policy:
        from pycemrg_core.plugins.loading import Policy

        return Policy.from_environment(no_plugins=self.no_plugins)

    def _project_files(self) -> tuple[str, ...]:
        """The plugins that ``pycemrg.toml`` lists, if the user asked for them."""
        if not self.uses_project:
            return ()
        from pycemrg_core.plugins.project import project_plugins

        return project_plugins(os.curdir, required=self.project)

    def catalogue(self) -> Catalogue:
        """The catalogue. Plugins that failed are named on stderr, one line each.

        Raises :class:`PluginError` when the policy is strict and a plugin failed.
        """
        from pycemrg_core.plugins.loading import refuse_failures

        catalogue = self.quiet_catalogue()
        if self._policy().strict:
            refuse_failures(catalogue.plugins)
        for plugin in catalogue.failures():
            self.show_chain(plugin.error)
            click.echo(f"warning: plugin {plugin.found} {_TOLD[plugin.state.value]}: {plugin.reason}", err=True)
        return catalogue

    def show_chain(self, error: BaseException | None) -> None:
        """Print an error with its full traceback on stderr, if the user asked for it."""
        if self.traceback and error is not None:
            import traceback

            traceback.print_exception(error)

    @property
    def uses_project(self) -> bool:
        """Whether the user asked, by option or environment, for the plugins in ``pycemrg.toml``."""
        return self.project or (os.environ.get("PYCEMRG_PROJECT", "") not in ("", "0") and not self.no_plugins)

    def add_local(self, _ctx: click.Context, _param: click.Parameter, paths: tuple[str, ...]) -> None:
        self.local.extend(path for path in paths if path not in self.local)
        if paths:
            self._catalogue = None


def _no_plugins(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    session = ctx.find_root().ensure_object(Session)
    if value:
        session.no_plugins, session._catalogue = True, None


def _project(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    session = ctx.find_root().ensure_object(Session)
    if value:
        session.project, session._catalogue = True, None


def _traceback(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        ctx.find_root().ensure_object(Session).traceback = True


def _local(ctx: click.Context, param: click.Parameter, paths: tuple[str, ...]) -> None:
    ctx.find_root().ensure_object(Session).add_local(ctx, param, paths)


def plugin_options(command: F) -> F:
    """The options that choose plugins; they work before and after the command's name."""
    command = click.option(
        "--plugin", "local", multiple=True, metavar="FILE", is_eager=True, expose_value=False,
        callback=_local, help="Use a plugin that is one file, .py or .yaml; may be repeated.",
    )(command)  # fmt: skip
    command = click.option(
        "--project", is_flag=True, is_eager=True, expose_value=False, callback=_project,
        help="Use the plugin files that pycemrg.toml in this folder lists.",
    )(command)  # fmt: skip
    command = click.option(
        "--traceback", is_flag=True, is_eager=True, expose_value=False, callback=_traceback,
        help="If something fails, show the full Python traceback, as with PYCEMRG_DEBUG=1.",
    )(command)  # fmt: skip
    return click.option(
        "--no-plugins", is_flag=True, is_eager=True, expose_value=False, callback=_no_plugins,
        help="Use only the built-in plugins.",
    )(command)  # fmt: skip


def session_of(ctx: click.Context) -> Session:
    """The session of a running command."""
    return ctx.find_root().ensure_object(Session)


def echo_json(data: Any) -> None:
    """Print data as JSON on stdout."""
    import json

    click.echo(json.dumps(data, indent=2, ensure_ascii=False))


def echo_table(headers: Sequence[str], rows: Iterable[Sequence[object]], right: Sequence[int] = ()) -> None:
    """Print a table that fits the terminal; wide columns wrap. The columns in ``right`` align right."""
    import textwrap  # JSON does not need it

    cells = [[str(cell) for cell in row] for row in rows]
    room = terminal_width()
    widths = [max(len(line[i]) for line in [list(headers), *cells]) for i in range(len(headers))]
    while sum(widths) + 2 * (len(widths) - 1) > room:
        # Narrow the last column first, because it is prose; the first one last, because it is a name to copy.
        others = max(widths[1:], default=0)
        widths[-1 if widths[-1] > 24 else 0 if others <= 8 else widths.index(others, 1)] -= 1

    def line(row: Sequence[str], bold: bool = False) -> None:
        columns = [textwrap.wrap(cell, width) for cell, width in zip(row, widths, strict=True)]
        for parts in zip_longest(*columns, fillvalue=""):
            aligned = [
                part.rjust(width) if i in right else part.ljust(width)
                for i, (part, width) in enumerate(zip(parts, widths, strict=True))
            ]
            click.echo(style("  ".join(aligned).rstrip(), bold=bold))

    line(headers, bold=True)
    for row in cells:
        line(row)


def wrapped(text: str, first: str = "", rest: str = "") -> str:
    """A text wrapped to the terminal's width. ``first`` starts its first line, ``rest`` the others."""
    return click.wrap_text(text, terminal_width(), first, rest)


def terminal_width() -> int:
    """The width of the terminal. In a pipe there is no limit, so that text to search for stays on one line."""
    if not sys.stdout.isatty():
        return sys.maxsize
    return max(60, min(columns(), 120))


def columns() -> int:
    """The columns of the terminal, 80 where there is none. For the same answer, ``shutil`` imports archive formats."""
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given):
        return int(given)
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or 80  # type: ignore[union-attr]
    except (AttributeError, ValueError, OSError):  # no stdout, a closed one, or a pipe
        return 80
