"""Compare the labels of an image with what a schematic, recipe or scheme expects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from attrs import field, frozen

from pycemrg_core import Catalogue, ImageFacts, PlannedStep, Settings, plan, recipe_labels
from pycemrg_core.api import Label, LabelScheme, LabelVolume, Recipe, RecipeStep, labels_read, labels_written
from schematics_builtin.labels.measuring import Facts, facts_of

# A share of a label outside its largest component that can be loose voxels; more can be a structure.
_LOOSE = 0.03

State = Literal["present", "missing", "unexpected"]

# A contact smaller than this is noise of a few voxels, at any resolution of a heart.
_LEAST_CONTACT_MM2 = 1.0


@frozen(kw_only=True)
class Contact:
    """The area of the voxel faces that a label shares with another label."""

    value: int
    name: str
    mm2: float


@frozen(kw_only=True)
class LabelStatus:
    """One label: whether it is expected, whether it is present, and its measures.

    ``components`` is the number of face-connected components, and ``whole`` the share of the largest one. ``box``
    is the first and last voxel index along x, y and z. ``touches`` is sorted by area, without the background.
    """

    value: int
    name: str
    state: State
    voxels: int = 0
    ml: float = 0.0
    components: int = 0
    whole: float = 0.0
    box: tuple[tuple[int, int], ...] = ()
    touches: tuple[Contact, ...] = ()


@frozen(kw_only=True)
class LabelReport:
    """All labels in order of their integers, the problems of the image, and notes on what to look at."""

    labels: tuple[LabelStatus, ...]
    problems: tuple[str, ...]
    notes: tuple[str, ...]


@frozen(kw_only=True)
class LabelDiagnostic:
    """What is expected of an image: the ``names`` it may contain, and who needs the labels it must contain."""

    names: Mapping[str, int]
    needed: Mapping[str, tuple[str, ...]] = field(factory=dict)

    @classmethod
    def for_scheme(cls, scheme: str, catalogue: Catalogue) -> LabelDiagnostic:
        """Compare with a label scheme: none of its labels is required."""
        return cls(names=catalogue.get(LabelScheme, scheme).labels)

    @classmethod
    def for_recipe(
        cls, recipe: str | Recipe, catalogue: Catalogue, settings: Settings | None = None
    ) -> LabelDiagnostic:
        """Compare with a recipe: labels that it says it needs, or reads before it writes them, are required.

        Raises :class:`PlanError` when the recipe cannot run on any image.
        """
        settings = settings or Settings()
        names = recipe_labels(catalogue, settings, recipe)
        # An image with all labels, and voxels small enough for every wall.
        ideal = ImageFacts(labels=frozenset(names.values()), spacing=(1e-6,) * 3, dtype="uint32")
        planned = plan(recipe, catalogue, ideal, settings)
        needed = {label.name: users for label, users in _inputs(planned.steps).items()}
        return cls(names=names, needed={**needed, **dict.fromkeys(planned.needs.values(), (planned.recipe,))})

    @classmethod
    def for_schematic(cls, schematic: str, catalogue: Catalogue, settings: Settings | None = None) -> LabelDiagnostic:
        """Compare with a single schematic."""
        alone = Recipe(name="schematic", steps=(RecipeStep(schematic=schematic),))
        return cls.for_recipe(alone, catalogue, settings)

    def compare(self, volume: LabelVolume, facts: Facts | None = None) -> LabelReport:
        """Report on every label of the image and every expected label. ``facts`` are its measures, if known."""
        facts = facts or facts_of(volume)
        names = {value: name for name, value in self.names.items()}
        labels = [_status(facts, value, names, volume.voxel_mm3) for value in facts.labels]
        there = set(facts.labels)
        for name in self.needed if self.needed else self.names:
            if self.names[name] not in there:
                labels.append(LabelStatus(value=self.names[name], name=name, state="missing"))
        problems = [
            f"{name} ({self.names[name]}) is not in the image; needed by {', '.join(users)}"
            for name, users in self.needed.items()
            if self.names[name] not in there
        ]
        return LabelReport(
            labels=tuple(sorted(labels, key=lambda label: label.value)),
            problems=tuple(problems),
            notes=tuple(_notes(labels)),
        )


def _inputs(steps: tuple[PlannedStep, ...]) -> dict[Label, tuple[str, ...]]:
    """The labels that steps read before any step writes them, and which steps do.

    What a step waits for (``when_present``) is not needed: without it the step is left out.
    """
    written: set[int] = set()
    needed: dict[Label, tuple[str, ...]] = {}
    for step in steps:
        for label in labels_read(step.contract):
            if label.value not in written and label.name not in step.when_present:
                needed[label] = (*needed.get(label, ()), step.name)
        written.update(label.value for label in labels_written(step.contract))
    return needed


def _status(facts: Facts, value: int, names: Mapping[int, str], voxel_mm3: float) -> LabelStatus:
    row = facts.labels.index(value)
    contacts = [
        Contact(value=other, name=names.get(other, ""), mm2=float(area))
        for other, area in zip(facts.labels, facts.contact_mm2[row + 1, 1:], strict=True)
        if area >= _LEAST_CONTACT_MM2
    ]
    return LabelStatus(
        value=value,
        name=names.get(value, ""),
        state="present" if value in names else "unexpected",
        voxels=round(float(facts.volume_ml[row]) * 1000 / voxel_mm3),
        ml=float(facts.volume_ml[row]),
        components=int(facts.components[row]),
        whole=float(facts.whole[row]),
        box=tuple((int(first), int(last)) for first, last in facts.box[row][::-1]),
        touches=tuple(sorted(contacts, key=lambda contact: -contact.mm2)),
    )


def _notes(labels: list[LabelStatus]) -> list[str]:
    notes = []
    for label in labels:
        if label.state == "unexpected":
            notes.append(f"{label.value} has no name here: {label.voxels:,} voxels, {label.ml:.2f} mL")
        if label.components > 1:
            outside = round((1 - label.whole) * label.voxels)
            remedy = "'pycemrg clean --reassign-islands' can repair this"
            if 1 - label.whole > _LOOSE:
                remedy = "they can be several structures under one label; look at them in a viewer"
            notes.append(
                f"{label.name or label.value} has {label.components:,} components, the largest has all but "
                f"{outside:,} of its {label.voxels:,} voxels ({1 - label.whole:.1%}); {remedy}"
            )
    return notes
