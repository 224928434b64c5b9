"""What the user sets for a run."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from pycemrg_core.api.records import Schematic


@frozen(kw_only=True)
class Settings:
    """What the user sets: integers by label name, parameter values, and own schematics by name.

    ``parameters`` are meant for this run: a parameter that no step uses is refused. ``defaults`` replace the default
    values of the schematics. ``schematics`` replace those of the catalogue with the same name. ``then`` are schematics
    that run after those of the recipe. ``snapshots`` are names of the image as given. ``pad`` allows the image to be
    padded where a wall would meet its border. ``accept`` are doubts of checks that are no errors in this image.

    ``configured`` are the integers of a configuration folder. Where such an integer is only the default of another
    recipe, and this recipe makes the structure, the default of this recipe is used.
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
