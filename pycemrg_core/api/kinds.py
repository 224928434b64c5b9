"""The kinds of record that a plugin can contribute: one row each.

Hook names, the sections of a YAML plugin, the ``list-*`` commands, ``describe``, ``list-plugins`` and its ``--check``,
conflicts and ``new-plugin --with`` all derive from these rows. A new kind needs a record class, a hook
specification and a row here. Functions of one kind are referred to by name, so a row imports nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import Factory, field, frozen

from pycemrg_core.api import records
from pycemrg_core.api.refs import Ref


def _from_plural(prefix: str, space: str) -> str:
    return Factory(lambda kind: prefix + kind.plural.replace(" ", space), takes_self=True)  # type: ignore[no-any-return]


@frozen(kw_only=True, eq=False)
class Kind:
    """A kind of record.

    ``word`` is the common word for it, ``help`` the line about its list in ``pycemrg --help``. ``data``: a record holds
    no code, so a YAML plugin can contribute it, in the section :attr:`section`. ``calls``: the fields that refer to a
    function, and the number of positional arguments that the function takes.

    The list shows ``columns``, in one table for each value of ``groups``. If there are ``lines``, it shows these under
    each name instead; ``{column}`` in a line stands for a value.

    What differs between kinds is done by functions. Each takes the catalogue as second argument. ``listed`` gives the
    columns of a contribution beyond name, summary and provider. ``described`` gives the lines of ``describe``; by
    default these are the record's fields. ``faults`` says what is wrong with a record, beyond its references and
    calls. ``kit`` is the class of the testing kit.
    """

    record: type[records.Record]
    word: str
    help: str
    plural: str = field(default=Factory(lambda kind: f"{kind.word}s", takes_self=True))
    hook: str = field(default=_from_plural("pycemrg_", "_"))
    listing: str = field(default=_from_plural("list-", "-"))
    data: bool = False
    calls: Mapping[str, int] = field(factory=dict)
    columns: tuple[str, ...] = ("name", "provider", "summary")
    groups: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    listed: Ref | None = None
    described: Ref | None = None
    faults: Ref | None = None
    kit: str = ""

    @property
    def a_word(self) -> str:
        """Its word with the article."""
        return f"{'an' if self.word[0] in 'aeiou' else 'a'} {self.word}"

    def counted(self, count: int) -> str:
        """``1 step``, ``14 steps``."""
        return f"{count:,} {self.word if count == 1 else self.plural}"

    @property
    def part(self) -> str:
        """What ``new-plugin --with`` calls it."""
        return self.word.replace(" ", "-")

    @property
    def section(self) -> str:
        """The key in a YAML plugin under which its records of this kind are."""
        return self.hook.removeprefix("pycemrg_")


def _listed(name: str) -> Ref:
    return Ref(f"pycemrg_core.cli.lists:{name}")


def _described(name: str) -> Ref:
    return Ref(f"pycemrg_core.cli.described:{name}")


def _faults(name: str) -> Ref:
    return Ref(f"pycemrg_core.cli.faults:{name}_faults")


# The order of every listing.
KINDS: tuple[Kind, ...] = (
    Kind(
        record=records.Schematic,
        word="schematic",
        help="Structures that can be made.",
        data=True,
        columns=("name", "step", "provider", "summary"),
        listed=_listed("schematic"),
        described=_described("schematic"),
        faults=_faults("schematic"),
        kit="SchematicConformance",
    ),
    Kind(
        record=records.Recipe,
        word="recipe",
        help="Recipes and their steps.",
        data=True,
        listed=_listed("recipe"),
        described=_described("recipe"),
        faults=_faults("recipe"),
        kit="RecipeConformance",
    ),
    Kind(
        record=records.Step,
        word="step",
        help="Step kinds and the schematics that use them.",
        calls={"run": 2},
        lines=("used by {schematics}", "from {provider}"),
        listed=_listed("step"),
        described=_described("step"),
        faults=_faults("step"),
        kit="StepConformance",
    ),
    Kind(
        record=records.Metric,
        word="metric",
        help="Metrics.",
        columns=("name", "unit", "summary"),
        groups=("provider", "measures"),
        listed=_listed("metric"),
        faults=_faults("metric"),
        kit="MetricConformance",
    ),
    Kind(
        record=records.LabelScheme,
        word="label scheme",
        help="Label schemes.",
        listing="list-schemes",
        data=True,
        listed=_listed("scheme"),
        described=_described("scheme"),
        faults=_faults("scheme"),
    ),
    Kind(
        record=records.Structure,
        word="structure",
        help="Structures and what else they are called.",
        data=True,
        lines=("also called {spellings}", "from {provider}"),
        listed=_listed("structure"),
        described=_described("structure"),
        faults=_faults("structure"),
    ),
    Kind(
        record=records.Reader,
        word="reader",
        help="Forms of segmentation that commands read.",
        calls={"recognises": 1, "read": 1},
        listed=_listed("reader"),
        columns=("name", "names", "provider", "summary"),
    ),
    Kind(
        record=records.Augmentation,
        word="augmentation",
        help="Augmentations.",
        columns=("name", "summary"),
        groups=("provider",),
        described=_described("augmentation"),
        faults=_faults("augmentation"),
        kit="AugmentationConformance",
    ),
    Kind(record=records.Command, word="command", help="Commands of plugins.", faults=_faults("command")),
    Kind(
        record=records.Check,
        word="check",
        help="Checks of a heart, before a run or after it.",
        calls={"function": 1},
        columns=("name", "on", "provider", "summary"),
        listed=_listed("check"),
        kit="CheckConformance",
    ),
    Kind(
        record=records.Output,
        word="output",
        help="Files that a run can write next to its result.",
        calls={"function": 2},
        columns=("name", "file", "provider", "summary"),
        listed=_listed("output"),
        faults=Ref("pycemrg_core.runs.outputs:output_faults"),
        kit="OutputConformance",
    ),
)

_BY_RECORD = {kind.record: kind for kind in KINDS}

# The record type that each hook returns.
HOOKS: dict[str, type[records.Record]] = {kind.hook: kind.record for kind in KINDS}


def kind_of(record: records.Record | type[records.Record]) -> Kind:
    """The row of a record or of its type."""
    return _BY_RECORD[record if isinstance(record, type) else type(record)]
