"""What the labels of an image are, and its certificate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pycemrg_core import Catalogue, ImageFacts, Settings, plan, recipe_labels
from pycemrg_core.api import (
    Blueprint,
    Heart,
    LabelScheme,
    Recipe,
    Schematic,
    blueprint_of,
    require_doubts,
    volume_of,
    voxels_sha256,
)
from schematics_builtin.certificate.certification import Certificate, certify

if TYPE_CHECKING:
    import SimpleITK as sitk

    from pycemrg_core import RunResult

# So small that no wall is too thin: only what the recipe asks for matters here, not whether it can run.
_SPACING = (1e-6, 1e-6, 1e-6)


def asked_of(
    catalogue: Catalogue, recipe: str | Recipe | None = None, scheme: str | None = None, accept: tuple[str, ...] = ()
) -> Blueprint:
    """What a recipe, run with its own thicknesses, asks of an image with the integers of a label scheme.

    Without a scheme the integers are the recipe's. ``accept`` are doubts of checks that are no errors here.
    Raises :class:`PlanError` when the recipe cannot be planned, and what the catalogue raises for unknown names.
    """
    require_doubts(accept, catalogue)
    labels, settings = recipe_labels(catalogue, recipe=recipe), Settings(accept=accept)
    if scheme:
        own = catalogue.get(LabelScheme, scheme).labels
        taken = set(own.values())
        labels = {**{name: value for name, value in labels.items() if value not in taken}, **own}
        settings = Settings(labels=labels, accept=accept)
    if recipe is None:
        names = {value: name for name, value in labels.items()} if scheme else _names(labels, catalogue)
        return blueprint_of((), catalogue, labels, accepted=accept, names=names)
    facts = ImageFacts(labels=frozenset(labels.values()), spacing=_SPACING, dtype="uint32")
    return plan(recipe, catalogue, facts, settings).blueprint


def _names(labels: Mapping[str, int], catalogue: Catalogue) -> dict[int, str]:
    """The name of each integer. Without a recipe it can have several, one in each recipe: all are named."""
    found: dict[int, dict[str, None]] = {}
    for source in (labels, *(one.record.labels for one in catalogue.all(Schematic))):
        for name, value in source.items():
            found.setdefault(value, {})[name] = None
    return {value: " or ".join(sorted(names)) for value, names in found.items()}


def certify_image(image: sitk.Image, catalogue: Catalogue, asked: Blueprint, *, name: str = "") -> Certificate:
    """The certificate of a label map. ``name`` is the image's name in the certificate."""
    return certify(heart_of(image, asked), catalogue, name=name, voxels_sha256=voxels_sha256(image))


def certify_result(result: RunResult, catalogue: Catalogue, *, name: str = "") -> Certificate:
    """The certificate of a result of :func:`pycemrg_core.run_recipe`, with the thicknesses of that run."""
    return certify(Heart(volume=result.volume), catalogue, name=name, voxels_sha256=result.volume.voxels_sha256())


def heart_of(image: sitk.Image, asked: Blueprint) -> Heart:
    """A label map and what its labels are. It shares the image's memory."""
    return Heart(volume=volume_of(image).with_blueprint(asked))
