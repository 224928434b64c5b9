"""The kinds of record that a plugin can contribute: one row each.

Hook names, the sections of a YAML plugin, the ``list-*`` commands, ``describe``, ``list-plugins`` and its ``--check``,
conflicts and ``new-plugin --with`` are all derived from these rows. A new kind costs a record class, a hook
specification and a row here. What a kind shows or checks in particular is referred to by name, so that a row
imports nothing.
"""

from __future__ import annotations

from attrs import Factory, field, frozen

from pycemrg_core.api.records import (
    Augmentation,
    Check,
    Command,
    LabelScheme,
    Metric,
    Recipe,
    Record,
    Schematic,
    Step,
)
from pycemrg_core.api.refs import Ref


def _from_plural(prefix: str, space: str) -> str:
    return Factory(lambda kind: prefix + kind.plural.replace(" ", space), takes_self=True)  # type: ignore[no-any-return]


@frozen(kw_only=True)
class Kind:
    """A kind of record.

    ``word`` is what people call it, ``help`` the line about its list in ``pycemrg --help``. ``data``: records of this
    kind hold no code, so a YAML plugin can contribute them, in the section :attr:`section`.

    ``columns`` are what the list shows, in tables under headings of ``groups``. ``listed`` refers to a function
    ``(contribution, catalogue) -> dict`` that gives columns beyond name, summary and provider; ``described`` to one
    that gives the lines of ``describe``, by default the record's fields; ``faults`` to one
    ``(record, catalogue) -> Iterable[str]`` that says what is wrong with a record, beyond references that cannot be
    imported.
    """

    record: type[Record]
    word: str
    help: str
    plural: str = field(default=Factory(lambda kind: f"{kind.word}s", takes_self=True))
    hook: str = field(default=_from_plural("pycemrg_", "_"))
    listing: str = field(default=_from_plural("list-", "-"))
    data: bool = False
    columns: tuple[str, ...] = ("name", "provider", "summary")
    groups: tuple[str, ...] = ()
    listed: Ref | None = None
    described: Ref | None = None
    faults: Ref | None = None

    @property
    def section(self) -> str:
        """The key of a YAML plugin under which records of this kind are."""
        return self.hook.removeprefix("pycemrg_")


_LISTED = "pycemrg_core.cli.listed"
_DESCRIBED = "pycemrg_core.cli.described"
_FAULTS = "pycemrg_core.recipes.validation"

# The order of every listing.
KINDS: tuple[Kind, ...] = (
    Kind(record=Schematic, word="schematic", help="Structures that can be made.", data=True),
    Kind(record=Recipe, word="recipe", help="Recipes and their steps.", data=True),
    Kind(record=Step, word="step", help="Step kinds and the schematics that use them."),
    Kind(record=Metric, word="metric", help="Metrics."),
    Kind(record=LabelScheme, word="label scheme", help="Label schemes.", listing="list-schemes", data=True),
    Kind(record=Augmentation, word="augmentation", help="Augmentations."),
    Kind(record=Command, word="command", help="Commands of plugins."),
    Kind(record=Check, word="check", help="Checks of a certificate."),
)

_BY_RECORD = {kind.record: kind for kind in KINDS}

# The record type that each hook returns.
HOOKS: dict[str, type[Record]] = {kind.hook: kind.record for kind in KINDS}


def kind_of(record: Record | type[Record]) -> Kind:
    """The row of a record or of its type."""
    return _BY_RECORD[record if isinstance(record, type) else type(record)]
