"""What the labels of an image are, and its certificate."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pycemrg_core import Catalogue, ImageFacts, SavedRun, Settings, plan, recipe_labels
from pycemrg_core.api import (
    AnyImage,
    Blueprint,
    Heart,
    LabelScheme,
    LabelType,
    LabelVolume,
    Recipe,
    Schematic,
    blueprint_of,
    require_doubts,
    volume_given,
)
from pycemrg_core.cli.kit import RECORD
from schematics_builtin.certificate.certification import Certificate, certify

if TYPE_CHECKING:
    from pycemrg_core import RunResult

# So small that no wall is too thin: only what the recipe asks for matters here, not whether it can run.
_SPACING = (1e-6, 1e-6, 1e-6)


def asked_of(
    catalogue: Catalogue,
    recipe: str | Recipe | None = None,
    scheme: str | None = None,
    accept: str | tuple[str, ...] = (),
    labels: Mapping[str, int] | None = None,
) -> Blueprint:
    """What a recipe, run with its own thicknesses, asks of an image with the integers of a label scheme.

    Without a scheme or ``labels``, which are integers by name, the integers are the recipe's. ``accept`` are doubts of
    checks that are no errors here.
    Raises :class:`PlanError` when the recipe cannot be planned, and what the catalogue raises for unknown names.
    """
    accept = (accept,) if isinstance(accept, str) else accept
    require_doubts(accept, catalogue)
    if isinstance(recipe, str):
        catalogue.get(Recipe, recipe)  # a wrong name is no matter of the image
    known, settings = recipe_labels(catalogue, recipe=recipe), Settings(accept=accept)
    own = catalogue.get(LabelScheme, scheme).labels if scheme else labels
    if own:
        taken = set(own.values())
        known = {**{name: value for name, value in known.items() if value not in taken}, **own}
        settings = Settings(named=known, accept=accept)
    if recipe is None:
        names = {value: name for name, value in known.items()} if own else _names(known, catalogue)
        return blueprint_of((), catalogue, known, accepted=accept, names=names)
    facts = ImageFacts(labels=frozenset(known.values()), spacing=_SPACING, dtype="uint32")
    return plan(recipe, catalogue, facts, settings).blueprint


def asked_beside(path: Path, volume: LabelVolume, catalogue: Catalogue) -> tuple[Blueprint | None, str]:
    """What the run whose ``run.json`` lies beside an image asked of it, and a note for the user.

    None if :meth:`SavedRun.blueprint_beside` finds none.
    """
    asked, said = SavedRun.blueprint_beside(path, volume, catalogue)
    return asked, f"{RECORD} beside it says what the heart must be: {said}" if asked else said


def is_ungrown(heart: Heart) -> bool:
    """Whether a heart is still a segmentation: lumens, and no wall but perhaps one, which the segmentation gave."""
    types = [heart.blueprint.types.get(label) for label in heart.meshed]
    made = (LabelType.VALVE, LabelType.PLANE, LabelType.RING)
    return bool(heart.lumens) and types.count(LabelType.WALL) < 2 and not any(one in made for one in types)


def _names(labels: Mapping[str, int], catalogue: Catalogue) -> dict[int, str]:
    """The name of each integer. Without a recipe it can have several, one in each recipe: all are named."""
    found: dict[int, dict[str, None]] = {}
    for source in (labels, *(one.record.labels for one in catalogue.all(Schematic))):
        for name, value in source.items():
            found.setdefault(value, {})[name] = None
    return {value: " or ".join(sorted(names)) for value, names in found.items()}


def certify_image(image: AnyImage, catalogue: Catalogue, asked: Blueprint, *, name: str = "") -> Certificate:
    """The certificate of a label map, or of its path. ``name`` is the image's name in the certificate."""
    heart = heart_of(volume_given(image, catalogue), asked)
    return certify(heart, catalogue, name=name, voxels_sha256=heart.volume.voxels_sha256())


def certify_result(result: RunResult, catalogue: Catalogue, *, name: str = "") -> Certificate:
    """The certificate of a result of :func:`pycemrg_core.run_recipe`, with the thicknesses of that run."""
    return certify(Heart(volume=result.volume), catalogue, name=name, voxels_sha256=result.volume.voxels_sha256())


def heart_of(image: AnyImage, asked: Blueprint) -> Heart:
    """A label map, or that of a path, and what its labels are. It shares the image's memory."""
    return Heart(volume=volume_given(image).with_blueprint(asked))
