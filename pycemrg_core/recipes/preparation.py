"""Prepare an input label map, so that a recipe can be planned for it."""

from __future__ import annotations

from attrs import frozen

from pycemrg_core.api.records import LabelScheme, Recipe
from pycemrg_core.images.label_volume import LabelVolume
from pycemrg_core.plugins.catalogue import Catalogue
from pycemrg_core.recipes.checking import require_sound
from pycemrg_core.recipes.conversion import Conversion, convert, recipe_labels
from pycemrg_core.recipes.planner import ImageFacts, Settings


@frozen(kw_only=True, eq=False)
class Prepared:
    """A label map with the recipe's integers, ready for planning, and how it was made."""

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
    """Run the input checks on a label map, and convert it to the integers of ``recipe``.

    ``scheme``: the label scheme of the image; by default its integers are those of the recipe. With ``check=False``
    the checks do not run. ``notes`` are the notes from reading the file.

    Raises :class:`LabelError` when the integers cannot be converted, and :class:`PlanError` when a check finds an
    error.
    """
    target = recipe_labels(catalogue, settings, recipe)
    record = catalogue.get(LabelScheme, scheme) if scheme else None
    if check:
        notes = (*notes, *require_sound(volume, record.labels if record else target, catalogue, name))
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
