"""What the labels of an image are: from the contracts of a recipe's steps, and from label schemes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from attrs import frozen

from pycemrg_core.api import contracts
from pycemrg_core.api.contracts import Part, Use
from pycemrg_core.api.labels import LabelTable
from pycemrg_core.api.records import LabelScheme, Recipe
from pycemrg_core.images import image_files
from pycemrg_core.images.heart import Heart, Ring, Valve, Wall
from pycemrg_core.images.label_volume import LabelVolume
from pycemrg_core.plugins.catalogue import Catalogue
from pycemrg_core.recipes.conversion import recipe_labels
from pycemrg_core.recipes.flatten import Rules
from pycemrg_core.recipes.planner import ImageFacts, Settings, plan
from schematics_builtin.certificate.certification import Certificate, certify

if TYPE_CHECKING:
    import SimpleITK as sitk

# So fine that no wall is too thin for it: what was asked is wanted, not whether it can be done.
_SPACING = (1e-6, 1e-6, 1e-6)


@frozen(kw_only=True)
class Asked:
    """What was asked of a heart: integers by name, the contracts of the steps that made it, and the rules."""

    labels: Mapping[str, int]
    contracts: tuple[Any, ...] = ()
    rules: Rules = Rules()
    recipe: str = ""


def asked_of(catalogue: Catalogue, recipe: str | Recipe | None = None, scheme: str | None = None) -> Asked:
    """What a recipe, run with its own thicknesses, asks of an image with the integers of a label scheme.

    Without a scheme the integers are the recipe's. Raises :class:`PlanError` when the recipe cannot be planned,
    and what the catalogue raises for unknown names.
    """
    labels = recipe_labels(catalogue)
    if scheme:
        own = catalogue.get(LabelScheme, scheme).labels
        taken = set(own.values())
        labels = {**{name: value for name, value in labels.items() if value not in taken}, **own}
    if recipe is None:
        return Asked(labels=labels)
    facts = ImageFacts(labels=frozenset(labels.values()), spacing=_SPACING, dtype="uint32")
    planned = plan(recipe, catalogue, facts, Settings(labels=labels))
    return Asked(
        labels={**labels, **planned.labels},
        contracts=tuple(step.contract for step in planned.steps),
        rules=planned.rules,
        recipe=planned.recipe,
    )


def certify_image(image: sitk.Image, catalogue: Catalogue, asked: Asked, *, name: str = "") -> Certificate:
    """The certificate of a label map. ``name`` is what the certificate calls the image."""
    return certify(heart_of(image, catalogue, asked), catalogue, recipe=asked.recipe, name=name)


def heart_of(image: sitk.Image, catalogue: Catalogue, asked: Asked) -> Heart:
    """A label map with what its labels are; it shares the image's memory."""
    x, y, z = image.GetSpacing()
    volume = LabelVolume(image_files.voxel_array(image), (z, y, x))
    values, walls = asked.labels, tuple(_walls(asked.contracts))
    return Heart(
        volume=volume,
        names={value: name for name, value in values.items()},
        parts={**_scheme_parts(catalogue, values), **_contract_parts(asked.contracts)},
        walls=walls,
        valves=tuple(_valves(asked.contracts)),
        rings=tuple(_rings(asked.contracts)),
        made=tuple(dict.fromkeys(label.value for one in asked.contracts for label in contracts.written_labels(one))),
        open=_values(values, asked.rules.open) | (_values(values, asked.rules.included) - {one.lumen for one in walls}),
        may_touch=frozenset(_values(values, pair) for pair in asked.rules.may_touch if values.keys() >= pair),
        origin=image.GetOrigin(),
        direction=image.GetDirection(),
    )


def _values(labels: Mapping[str, int], names: Iterable[str]) -> frozenset[int]:
    return frozenset(labels[name] for name in names if name in labels)


def _scheme_parts(catalogue: Catalogue, values: Mapping[str, int]) -> dict[int, Part]:
    """What the groups of the label schemes say of the labels of these names."""
    parts: dict[int, Part] = {}
    for contribution in catalogue.all(LabelScheme):
        record = contribution.record
        assert isinstance(record, LabelScheme)
        table = LabelTable(record.labels, record.groups)
        for part in Part:
            members = table.names_of(part.value) if part.value in record.groups else ()
            parts = {**{values[name]: part for name in members if name in values}, **parts}
    return parts


def _contract_parts(asked: Iterable[Any]) -> dict[int, Part]:
    return {value: part for one in asked for (part, _), values in _roles(one).items() for value in values}


def _roles(contract: Any) -> dict[tuple[Part, Use], tuple[int, ...]]:
    """The labels of a contract that have a part, by part and use."""
    found: dict[tuple[Part, Use], tuple[int, ...]] = {}
    for role in contracts.roles(type(contract)):
        if role.part is not None:
            key = role.part, role.use
            found[key] = (*found.get(key, ()), getattr(contract, role.field_name).value)
    return found


_LUMEN, _MADE_WALL = (Part.LUMEN, Use.READS), (Part.WALL, Use.WRITES)


def _walls(asked: Iterable[Any]) -> Iterator[Wall]:
    """Walls round whole lumens. A step that also reads a wall only moves one where the two meet."""
    for contract in asked:
        roles = _roles(contract)
        thickness = [role.field_name for role in contracts.roles(type(contract)) if role.use is Use.THICKNESS]
        if roles.keys() == {_LUMEN, _MADE_WALL} and len(roles[_MADE_WALL]) == len(thickness) == 1:
            for lumen in roles[_LUMEN]:
                yield Wall(lumen, roles[_MADE_WALL][0], getattr(contract, thickness[0]))


def _valves(asked: Iterable[Any]) -> Iterator[Valve]:
    for contract in asked:
        roles = _roles(contract)
        lumens, made = roles.get(_LUMEN, ()), roles.get((Part.VALVE, Use.WRITES), ())
        if len(lumens) == 2 and len(made) == 1:
            yield Valve(*made, *lumens)


def _rings(asked: Iterable[Any]) -> Iterator[Ring]:
    for contract in asked:
        roles = _roles(contract)
        made, veins, walls = (roles.get(key, ()) for key in ((Part.RING, Use.WRITES), _LUMEN, (Part.WALL, Use.READS)))
        if len(made) == len(veins) == len(walls) == 1:
            yield Ring(*made, *veins, *walls)
