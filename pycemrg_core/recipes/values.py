"""What fills the fields of a step's contract: integers of labels, numbers, choices and names of snapshots."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from numbers import Real
from typing import Any, NamedTuple

from pycemrg_core.api import contracts
from pycemrg_core.api.contracts import LABEL_USES, Role, Use
from pycemrg_core.api.records import LabelScheme, Schematic, Step
from pycemrg_core.errors import LabelError
from pycemrg_core.plugins.loading import Found
from pycemrg_core.recipes import semantic_map
from pycemrg_core.recipes.labelling import expand
from pycemrg_core.recipes.settings import Settings

_AXES = ("z", "y", "x")
_THICK = 15.0  # mm; what is made is thinner


class Entry(NamedTuple):
    """A step of the flattened recipe, before its labels are resolved."""

    schematic: Schematic
    provider: Found | None
    step: Step
    step_provider: Found
    roles: tuple[Role, ...]
    parameters: Mapping[str, float]
    when_present: tuple[str, ...]
    snapshots: tuple[str, ...]

    def names(self, *uses: Use) -> Iterator[str]:
        """The names of labels and groups in the roles with one of these uses."""
        return semantic_map.label_names(self.schematic.semantic_map, self.roles, uses)

    def number(self, name: str, settings: Settings, own: bool = True) -> float | None:
        """A parameter's value, from the first of: user's setting, recipe's step (unless not ``own``), user's default,
        schematic.
        """
        step = self.parameters if own else {}
        for source in (settings.parameters, step, settings.defaults, self.schematic.parameters):
            if name in source:
                return source[name]
        return None


class Values(NamedTuple):
    """The integers and settings of one plan, which fill the contracts of its steps.

    ``lost`` are names without an integer, with the reason. ``spacing`` is (z, y, x) in mm. ``doubts`` collects what may
    go wrong, and with which steps.
    """

    labels: Mapping[str, int]
    scheme: LabelScheme | None
    lost: Mapping[str, str]
    settings: Settings
    spacing: tuple[float, float, float]
    doubts: dict[str, list[str]]

    def fill(self, entry: Entry, role: Role) -> Any:
        """The value of one field. Raises :class:`LabelError`, which says what is missing or does not fit."""
        if role.use is Use.WRITES_BACKGROUND:
            return contracts.BACKGROUND
        if role.key not in entry.schematic.semantic_map:
            if role.use is Use.SNAPSHOT:
                return ""
            if role.default is not None:
                return role.default
            raise LabelError(
                f"nothing fills the role {role.key!r} of step {entry.step.name!r}; add it to the semantic map"
            )
        filled = entry.schematic.semantic_map[role.key]
        if role.use in LABEL_USES:
            return semantic_map.fill(
                role, filled, self.labels, lambda name: expand(name, self.labels, self.scheme), self.lost
            )
        if role.use is Use.SNAPSHOT:
            if not isinstance(filled, str):
                raise LabelError(f"{role.key} is {filled!r}; give the name of a snapshot")
            return filled
        if role.use is Use.CHOICE and not isinstance(filled, str):
            return semantic_map.option(role.key, filled, role)
        if not isinstance(filled, str):
            raise LabelError(f"{role.key} is {filled!r}; give the name of a parameter")
        value = entry.number(filled, self.settings)
        if value is None:
            say = f"--set {filled}=..., in Python parameters={{{filled!r}: ...}}"
            raise LabelError(f"parameter {filled!r} has no value; set it: {say}")
        if role.use is Use.CHOICE:
            return semantic_map.option(filled, value, role)
        self._require_number(entry.schematic.name, filled, value, role)
        return float(value)

    def _require_number(self, name: str, parameter: str, value: float, role: Role) -> None:
        if isinstance(value, bool) or not isinstance(value, Real):
            raise LabelError(f"{parameter} is {value!r}, not a number")
        if not math.isfinite(value) or (role.minimum is not None and value <= role.minimum):
            least = "finite" if role.minimum is None else f"more than {role.minimum:g} {role.unit}".strip()
            raise LabelError(f"{parameter} is {value:g}; it must be {least}")
        if role.between is not None and not role.between[0] <= value <= role.between[1]:
            low, high = role.between
            raise LabelError(
                f"{parameter} is {f'{value:g} {role.unit}'.strip()}; give a number from {low:g} to {high:g}"
            )
        if role.use is not Use.THICKNESS:
            return
        if value > _THICK:
            text = f"{parameter} of {value:g} mm is more than {_THICK:g} mm; is it in mm?"
            self.doubts.setdefault(text, []).append(name)
        spacing = self.spacing
        thin = [f"{axis} {size:g} mm" for axis, size in zip(_AXES, spacing, strict=True) if value < size * 0.999]
        if len(thin) == 3:
            raise LabelError(
                f"{parameter} is {value:g} mm, less than a voxel ({', '.join(thin)}): the structure would be empty; "
                "make it thicker or resample the image"
            )
        if thin:
            axes = ", ".join(thin)
            text = f"{parameter} of {value:g} mm is less than a voxel along {axes}; expect holes across that axis"
            self.doubts.setdefault(text, []).append(name)
