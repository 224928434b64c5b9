"""From a label map as it was given to one that a recipe can be planned for."""

from __future__ import annotations

from attrs import frozen

from pycemrg_core.api.records import LabelScheme, Recipe
from pycemrg_core.images.label_volume import LabelVolume
from pycemrg_core.plugins.catalogue import Catalogue
from pycemrg_core.recipes.conversion import Conversion, check_anatomy, convert, recipe_labels
from pycemrg_core.recipes.planner import ImageFacts, Settings


@frozen(kw_only=True, eq=False)
class Prepared:
    """A label map with the recipe's integers, ready to be planned for, and how it came to be so."""

    volume: LabelVolume
    facts: ImageFacts
    notes: tuple[str, ...] = ()
    conversion: Conversion | None = None


def prepare(
    volume: LabelVolume,
    catalogue: Catalogue,
    settings: Settings,
    *,
    recipe: str | Recipe | None = None,
    scheme: str | None = None,
    name: str = "the image",
    notes: tuple[str, ...] = (),
    check: bool = True,
) -> Prepared:
    """Convert a label map to the integers of ``recipe``, and check that its anatomy is what its labels say.

    ``scheme``: the label scheme that the integers are of; by default they are the recipe's own. Without ``check``
    the anatomy is not looked at. ``notes`` are what reading the file had to say.

    Raises :class:`LabelError` when the integers cannot be converted, and :class:`PlanError` when the anatomy
    contradicts the labels.
    """
    target = recipe_labels(catalogue, settings, recipe)
    record = catalogue.get(LabelScheme, scheme) if scheme else None
    if check:
        check_anatomy(volume, record.labels if record else target, catalogue, name)
    conversion = None
    if record:
        volume, conversion = convert(volume, record, target)
        notes = (*notes, f"labels converted from {record.name} to the integers of the recipe")
    facts = ImageFacts(
        name=name,
        labels=frozenset(volume.boxes),
        spacing=volume.spacing,
        dtype=str(volume.array.dtype),
        scheme=record.name if record else "",
        lacks=frozenset(target.keys() - record.labels.keys()) if record else frozenset(),
    )
    return Prepared(volume=volume, facts=facts, notes=notes, conversion=conversion)
