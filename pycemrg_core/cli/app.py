"""The ``pycemrg`` group. It finds commands by name, ours and those of plugins, and reports errors."""

from __future__ import annotations

import atexit
import gc
import importlib
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pycemrg_core import __version__
from pycemrg_core.api.kinds import KINDS
from pycemrg_core.api.records import Command
from pycemrg_core.cli.session import Session, columns, plugin_options
from pycemrg_core.cli.terminal import safe_streams
from pycemrg_core.errors import PluginError, PycemrgError, blaming, fault
from pycemrg_core.text.files import name_of

if TYPE_CHECKING:
    from pycemrg_core.plugins.catalogue import Contribution

T = TypeVar("T")

_LISTS = {kind.listing: kind for kind in KINDS}

# name: (module:object, help line), in the order of the help page.
_COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("run:run", "Run a recipe on a label map."),
    "plan": ("plan:plan", "Show what a run would do, without running it."),
    "init": ("init:init", "Write a configuration folder for a recipe."),
    "describe": ("describe:describe", "Show what a name reads and writes, and which plugin provides it."),
    **{kind.listing: ("", kind.help) for kind in KINDS},
    "list-plugins": ("list_plugins:list_plugins", "Plugins, their state and what they provide."),
    "new-plugin": ("new_plugin:new_plugin", "Write a working plugin package to start from."),
    "bug-report": ("bug_report:bug_report", "Versions, plugins and platform for a bug report."),
}


# What the system says of a path that no file can have, wherever it is first looked at.
_SHOWN = 80  # characters of such a path
_OBJECTS = 100_000  # new ones, until Python looks for circles among them: with 700, a twentieth of the time of a run


def on_a_terminal() -> bool:
    """Whether somebody reads what goes to stderr."""
    return bool(sys.stderr and sys.stderr.isatty())


class CommandError(click.ClickException):
    """An error that the user can correct: one line on stderr, exit code 1."""

    def show(self, file: Any = None) -> None:
        click.echo(f"error: {self.message}", err=True)


class PycemrgGroup(click.Group):
    """A group that imports a command only when it runs."""

    def main(self, *args: Any, **extra: Any) -> Any:
        # numpy comes later. The threads of its linear algebra spin while they wait: a seventh of the time of a run.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "1"))
        gc.set_threshold(max(_OBJECTS, gc.get_threshold()[0]))
        atexit.register(gc.freeze)  # Python looks for circles at its end too: a tenth of the time of a run
        session = Session()
        with safe_streams(), session.interrupts.watched():
            if on_a_terminal():
                _note_another_program()
            return super().main(*args, **{"obj": session, **extra})

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*_COMMANDS, *(name for name, _ in self._plugin_commands(ctx))]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name in _LISTS:
            from pycemrg_core.cli.lists import list_command

            return list_command(_LISTS[name])
        if name in _COMMANDS:
            module, _, attribute = _COMMANDS[name][0].partition(":")
            command: click.Command = getattr(importlib.import_module(f"{__package__}.{module}"), attribute)
            return command
        catalogue = ctx.ensure_object(Session).command_catalogue()
        if not any(c.answers_to(name) for c in catalogue.all(Command)):
            return None
        return _reported(ctx, lambda: _load(catalogue.find(Command, name)))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            from pycemrg_core.cli.hints import unavailable

            if why := unavailable("commands", args[0], ctx.ensure_object(Session).quiet_catalogue()):
                raise CommandError(why)
            from pycemrg_core.text.names import close_to

            known = self.list_commands(ctx)
            begin = [one for one in known if one.startswith(args[0])]
            hint = close_to(args[0], known) or self._inside_another(ctx, args[0]) or close_to(args[0], begin, 0)
            if os.path.isfile(args[0]):
                hint = f"; the command comes first, as in 'pycemrg labels show {args[0]}'"
            raise click.UsageError(f"no command is called {args[0]!r}{hint}", ctx)
        return super().resolve_command(ctx, args)

    def _inside_another(self, ctx: click.Context, name: str) -> str:
        """A hint when a group has a command of that name: ``labels show`` for ``show``."""
        for outer in self.list_commands(ctx):
            group = self.get_command(ctx, outer)
            if isinstance(group, click.Group) and name in group.list_commands(ctx):
                return f"; did you mean '{outer} {name}'?"
        return ""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Show the help lines from the tables, so that no command is imported for them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in _COMMANDS.items()])
        if contributed := self._plugin_commands(ctx):
            with formatter.section("Commands of plugins"):
                formatter.write_dl(contributed)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        # Find the option anywhere on the line, before a plugin is imported to look for the command.
        if "--no-plugins" in args[: args.index("--") if "--" in args else None]:
            ctx.ensure_object(Session).no_plugins = True
        _require_filled(ctx, args)
        ctx.terminal_width = max(50, min(columns(), 80) - 2)  # as click sets it, which imports shutil for it
        parsed: list[str] = _reported(ctx, lambda: super(PycemrgGroup, self).parse_args(ctx, args))
        return parsed

    def invoke(self, ctx: click.Context) -> Any:
        return _reported(ctx, lambda: super(PycemrgGroup, self).invoke(ctx))

    def _plugin_commands(self, ctx: click.Context) -> list[tuple[str, str]]:
        contributions = ctx.ensure_object(Session).command_catalogue().all(Command)
        names = [c.name for c in contributions]
        return [
            # Two commands with one name: both are listed by their qualified names, and neither wins silently.
            (
                c.name if names.count(c.name) == 1 and c.name not in _COMMANDS else c.qualified_name,
                c.record.summary,
            )
            for c in contributions
        ]


def _require_filled(ctx: click.Context, args: list[str]) -> None:
    """Refuse an empty argument: as a path it would be this folder, or no file at all."""
    for before, word in zip(("", *args), args, strict=False):
        unfilled = word.startswith("--") and word.endswith("=")
        if not word or unfilled:
            after = word[:-1] if unfilled else before
            where = f" after {after}" if after else ""
            text = f"an argument is empty{where}; give it a value, or leave it out (is a shell variable not set?)"
            raise click.UsageError(text, ctx)


def _note_another_program() -> None:
    from pycemrg_core.cli.program import note

    if text := note():
        click.echo(f"note: {text}", err=True)


def _load(contribution: Contribution[Command]) -> click.Command:
    with blaming(PluginError, _who(contribution)):
        found = contribution.record.command.load()
        if not isinstance(found, click.Command):
            raise PluginError(f"{contribution.record.command} is not a click command; decorate it with @click.command")
        return found


def _who(contribution: Contribution[Command]) -> str:
    return f"command {contribution.name!r} of {contribution.provider}"


def _reported(ctx: click.Context, work: Callable[[], T]) -> T:
    """Do the work. A user's mistake becomes one line, no matter what raised it; so does the failure of a plugin."""
    session = ctx.ensure_object(Session)
    try:
        return work()
    except PycemrgError as error:
        session.show_chain(error)
        raise CommandError(str(error)) from error
    except KeyboardInterrupt:
        raise CommandError("interrupted") from None
    except MemoryError as error:
        session.show_chain(error)
        raise CommandError(fault(error)) from error
    except (click.ClickException, click.exceptions.Exit, click.Abort, SystemExit, BrokenPipeError):
        raise  # these end a command in the normal way
    except BaseException as error:
        import errno

        if isinstance(error, OSError) and error.errno in (errno.ENAMETOOLONG, errno.ELOOP):
            path = str(error.filename or "a path")
            shown = path if len(path) <= _SHOWN else f"{path[:_SHOWN]}..."
            raise CommandError(f"{name_of(shown)}: {error.strerror}; give another path") from error
        name = ctx.invoked_subcommand or ""
        failed = [c for c in session.command_catalogue().all(Command) if name not in _COMMANDS and c.answers_to(name)]
        if not failed:
            raise  # a fault of the core
        session.show_chain(error)
        raise CommandError(f"{_who(failed[0])} failed: {fault(error)}") from error


@click.group(cls=PycemrgGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="pycemrg")
@plugin_options
def main() -> None:
    """Turn a whole-heart segmentation into a simulation-ready cardiac label map."""
