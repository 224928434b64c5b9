"""Names that a shell completes: recipes, schemes, parameters and everything else that the plugins contribute."""

from __future__ import annotations

from collections.abc import Callable

import click

from pycemrg_core.api.kinds import KINDS

Completer = Callable[[click.Context, click.Parameter, str], list[str]]


def completing(*words: str, end: str = "", lists: bool = False) -> Completer:
    """For ``shell_complete=`` of an argument or option: the names of these kinds of record, or of all kinds.

    A word is that of the kind, such as ``label scheme``, or ``parameter``. ``end`` is added to each name. ``lists``:
    the option takes several names with commas between them; the last one is completed.
    """

    def complete(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",") if lists else ("", "", incomplete)
        return [f"{before}{comma}{name}{end}" for name in _names(ctx, words) if name.startswith(last)]

    return complete


def _names(ctx: click.Context, words: tuple[str, ...]) -> list[str]:
    from pycemrg_core.api.records import Schematic
    from pycemrg_core.cli.session import session_of

    catalogue = session_of(ctx).quiet_catalogue()
    kinds = [kind.record for kind in KINDS if not words or kind.word in words]
    names = {one.name for kind in kinds for one in catalogue.all(kind)}
    if not words or "parameter" in words:
        names |= {name for one in catalogue.all(Schematic) for name in one.record.parameters}
    return sorted(names)
