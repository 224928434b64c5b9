"""The frozen records that hooks return: the contributions of a plugin, as data."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from enum import Enum
from functools import partial
from types import MappingProxyType
from typing import Any

from attrs import field, frozen

from pycemrg_core.api.refs import Ref
from pycemrg_core.errors import RecordError

# Names become file names (steps/01_NAME.nrrd), so a path separator or a leading dot must not pass.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


def _require_name(record: Any, attribute: Any, name: Any) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise RecordError(
            f"{type(record).__name__}: {attribute.name} {name!r} must be 1 to 80 letters, digits, '_', '-' or '.'"
            " and start with a letter or digit"
        )


def _require_text(record: Any, attribute: Any, text: Any) -> None:
    if not isinstance(text, str):
        raise RecordError(f"{_who(record)}: {attribute.name} must be text, not {text!r}")


def _require_filled(record: Any, attribute: Any, text: Any) -> None:
    if not isinstance(text, str) or not text:
        raise RecordError(f"{_who(record)}: {attribute.name} must be a name, not {text!r}")


def _require_colours(record: Any, attribute: Any, colours: Mapping[str, Any]) -> None:
    for name, colour in colours.items():
        if not isinstance(colour, str) or not _COLOUR.fullmatch(colour):
            raise RecordError(f"{_who(record)}: {attribute.name}.{name} is {colour!r}; give a colour such as #c8343c")


def _require_colour(record: Any, attribute: Any, colour: Any) -> None:
    if colour != "" and not (isinstance(colour, str) and _COLOUR.fullmatch(colour)):
        raise RecordError(f"{_who(record)}: {attribute.name} is {colour!r}; give a colour such as #c8343c")


def _require_labels(record: Any, attribute: Any, labels: Mapping[str, Any]) -> None:
    for name, value in labels.items():
        if type(value) is not int or value < 1:
            raise RecordError(
                f"{_who(record)}: label {name!r} is {value!r}; labels are integers from 1 (0 is the background)"
            )


def _require_numbers(record: Any, attribute: Any, numbers: Mapping[str, Any]) -> None:
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise RecordError(f"{_who(record)}: {attribute.name}.{name} is {value!r}, not a number")
        if not abs(value) <= sys.float_info.max:
            raise RecordError(f"{_who(record)}: {attribute.name}.{name} is {value!r:.40}, not a finite number")


def _require_length(record: Any, attribute: Any, length: Any) -> None:
    _require_numbers(record, attribute, {"length": length})
    if length < 0:
        raise RecordError(f"{_who(record)}: {attribute.name} is {length!r}; give a length in mm")


def _require_ref(record: Any, attribute: Any, value: object) -> None:
    if not isinstance(value, Ref):
        raise RecordError(f"{_who(record)}: {attribute.name} must be a Ref, not {value!r}")


def _one_of(choices: type[Enum]) -> Any:
    def require(record: Any, attribute: Any, value: object) -> None:
        if not isinstance(value, choices):
            listed = ", ".join(f"{choices.__name__}.{one.name}" for one in choices)
            raise RecordError(f"{_who(record)}: {attribute.name} must be one of {listed}, not {value!r}")

    return require


def _who(record: Any) -> str:
    return f"{type(record).__name__} {getattr(record, 'name', '')!r}"


def _read_only(mapping: Mapping[str, Any]) -> Mapping[str, Any]:
    if not isinstance(mapping, Mapping):
        raise RecordError(f"{mapping!r} is not a mapping of names to values")
    return MappingProxyType(dict(mapping))


def _require_snapshot(record: Any, attribute: Any, name: Any) -> None:
    if name != "":
        _require_name(record, attribute, name)


def _listed(what: str, names: Iterable[str]) -> tuple[str, ...]:
    if isinstance(names, str):
        raise RecordError(f"{what} are a list, not {names!r}")
    for name in (names := tuple(names)):
        if not isinstance(name, str) or not name:
            raise RecordError(f"{what} are names, not {name!r}")
    return names


def _names(what: str) -> Any:
    return field(default=(), converter=partial(_listed, what))


def _ref() -> Any:
    return field(validator=_require_ref)


def _text(**default: Any) -> Any:
    return field(validator=_require_text, **default)


@frozen(kw_only=True, repr=False)
class Record:
    """What every kind of record has. ``summary`` is one line for lists."""

    name: str = field(validator=_require_name)
    summary: str = _text(default="")

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r}, summary={self.summary!r})"


@frozen(kw_only=True, repr=False)
class Schematic(Record):
    """One structure to make: a step kind and the labels and parameters that fill its roles.

    ``labels`` maps label names to default integers. ``parameters`` maps parameter names to default values, in the unit
    that the step says. ``semantic_map`` maps each role of the step to a label or parameter; ``APPLICATION_STEPS`` is a
    list of ``{"MODE": ..., "RULE_LABEL_NAMES": [...]}``.
    """

    step: str = field(validator=_require_filled)
    labels: Mapping[str, int] = field(converter=_read_only, validator=_require_labels)
    parameters: Mapping[str, float] = field(factory=dict, converter=_read_only, validator=_require_numbers)
    semantic_map: Mapping[str, Any] = field(factory=dict, converter=_read_only)


@frozen(kw_only=True)
class RecipeStep:
    """One entry of a recipe: the ``schematic`` to run, or another ``recipe`` to run in its place.

    ``parameters`` override the schematic's defaults in this entry only. Values set by the user override both.

    ``when_present`` are labels that must be in the image, or made by an earlier step. If one is missing, the entry is
    left out, and plan and record say so. ``snapshot`` gives a name to the image before this entry; this step and
    later ones can measure on it.
    """

    schematic: str = _text(default="")
    recipe: str = _text(default="")
    parameters: Mapping[str, float] = field(factory=dict, converter=_read_only, validator=_require_numbers)
    when_present: tuple[str, ...] = _names("the labels that a recipe step waits for")
    snapshot: str = field(default="", validator=_require_snapshot)

    def __attrs_post_init__(self) -> None:
        if bool(self.schematic) == bool(self.recipe):
            raise RecordError("a recipe step needs a schematic or a recipe; give one")


def include(recipe: str) -> RecipeStep:
    """Run the steps of another recipe here."""
    return RecipeStep(recipe=recipe)


def _recipe_steps(steps: Iterable[str | RecipeStep]) -> tuple[RecipeStep, ...]:
    if isinstance(steps, str):
        raise RecordError(f"the steps of a recipe are a list, not {steps!r}")
    return tuple(_recipe_step(step) for step in steps)


def _recipe_step(step: Any) -> RecipeStep:
    if isinstance(step, str):
        return RecipeStep(schematic=step)
    if not isinstance(step, RecipeStep):
        raise RecordError(f"a step of a recipe is a schematic's name or a RecipeStep, not {step!r}")
    return step


def _groups(groups: Mapping[str, Iterable[str]]) -> Mapping[str, tuple[str, ...]]:
    for group, members in _read_only(groups).items():
        if isinstance(members, str):
            raise RecordError(f"group {group!r} is a list of names, not {members!r}")
    return _read_only({group: tuple(members) for group, members in groups.items()})


def _label_pairs(pairs: Iterable[Iterable[str]]) -> tuple[tuple[str, ...], ...]:
    found = []
    for pair in pairs if not isinstance(pairs, str) else (pairs,):
        names = (pair,) if isinstance(pair, str) else tuple(pair)
        if len(names) != 2 or not all(isinstance(name, str) and name for name in names):
            raise RecordError(f"may_touch is a list of pairs of label names, not {pair!r}")
        found.append(names)
    return tuple(found)


@frozen(kw_only=True, repr=False)
class Recipe(Record):
    """Schematics in the order in which they run. A plain string in ``steps`` is a schematic's name.

    ``requires`` lists the distributions that it needs, as pip writes them: ``pycemrg-internal-part>=1.0``.

    ``scheme`` is the label scheme that gives the recipe's labels their integers. A label that is not in the scheme
    keeps the integer of its schematic. Without ``scheme``, the scheme of an included recipe is used, or else the
    integers of the schematics.

    ``open`` and ``may_touch`` relax the rules of the certificate. Lumens in ``open`` may touch the background and one
    another, because they are open to the same outside. The two lumens of a pair in ``may_touch`` may touch each other.
    The rules of included recipes apply too.

    ``needs`` are labels that the image must have, also where the steps could run without them: without one of them the
    recipe is refused.
    """

    steps: tuple[RecipeStep, ...] = field(converter=_recipe_steps)
    requires: tuple[str, ...] = _names("the distributions that a recipe requires")
    scheme: str = _text(default="")
    open: tuple[str, ...] = _names("the labels that a recipe leaves open")
    may_touch: tuple[tuple[str, ...], ...] = field(default=(), converter=_label_pairs)
    needs: tuple[str, ...] = _names("the labels that a recipe needs")


@frozen(kw_only=True, repr=False)
class Step(Record):
    """A step kind: a pure function ``run(volume, contract) -> Iterable[Edit]`` and its contract class.

    To tell the user something, the function yields a :class:`~pycemrg_core.images.label_volume.Note`.
    ``contract`` refers to a frozen attrs class whose fields are made with :mod:`pycemrg_core.api.contracts`.
    ``frozen_reference``: the step also measures on ``volume.reference``, the image before the recipe's first step of
    this kind. ``may_change_nothing``: it is normal for the step to change nothing, so a run writes no note about it.
    ``doubts`` are names of what the step cannot decide alone: for such a :class:`~pycemrg_core.images.edits.Doubt` the
    run is refused, unless the user accepts it, with ``--accept NAME``.
    """

    summary: str = _text()
    run: Ref = _ref()
    contract: Ref = _ref()
    frozen_reference: bool = False
    may_change_nothing: bool = False
    doubts: tuple[str, ...] = _names("the doubts of a step")


class Measures(Enum):
    """What a metric's function takes. The types are in :mod:`pycemrg_core.images.metric_subjects`."""

    STRUCTURE = "structure"  # (StructureMask)
    STRUCTURES = "structures"  # (StructureMask, StructureMask), of one label map
    SEGMENTATIONS = "segmentations"  # (Comparison), of one structure in two label maps
    IMAGES = "images"  # (ImagePair)


@frozen(kw_only=True, repr=False)
class Metric(Record):
    """A pure function that measures what ``measures`` says and returns a float. ``unit`` is empty for a ratio.

    ``parameters`` are keyword arguments of the function with their default values.
    """

    summary: str = _text()
    measures: Measures = field(validator=_one_of(Measures))
    function: Ref = _ref()
    unit: str = _text(default="")
    parameters: Mapping[str, float] = field(factory=dict, converter=_read_only, validator=_require_numbers)


@frozen(kw_only=True, repr=False)
class LabelScheme(Record):
    """The integers that one tool or data set writes, by canonical structure name.

    ``groups`` are sets of names, ``colours`` ``#rrggbb`` by name, ``snomed`` SNOMED CT codes by name.
    """

    summary: str = _text()
    labels: Mapping[str, int] = field(converter=_read_only, validator=_require_labels)
    groups: Mapping[str, tuple[str, ...]] = field(factory=dict, converter=_groups)
    colours: Mapping[str, str] = field(factory=dict, converter=_read_only, validator=_require_colours)
    snomed: Mapping[str, str] = field(factory=dict, converter=_read_only)
    source: str = _text(default="")


@frozen(kw_only=True, repr=False)
class Structure(Record):
    """What a label can mean. Its ``name`` is the canonical name, which label schemes and schematics use.

    ``spellings`` are what else it is called, in the tables of any tool. Case, spaces and punctuation do not matter in a
    spelling, nor does ``_label`` at the end of the canonical name. ``snomed`` is its SNOMED CT code, if there is one.
    ``colour`` is ``#rrggbb``. ``groups`` are the sets of structures that it is in.

    ``root`` is the structure from which a vessel starts. ``crop_mm`` is the length of it that a simulation needs,
    measured along the vessel from its root; 0 if it is not cropped. ``joins`` are the structures that it meets without
    a gap; naming one of the two is enough.
    """

    summary: str = _text()
    spellings: tuple[str, ...] = _names("the spellings of a structure")
    snomed: str = _text(default="")
    colour: str = field(default="", validator=_require_colour)
    groups: tuple[str, ...] = _names("the groups of a structure")
    root: str = _text(default="")
    crop_mm: float = field(default=0.0, validator=_require_length)
    joins: tuple[str, ...] = _names("the structures that a structure joins")

    def __attrs_post_init__(self) -> None:
        if self.crop_mm and not self.root:
            raise RecordError(f"{_who(self)}: crop_mm is measured from the root; name the root")


@frozen(kw_only=True, repr=False)
class Augmentation(Record):
    """A pure function that changes an image for training, driven by an explicit random generator.

    ``function(sample, rng, **parameters)`` takes a :class:`~pycemrg_core.images.training_sample.Sample` and a
    ``numpy.random.Generator``. It returns the new sample and the random values that it drew, as data for JSON.
    """

    summary: str = _text()
    function: Ref = _ref()


@frozen(kw_only=True, repr=False)
class Command(Record):
    """A click command that becomes ``pycemrg NAME``. It is imported only when it runs.

    ``after_run`` says what the command tells of the heart that a run wrote, if it is for that: ``pycemrg run`` then
    ends with ``pycemrg NAME HEART`` and these words.
    """

    summary: str = _text()
    command: Ref = _ref()
    after_run: str = _text(default="")


class CheckOn(Enum):
    """Which image a check looks at: the input, before a run, or the result."""

    INPUT = "input"
    RESULT = "result"


@frozen(kw_only=True, repr=False)
class Check(Record):
    """A pure function that looks for one kind of fault in a heart.

    ``function(heart)`` takes a :class:`~pycemrg_core.images.heart.Heart` and returns an iterable of
    :class:`~pycemrg_core.images.heart.Finding` s. ``on`` says which heart it gets: the result, or the input image with
    only the names of its labels. If an input check finds an error, the run is refused. ``doubts`` are names of what may
    be unusual instead of wrong: a finding with such a name is no error if the user accepts it, with ``--accept NAME``.
    ``advice`` says in a few words what to do about a finding.
    """

    summary: str = _text()
    function: Ref = _ref()
    advice: str = _text(default="")
    on: CheckOn = field(default=CheckOn.RESULT, validator=_one_of(CheckOn))
    doubts: tuple[str, ...] = _names("the doubts of a check")


@frozen(kw_only=True, repr=False)
class Output(Record):
    """A file that a finished run can write next to the result, chosen with ``--with NAME``.

    ``function(run, made)`` takes a :class:`~pycemrg_core.runs.outputs.FinishedRun` and the outputs that it needs, by
    name, and returns a :class:`~pycemrg_core.runs.outputs.Made`. It is pure: the command line writes ``file``.
    ``needs`` are outputs that must be made first. ``uses`` are outputs that are made first if a plugin offers them.
    """

    file: str = field(validator=_require_name)
    summary: str = _text()
    function: Ref = _ref()
    needs: tuple[str, ...] = _names("other outputs")
    uses: tuple[str, ...] = _names("other outputs")


@frozen(kw_only=True, repr=False)
class Reader(Record):
    """A form in which tools write segmentations, and the functions that read it.

    Both functions take the ``Path`` of a file or folder. ``recognises(path)`` is quick and returns whether the source
    has this form. ``read(path)`` returns a :class:`~pycemrg_core.images.segmentation.Segmentation`, and raises an
    ``ImageError`` for what is damaged. ``beside``: the names are in a file next to the source; a reader that finds
    names in the source itself goes before it.
    """

    summary: str = _text()
    recognises: Ref = _ref()
    read: Ref = _ref()
    beside: bool = False
