"""Prepare an input label map: convert its integers for the plan of a recipe, then pad it where the plan needs room."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import evolve, frozen

from pycemrg_core.api import contracts
from pycemrg_core.api.contracts import LabelType
from pycemrg_core.api.records import LabelScheme, Recipe
from pycemrg_core.errors import ImageError, PlanError
from pycemrg_core.images.conversion import Conversion, convert
from pycemrg_core.images.given import AnyImage
from pycemrg_core.images.label_volume import LabelVolume
from pycemrg_core.images.named_volume import NamedVolume, hints_of, perhaps_a_mask, read_heart, telling
from pycemrg_core.images.padding import Padding, meeting_border
from pycemrg_core.plugins.catalogue import Catalogue
from pycemrg_core.recipes.checking import require_doubts, require_sound
from pycemrg_core.recipes.labelling import labelling, labelling_of
from pycemrg_core.recipes.plans import ImageFacts, Plan, PlannedStep
from pycemrg_core.recipes.settings import Settings
from pycemrg_core.shown.objects import ShownPrepared
from pycemrg_core.text.files import name_of

_GROWING = (LabelType.WALL, LabelType.RING)  # what reaches beyond the labels that are there
_SHOWN = 4  # names in a note
_MOST_VOXELS = 2**28  # what an image may be padded to, whatever its size


@frozen(kw_only=True, eq=False, repr=False)
class Prepared(ShownPrepared):
    """A label map with the recipe's integers, ready for planning, and how it was made."""

    volume: LabelVolume
    facts: ImageFacts
    notes: tuple[str, ...] = ()
    conversion: Conversion | None = None
    padding: Padding | None = None

    def geometry(self) -> dict[str, Any]:
        """Size, spacing, origin and direction before the padding, and the pixel type, as plain data for JSON."""
        return (self.padding.take_from(self.volume) if self.padding else self.volume).geometry()


def prepare_source(
    image: AnyImage,
    catalogue: Catalogue,
    settings: Settings | None = None,
    *,
    recipe: str | Recipe | None = None,
    scheme: str | None = None,
    name: str = "the image",
    check: bool = True,
) -> tuple[Prepared, Settings, NamedVolume]:
    """Read a file or folder as one label map, and prepare it like :func:`prepare`; or an image that is there already.

    Returns also the settings with the names in the source, unless the user names the labels, and what was read.
    Raises the errors of :func:`prepare`, and :class:`ImageError` when the source is not one label map, or when
    ``scheme`` is given for one without integers.
    """
    settings = settings or Settings()
    given = bool(scheme or settings.labels or settings.configured)
    integers = (labelling_of(recipe, catalogue, settings) if recipe else labelling(catalogue, settings)).labels
    read = read_heart(image, catalogue, named=given, integers=integers)
    if scheme and read.labels:
        raise ImageError(f"{name_of(name)}: its labels have names and no integers; leave out the label scheme")
    settings = evolve(settings, named=read.labels)
    hints = hints_of(read, catalogue)
    with telling(hints):
        prepared = prepare(
            read.volume, catalogue, settings, recipe=recipe, scheme=scheme, name=name, notes=read.notes, check=check
        )
    return evolve(prepared, facts=evolve(prepared.facts, hints=hints)), settings, read


def prepare(
    image: AnyImage,
    catalogue: Catalogue,
    settings: Settings | None = None,
    *,
    recipe: str | Recipe | None = None,
    scheme: str | None = None,
    name: str = "the image",
    notes: tuple[str, ...] = (),
    check: bool = True,
) -> Prepared:
    """Run the input checks on a label map, and convert it to the integers of ``recipe``.

    ``image`` is a label map or its path; names in a file are not used, as they are by :func:`prepare_source`.
    ``scheme``: the label scheme of the image; by default its integers are those of the recipe. With ``check=False``
    the checks do not run. ``notes`` are those from reading the file, if it was read before.

    Raises :class:`LabelError` when the integers cannot be converted, and :class:`PlanError` when a check finds an
    error.
    """
    settings, read = settings or Settings(), read_heart(image, catalogue, named=True)
    volume, notes, name = read.volume, (*notes, *read.notes), name_of(name)
    named = labelling_of(recipe, catalogue, settings) if recipe else labelling(catalogue, settings)
    if named.problems:
        raise PlanError(f"the labels given for {name} cannot be used:", named.problems)
    target = named.labels
    record = catalogue.get(LabelScheme, scheme) if scheme else None
    require_doubts(settings.accept, catalogue)
    if check:
        notes = (*notes, *require_sound(volume, record.labels if record else target, catalogue, name, settings.accept))
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
        hints=(perhaps_a_mask(),) if len(volume.boxes) == 1 else (),
    )
    return Prepared(volume=volume, facts=facts, notes=notes, conversion=conversion)


def make_room(prepared: Prepared, planned: Plan, settings: Settings | None = None) -> Prepared:
    """Pad the label map where a wall or ring of the plan, or a label that the recipe knows, would meet the border.

    A side is padded by the largest thickness of a wall or ring and one voxel, and a note says so. Otherwise the label
    map is returned as it is, also when the settings forbid padding: a note then says what meets the border.

    Raises :class:`PlanError` when a thickness is so large that the image would become huge.
    """
    thickest = max(map(_thickest, planned.steps), default=0.0)
    if not thickest:
        return prepared
    beyond = meeting_border(prepared.volume, planned.blueprint, planned.names, thickest)
    if not beyond:
        return prepared
    names = ", ".join(map(planned.blueprint.name, list(beyond)[:_SHOWN]))
    names += f" and {len(beyond) - _SHOWN} more" if len(beyond) > _SHOWN else ""
    if settings and not settings.pad:
        note = f"not padded: {names} would meet the border of the image; what lies beyond is cut off"
        return evolve(prepared, notes=(*prepared.notes, note))
    padding = Padding.of_sides(np.any([*beyond.values()], axis=0), thickest, prepared.volume.spacing)
    voxels = padding.voxels(prepared.volume.array.shape)
    if voxels > max(_MOST_VOXELS, 8 * prepared.volume.array.size):
        problem = f"a wall of {thickest:g} mm needs an image of {voxels:,} voxels; make it thinner, or use --no-pad"
        raise PlanError(f"{planned.recipe} will not run on {prepared.facts.name}:", [problem])
    note = f"padded with background, in voxels: {padding}; {names} would meet the border of the image"
    return evolve(prepared, volume=padding.add_to(prepared.volume), padding=padding, notes=(*prepared.notes, note))


def _thickest(step: PlannedStep) -> float:
    """The thickness of the wall or ring that a step makes, mm; 0 if it makes none."""
    grows = any(role.makes and role.makes.label_type in _GROWING for role in contracts.roles(type(step.contract)))
    return max(contracts.thicknesses(step.contract), default=0.0) if grows else 0.0
