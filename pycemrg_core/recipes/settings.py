"""What the user sets for a run."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from pycemrg_core.api.records import Schematic
from pycemrg_core.errors import PlanError
from pycemrg_core.shown.objects import ShownSettings

_BITS = 1000  # no number that is meant has more


@frozen(kw_only=True, repr=False)
class Settings(ShownSettings):
    """What the user sets: integers by label name, parameter values, and own schematics by name.

    ``parameters`` are meant for this run: a parameter that no step uses is refused. ``defaults`` replace the default
    values of the schematics. ``schematics`` replace those of the catalogue with the same name. ``then`` are schematics
    that run after those of the recipe. ``snapshots`` are names of the image as given. ``pad`` allows the image to be
    padded where a wall would meet its border. ``accept`` are doubts of checks that are no errors in this image.

    ``configured`` are the integers of a configuration folder. Where such an integer is only the default of another
    recipe, and this recipe makes the structure, the default of this recipe is used. ``named`` are the integers that the
    source of the image names, by canonical name where the structure is known.
    """

    labels: Mapping[str, int] = field(factory=dict)
    parameters: Mapping[str, float] = field(factory=dict)
    defaults: Mapping[str, float] = field(factory=dict)
    schematics: Mapping[str, Schematic] = field(factory=dict)
    then: tuple[str, ...] = ()
    snapshots: tuple[str, ...] = ()
    pad: bool = True
    accept: tuple[str, ...] = ()
    configured: Mapping[str, int] = field(factory=dict)
    named: Mapping[str, int] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        problems = []
        for field_name in ("labels", "configured", "parameters", "defaults"):
            given = getattr(self, field_name)
            if not isinstance(given, Mapping):
                problems.append(f"{field_name} is {given!r:.80}; give a dictionary of names and numbers")
                continue
            for name, value in given.items():
                if not isinstance(name, str) and field_name in ("parameters", "defaults"):
                    problems.append(f"{field_name}: {name!r:.80} is not a name; give names and their numbers")
                elif isinstance(value, int) and value.bit_length() > _BITS:
                    problems.append(f"{field_name}: {name!r} is an integer of more than {_BITS} bits; give a number")
        for field_name in ("then", "accept"):
            given = getattr(self, field_name)
            if not isinstance(given, (tuple, list)) or not all(isinstance(name, str) for name in given):
                problems.append(f"{field_name} is {given!r:.80}; give a tuple of names")
        if problems:
            raise PlanError("what is set for the run cannot be used:", problems)
