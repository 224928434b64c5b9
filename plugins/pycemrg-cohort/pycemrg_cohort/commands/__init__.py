"""The command group ``pycemrg cohort``; imports a command only when it runs."""

from __future__ import annotations

import importlib
import importlib.util

import click

# name: (module:object, help line)
_COMMANDS = {
    "run": ("pycemrg_cohort.commands.run:run", "Run a recipe on every case."),
    "plan": ("pycemrg_cohort.commands.plan:plan", "Test whether every case would run, without running it."),
    "report": ("pycemrg_cohort.report.command:report", "Write one page about a cohort."),
}


class CohortGroup(click.Group):
    """The group of the commands that this installation has."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name, (target, _) in _COMMANDS.items() if _is_here(target)]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self.list_commands(ctx):
            return None
        module, _, attribute = _COMMANDS[name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Take the help lines from the table, so that no command is imported to show them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, _COMMANDS[name][1]) for name in self.list_commands(ctx)])


def _is_here(target: str) -> bool:
    package = target.partition(":")[0].rpartition(".")[0]
    return importlib.util.find_spec(package) is not None


@click.group(cls=CohortGroup, short_help="Run a recipe on a whole cohort.")
def cohort() -> None:
    """Run a recipe on a whole cohort, in parallel. An interrupted run can be continued."""
