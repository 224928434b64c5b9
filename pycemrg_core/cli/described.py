"""What ``describe`` shows about a record, for kinds that need more than the fields. Used in the rows of the kinds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pycemrg_core.api.records import Augmentation, LabelScheme, Recipe, RecipeStep, Schematic, Step, Structure

if TYPE_CHECKING:
    from pycemrg_core.api.contracts import Role
    from pycemrg_core.plugins.catalogue import Catalogue


def schematic(record: Schematic, catalogue: Catalogue) -> dict[str, Any]:
    lines = []
    for key, value in record.semantic_map.items():
        # A wrong value is shown as it is; planning says what is wrong with it.
        if isinstance(value, (list, tuple)):
            lines.append(f"{key}: {('; ' if key == 'APPLICATION_STEPS' else ', ').join(map(_rule, value)) or 'none'}")
        elif not isinstance(value, str):
            lines.append(f"{key}: {value!r}")
        elif value in record.labels:
            lines.append(f"{key}: {value} = {record.labels[value]}")
        elif value in record.parameters:
            lines.append(f"{key}: {value} = {record.parameters[value]:g}")
        else:
            lines.append(f"{key}: {value}")
    recipes = tuple(c.name for c in catalogue.all(Recipe) if record.name in _schematics(c.record, catalogue))
    return {"step": record.step, "roles": lines, "used by": recipes}


def _rule(rule: Any) -> str:
    if isinstance(rule, str):
        return rule
    if not isinstance(rule, Mapping) or not isinstance(names := rule.get("RULE_LABEL_NAMES") or [], (list, tuple)):
        return repr(rule)
    return f"{rule.get('MODE')} {', '.join(map(str, names))}".strip()


def recipe(record: Recipe, catalogue: Catalogue) -> dict[str, Any]:
    from pycemrg_core.errors import PycemrgError
    from pycemrg_core.recipes.flatten import flatten

    lines = []
    try:
        for entry in flatten(record, catalogue):
            made = catalogue.get(Schematic, entry.schematic)
            lines.append(f"{entry.schematic} ({made.step}): {made.summary}{_conditions(entry)}")
    except PycemrgError as error:
        lines.append(f"not usable: {error}")
    includes = tuple(entry.recipe for entry in record.steps if entry.recipe)
    return {
        "includes": includes,
        "requires": record.requires,
        "label scheme": record.scheme,
        "needs": record.needs,
        "steps": lines,
        "may be open": record.open,
        "may touch": tuple(" - ".join(pair) for pair in record.may_touch),
    }


def step(record: Step, catalogue: Catalogue) -> dict[str, Any]:
    from pycemrg_core.api import contracts
    from pycemrg_core.errors import RecordError

    try:
        roles = contracts.roles(record.contract.load())
    except TypeError as error:
        raise RecordError(str(error)) from error
    lines = [f"{role.key}: {_use(role)}".removeprefix(": ") for role in roles]
    users = tuple(c.name for c in catalogue.all(Schematic) if c.record.step == record.name)
    return {
        "contract": str(record.contract),
        "runs": str(record.run),
        "roles": lines,
        "used by": users,
    }


def _use(role: Role) -> str:
    words = [role.use.value, role.unit]
    if role.makes is not None:
        words.append(f"makes a {role.makes.label_type.name.lower()}")
    elif role.label_type is not None:
        words.append(f"a {role.label_type.name.lower()}")
    return ", ".join(filter(None, words))


def _conditions(entry: RecipeStep) -> str:
    """When an entry of a recipe runs, and what it keeps."""
    when = f"; only with {' and '.join(entry.when_present)} in the image" if entry.when_present else ""
    return when + (f"; keeps the image before it as {entry.snapshot!r}" if entry.snapshot else "")


def scheme(record: LabelScheme, _catalogue: Catalogue) -> dict[str, Any]:
    return {
        "labels": [f"{value:>4}  {name}" for name, value in sorted(record.labels.items(), key=lambda item: item[1])],
        "groups": [f"{group}: {', '.join(members)}" for group, members in record.groups.items()],
        "source": record.source,
    }


def structure(record: Structure, catalogue: Catalogue) -> dict[str, Any]:
    schemes = ((c.name, c.record.labels) for c in catalogue.all(LabelScheme))
    return {
        "spellings": record.spellings,
        "snomed": record.snomed,
        "colour": record.colour,
        "groups": record.groups,
        "starts from": record.root,
        "cropped to": f"{record.crop_mm:g} mm" if record.crop_mm else "",
        "joins": tuple(sorted({*record.joins, *_joined(record, catalogue)})),
        "integers": [f"{labels[record.name]:>4}  {name}" for name, labels in schemes if record.name in labels],
    }


def _joined(record: Structure, catalogue: Catalogue) -> list[str]:
    """The structures that say that they join this one."""
    return [c.name for c in catalogue.all(Structure) if record.name in c.record.joins]


def parameter(name: str, catalogue: Catalogue) -> dict[str, Any]:
    """A parameter of schematics, which is no record of its own: its default values, and who uses it."""
    users = [c.record for c in catalogue.all(Schematic) if name in c.record.parameters]
    if not users:
        return {}
    values = {value: None for user in users if (value := f"{user.parameters[name]:g} {_unit(user, name, catalogue)}")}
    schematics = {user.name for user in users}
    recipes = tuple(c.name for c in catalogue.all(Recipe) if schematics & _schematics(c.record, catalogue))
    return {
        "name": name,
        "summary": f"a parameter; set it with --set {name}=NUMBER",
        "kind": "parameter",
        "default": tuple(value.strip() for value in values),
        "schematics": tuple(sorted(schematics)),
        "recipes": recipes,
    }


def _unit(user: Schematic, name: str, catalogue: Catalogue) -> str:
    from pycemrg_core.api import contracts
    from pycemrg_core.errors import PycemrgError

    try:
        roles = contracts.roles(catalogue.get(Step, user.step).contract.load())
    except (PycemrgError, TypeError):  # of a broken plugin; planning says what is wrong
        return ""
    return next((role.unit for role in roles if user.semantic_map.get(role.key) == name), "")


def augmentation(record: Augmentation, _catalogue: Catalogue) -> dict[str, Any]:
    import inspect

    from pycemrg_core.errors import PycemrgError

    try:
        asked = list(inspect.signature(record.function.load()).parameters.values())[2:]
    except (PycemrgError, TypeError, ValueError) as error:  # no function, or one without a signature
        return {"function": str(record.function), "not usable": str(error)}
    shown = [one.name if one.default is one.empty else f"{one.name} = {one.default!r}" for one in asked]
    return {"parameters": shown, "function": str(record.function)}


def _schematics(recipe: Recipe, catalogue: Catalogue) -> set[str]:
    from pycemrg_core.errors import PycemrgError
    from pycemrg_core.recipes.flatten import flatten

    try:
        return {entry.schematic for entry in flatten(recipe, catalogue)}
    except PycemrgError:
        return set()
