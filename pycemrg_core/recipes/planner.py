"""Make a plan from a recipe and the facts of an image, or list every reason why the recipe cannot run.

No voxel is changed here. Contracts say what each step reads and writes; that is enough to refuse a wrong label
before anything runs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain
from types import MappingProxyType
from typing import Any

import attrs
import numpy as np
from attrs import Factory, frozen

from pycemrg_core.api import contracts
from pycemrg_core.api.contracts import LABEL_USES, Label, Use
from pycemrg_core.api.records import LabelScheme, Recipe, RecipeStep, Schematic, Step
from pycemrg_core.errors import LabelError, NameConflictError, PlanError, PycemrgError, blaming
from pycemrg_core.images.blueprint import Blueprint
from pycemrg_core.plugins.catalogue import Catalogue
from pycemrg_core.recipes.blueprints import blueprint_of
from pycemrg_core.recipes.flatten import Rules, flatten, rules_of, unmet
from pycemrg_core.recipes.labelling import ALL, Labelling, expand, labelling, scheme_of
from pycemrg_core.recipes.plans import ImageFacts, LeftOut, Plan, PlannedStep
from pycemrg_core.recipes.semantic_map import integer_problems
from pycemrg_core.recipes.settings import Settings
from pycemrg_core.recipes.values import Entry, Values
from pycemrg_core.text.files import name_of
from pycemrg_core.text.install_hints import advice
from pycemrg_core.text.names import close_to


def plan(recipe: str | Recipe, catalogue: Catalogue, facts: ImageFacts, settings: Settings | None = None) -> Plan:
    """Resolve a recipe against the catalogue, the image and the user's settings.

    Raises :class:`PlanError` with every problem at once.
    """
    return _Planner(catalogue, facts, settings or Settings()).plan(recipe)


@frozen
class _Planner:
    catalogue: Catalogue
    facts: ImageFacts
    settings: Settings
    problems: list[str] = Factory(list)
    warnings: list[str] = Factory(list)
    blocked: dict[str, list[str]] = Factory(dict)  # lost labels, and the steps that need them
    faults: dict[str, list[str]] = Factory(dict)  # what is wrong with steps, and with which
    doubts: dict[str, list[str]] = Factory(dict)  # what may go wrong with steps, and with which

    def plan(self, name: str | Recipe) -> Plan:
        recipe, provider = name if isinstance(name, Recipe) else None, None
        if not isinstance(name, Recipe):
            try:
                contribution = self.catalogue.find(Recipe, name)
            except PycemrgError as error:
                raise PlanError(f"{name_of(str(name))} will not run on {self.facts.name}:", [str(error)]) from error
            recipe, provider = self.catalogue.get(Recipe, name), contribution.provider
        assert recipe is not None
        recipe = attrs.evolve(recipe, steps=(*recipe.steps, *self.settings.then))
        entries = self._entries(recipe)
        scheme = self._scheme(recipe) if entries else None
        named = labelling(self.catalogue, self.settings, recipe, [one.schematic for one in entries], scheme)
        self.problems.extend(named.problems)
        self.warnings.extend(named.notes)
        known = named.labels
        labels = self._labels(entries, scheme, named)
        parameters = self._parameters(entries)
        rules = rules_of(recipe, self.catalogue) if entries else Rules()
        self._require_needs(recipe.name, rules, {**known, **labels})
        entries, left_out = self._present(entries, {**known, **labels}, named.lost)
        values = Values(labels, scheme, named.lost, self.settings, self.facts.spacing, self.doubts)
        steps = [step for entry in entries if (step := self._step(entry, values))]
        self.problems.extend(f"{', '.join(dict.fromkeys(names))}: {text}" for text, names in self.faults.items())
        self.warnings.extend(f"{', '.join(dict.fromkeys(names))}: {text}" for text, names in self.doubts.items())
        for label, users in self.blocked.items():
            self.problems.append(
                f"{label!r} has no integer: {named.lost[label]}; needed by {', '.join(users)}; give it its own"
                " integer in your labels"
            )
        self._require_reads(steps, entries, labels)
        self._require_snapshots(steps)
        if self.problems:
            title = f"{recipe.name} will not run on {self.facts.name}:"
            raise PlanError(title, dict.fromkeys([*self.problems, *self.facts.hints]))
        dtype = self._dtype(steps)
        names = {value: name for name, value in labels.items()}
        names |= {value: name for name, value in known.items() if name not in labels and value not in names}
        blueprint = blueprint_of(
            [step.contract for step in steps],
            self.catalogue,
            {**known, **labels},
            names=names,
            rules=rules,
            when_present=[step.when_present for step in steps],
            recipe=recipe.name,
            scheme=scheme.name if scheme else "",
            accepted=self.settings.accept,
        )
        self._doubt_results(blueprint)
        return Plan(
            recipe=recipe.name,
            recipe_provider=provider,
            steps=tuple(steps),
            labels=MappingProxyType(labels),
            parameters=MappingProxyType(parameters),
            then=self.settings.then,
            names=MappingProxyType(names),
            dtype=dtype,
            warnings=tuple(dict.fromkeys(self.warnings)),
            left_out=left_out,
            needs={known[name]: name for name in sorted(rules.needs) if name in known},
            blueprint=blueprint,
        )

    def _doubt_results(self, blueprint: Blueprint) -> None:
        """Note what only a run makes: walls may be segmented, but hardly valves, planes and rings."""
        made = [one.valve for one in blueprint.valves]
        made += [*(one.plane for one in blueprint.planes), *(one.ring for one in blueprint.rings)]
        there = [blueprint.names.get(label, str(label)) for label in made if label in self.facts.labels]
        if there:
            shown = f"{', '.join(there[:3])}{f' and {len(there) - 3} more' if len(there) > 3 else ''}"
            self.warnings.append(
                f"the image already holds {shown}, which {blueprint.recipe} makes; run it on the segmentation, not on"
                " the result of a run"
            )

    def _entries(self, recipe: Recipe) -> list[Entry]:
        self.problems.extend(unmet(recipe, self.catalogue))
        try:
            steps = list(flatten(recipe, self.catalogue))
        except PlanError as error:
            self.problems.extend(error.problems)
            return []
        except PycemrgError as error:
            self.problems.append(_in_a_recipe(error))
            return []
        if not steps:
            self.problems.append(f"recipe {recipe.name!r} has no steps; give it at least one")
        entries = []
        for step in steps:
            try:
                entries.append(self._entry(step))
            except PycemrgError as error:
                self.problems.append(_in_a_recipe(error))
        return entries

    def _entry(self, recipe_step: RecipeStep) -> Entry:
        name = recipe_step.schematic
        provider = None
        schematic = self.settings.schematics.get(name)
        if schematic is None:
            contribution = self.catalogue.find(Schematic, name)
            schematic, provider = contribution.record, contribution.provider
        found = self.catalogue.find(Step, schematic.step)
        step = found.record
        who = f"step {step.name!r} of {found.provider}"
        with blaming(LabelError, who):
            contract = step.contract.load()
        try:
            roles = contracts.roles(contract)
        except TypeError as error:
            raise LabelError(f"{who}: {error}") from error
        with blaming(LabelError, who):
            step.run.load()  # refuse here what cannot be imported, not in the middle of a run
        keys = {role.key for role in roles}
        for unknown in sorted(schematic.semantic_map.keys() - keys):
            raise LabelError(
                f"schematic {name!r} fills the role {unknown!r}, which step {step.name!r} does not have"
                f"{close_to(unknown, keys)}"
            )
        keeps = (recipe_step.snapshot,) if recipe_step.snapshot else ()
        return Entry(
            schematic, provider, step, found.provider, roles, recipe_step.parameters, recipe_step.when_present, keeps
        )

    def _scheme(self, recipe: Recipe) -> LabelScheme | None:
        try:
            return scheme_of(recipe, self.catalogue)
        except PlanError as error:
            self.problems.extend(error.problems)
        except PycemrgError as error:
            self.problems.append(_in_a_recipe(error))
        return None

    def _labels(self, entries: Sequence[Entry], scheme: LabelScheme | None, named: Labelling) -> dict[str, int]:
        """Integers of all names the recipe uses: the user's, else the scheme's, else the schematics' defaults."""
        labels: dict[str, int] = {}
        origin: dict[str, str] = {}
        known = named.labels
        fixed = {**{name: known[name] for name in (scheme.labels if scheme else ()) if name in known}, **named.given}
        for entry in entries:
            for name in chain.from_iterable(
                expand(one, known, scheme) for one in entry.names(*LABEL_USES) if one != ALL
            ):
                own = {**entry.schematic.labels, **fixed}
                if name in named.lost:
                    self.warnings.append(f"{name} counts as absent: {named.lost[name]}")
                    continue  # a problem only where it is needed
                if name not in own:
                    self.problems.append(
                        f"{entry.schematic.name} uses {name!r}, which has no integer"
                        f"{close_to(name, own)}"
                        "; give it one in the schematic or in labels.yaml"
                    )
                elif labels.setdefault(name, own[name]) != own[name]:
                    self.problems.append(
                        f"{name!r} is {labels[name]} in {origin[name]} and {own[name]} in {entry.schematic.name}; "
                        "set it in labels.yaml"
                    )
                origin.setdefault(name, entry.schematic.name)
        if any(ALL in entry.names(*LABEL_USES) for entry in entries):
            labels = {**fixed, **labels}
        self.problems.extend(integer_problems(labels, named.given))
        return labels

    def _require_needs(self, recipe: str, rules: Rules, known: Mapping[str, int]) -> None:
        missing = {name for name in rules.needs if known.get(name) not in self.facts.labels}
        for name in sorted(missing, key=lambda one: known.get(one, 0)):
            self.problems.append(f"{name} ({known.get(name, 'no integer')}) is not in the image; {recipe} needs it")
        others = [one for one in self.catalogue.all(Recipe) if one.record.needs] if missing else []
        fitting = [one.name for one in others if all(known.get(name) in self.facts.labels for name in one.record.needs)]
        if fitting:
            self.problems.append(f"the image has what {', '.join(fitting)} needs")
        elif missing and (self.settings.named or self.facts.scheme):
            self.problems.append(f"if another source has what is missing, {advice('several')}")

    def _present(
        self, entries: Iterable[Entry], known: Mapping[str, int], lost: Collection[str]
    ) -> tuple[list[Entry], tuple[LeftOut, ...]]:
        """The entries that run, and those whose labels are neither in the image nor made by an earlier step."""
        running: list[Entry] = []
        left_out: list[LeftOut] = []
        snapshots = self.settings.snapshots
        present = set(self.facts.labels)
        for entry in entries:
            for name in entry.when_present:
                if name not in known and name not in lost:
                    self.problems.append(
                        f"{entry.schematic.name} runs when {name!r} is present, which no schematic and no label scheme"
                        f" of the recipe knows{close_to(name, known)}"
                    )
            snapshots += tuple(name for name in entry.snapshots if name not in snapshots)
            if missing := tuple(name for name in entry.when_present if known.get(name) not in present):
                left_out.append(LeftOut(entry.schematic.name, missing))
                continue
            running.append(entry._replace(snapshots=snapshots))
            snapshots = ()
            present.update(known[name] for name in entry.names(Use.WRITES) if name in known)
        if left_out and not running:
            self.problems.append("every step is left out: the image has none of the labels in their when_present")
        return running, tuple(left_out)

    def _require_snapshots(self, steps: Iterable[PlannedStep]) -> None:
        kept: dict[str, str] = {}
        for step in steps:
            for name in step.snapshots:
                if name in kept:
                    self.problems.append(
                        f"two snapshots are called {name!r}: before {kept[name]} and before {step.name}; rename one"
                    )
                kept.setdefault(name, step.name)
            for name in contracts.snapshot_names(step.contract):
                if name not in kept:
                    self.problems.append(
                        f"{step.name} measures on the snapshot {name!r}, which no entry up to there keeps"
                        f"{close_to(name, kept)}; put an entry with 'snapshot: {name}' before it in a recipe"
                    )

    def _parameters(self, entries: Iterable[Entry]) -> dict[str, float]:
        """Values of all parameters of the recipe. If only some steps override one, it has the value without them."""
        used: dict[str, float] = {}
        own: dict[str, list[float]] = {}
        for entry in entries:
            for role in entry.roles:
                name = entry.schematic.semantic_map.get(role.key)
                if role.use in (Use.THICKNESS, Use.NUMBER, Use.CHOICE) and isinstance(name, str):
                    value = entry.number(name, self.settings, own=False)
                    if value is None:
                        value = entry.number(name, self.settings)
                    if value is not None:
                        used.setdefault(name, value)
                    if (mine := entry.number(name, self.settings)) is not None:
                        own.setdefault(name, []).append(mine)
                    self._require_configured(name, mine)
        meant = {*self.settings.parameters, *(name for entry in entries for name in entry.parameters)}
        for name in sorted(meant - used.keys()):
            self.problems.append(
                f"no step uses the parameter {name!r}{close_to(name, used)} (in use: {', '.join(sorted(used))})"
            )
        # The configuration of one recipe may serve another, so what the catalogue knows is no mistake. It is looked up
        # only for a configuration.
        schematics = [found.record for found in self.catalogue.all(Schematic) if self.settings.defaults]
        ours = {name for one in schematics for name in one.parameters}
        maps = [one.semantic_map for one in (*schematics, *self.settings.schematics.values())]
        known = ours | {str(value) for one in maps for value in one.values()}
        for name in sorted(self.settings.defaults.keys() - known):
            self.warnings.append(
                f"the configuration sets {name!r}, a parameter that no schematic has{close_to(name, ours)}"
            )
        # If all steps that use a parameter have the same value, that is its value, also in the record.
        alike = {name: values[0] for name, values in own.items() if values.count(values[0]) == len(values)}
        return {**used, **alike}

    def _require_configured(self, name: str, value: float | None) -> None:
        """Warn when the recipe overrides a value of the configuration."""
        configured = self.settings.defaults.get(name, value)
        if value is not None and configured != value and name not in self.settings.parameters:
            self.warnings.append(
                f"{name} is {configured:g} in the configuration, but the recipe sets {value:g}, which is used;"
                f" to change that, use --set {name}={configured:g}"
            )

    def _step(self, entry: Entry, given: Values) -> PlannedStep | None:
        if gone := [name for name in entry.names(Use.READS, Use.WRITES) if name in given.lost]:
            for name in dict.fromkeys(gone):
                self.blocked.setdefault(name, []).append(entry.schematic.name)
            return None
        values: dict[str, Any] = {}
        for role in entry.roles:
            try:
                values[role.field_name] = given.fill(entry, role)
            except PycemrgError as error:
                self.faults.setdefault(str(error), []).append(entry.schematic.name)
        if len(values) < len(entry.roles):
            return None
        try:
            with blaming(LabelError, f"contract of step {entry.step.name!r} of {entry.step_provider}"):
                contract = entry.step.contract.load()(**values)
        except LabelError as error:
            self.faults.setdefault(str(error), []).append(entry.schematic.name)
            return None
        return PlannedStep(
            name=entry.schematic.name,
            step=entry.step,
            contract=contract,
            schematic_provider=entry.provider,
            step_provider=entry.step_provider,
            snapshots=entry.snapshots,
            when_present=entry.when_present,
        )

    def _require_reads(self, steps: list[PlannedStep], entries: list[Entry], labels: Mapping[str, int]) -> None:
        # A step that failed to plan is already reported. The labels that it would write are not reported as missing.
        planned = {step.name for step in steps}
        failed = [entry for entry in entries if entry.schematic.name not in planned]
        unmade = [entry.names(Use.WRITES) for entry in failed]
        present = {*self.facts.labels, *(labels.get(name) for names in unmade for name in names)}
        missing: dict[Label, list[str]] = {}
        for number, step in enumerate(steps):
            for label in contracts.labels_read(step.contract):
                if label.value in present:
                    continue
                later = [
                    other.name
                    for other in steps[number + 1 :]
                    if label.value in {written.value for written in contracts.labels_written(other.contract)}
                ]
                if later:
                    self.problems.append(
                        f"{step.name} reads {label.name} ({label.value}) before it is first written: it is not in the"
                        f" image, and only {later[0]} writes it, later; move {later[0]} before {step.name}"
                    )
                else:
                    missing.setdefault(label, []).append(step.name)
            present.update(label.value for label in contracts.labels_written(step.contract))
        for label, needed_by in missing.items():
            users = ", ".join(dict.fromkeys(needed_by))
            remedy = "if it has another integer there, set it in labels.yaml"
            if label.name in self.facts.lacks:
                remedy = f"the scheme {self.facts.scheme} does not have it"
            self.problems.append(f"{label.name} ({label.value}) is not in the image; needed by {users}; {remedy}")
        if missing:
            self.problems.append(f"the image holds {_some(sorted(self.facts.labels))}")

    def _dtype(self, steps: Iterable[PlannedStep]) -> str:
        written = [label.value for step in steps for label in contracts.labels_written(step.contract)]
        highest = max([*written, *self.facts.labels], default=0)
        if highest <= np.iinfo(self.facts.dtype).max:
            return self.facts.dtype
        wider = str(np.promote_types(np.min_scalar_type(highest), np.uint16))
        self.warnings.append(
            f"label {highest} does not fit {self.facts.dtype} pixels; the result is written as {wider}"
        )
        return wider


def _in_a_recipe(error: PycemrgError) -> str:
    """For a name conflict, add a remedy for users: they cannot edit the recipe, but they can leave out a plugin."""
    remedy = "; or leave one of them out with PYCEMRG_PLUGINS=-NAME" if isinstance(error, NameConflictError) else ""
    return f"{error}{remedy}"


def _some(values: list[int]) -> str:
    text = ", ".join(map(str, values[:20])) or "nothing but background"
    return f"{text} and {len(values) - 20} more" if len(values) > 20 else text
