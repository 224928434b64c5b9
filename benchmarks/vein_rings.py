"""Rings round veins that stand close together: how many hearts keep every ring closed, for several rules.

    python benchmarks/vein_rings.py [--rule NAME]... HEART...

Each heart gives 23 variants: its veins as they are, 1 to 4 mm nearer to each other, turned by 10 and 20 degrees,
1 to 3 mm thicker (``tests/vein_variants.py``). On each, the steps of ``four_chamber_closed`` run as far as they matter
to the rings. Rings are closed loops on their own walls, or, in the column "or tissue", have gaps that other tissue
fills; the check ``ring_loop`` says so. A row is a rule: what it gives to which ring, and the share of a vena cava that
its skirt takes.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import attrs

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from vein_variants import at_1_mm, variants

from pycemrg_core import Settings, load_catalogue, plan, prepare, read_volume, run_plan
from pycemrg_core.api import CheckOn, Heart, LabelVolume, Recipe, RecipeStep, Schematic, Severity, checks_on, faults_of

RECIPE = "four_chamber_closed"
CATALOGUE = load_catalogue()
_LEFT_OUT = {"ao_open_end", "part_open_end", "seal_chambers"}  # they change no ring
_OWN_CELL = "_own_cell"

# rule: its summary, which schematics it uses, the share of the skirts
RULES = {
    "own cell": ("a vein's own cell, with room for the rings on the other atrium", "own cell", 0.02),
    "own cell, skirt 0.2": ("the same after skirts of a fifth of the vein", "own cell", 0.2),
    "nearest": ("a vein's own cell among all veins", "nearest", 0.02),
    "nearest, skirt 0.2": ("the same after skirts of a fifth of the vein", "nearest", 0.2),
    "order": ("rings of 2 mm, later ones over earlier ones", "order", 0.02),
    "order, skirt 0.2": ("the same after skirts of a fifth of the vein", "order", 0.2),
}


def parts(rings: str) -> tuple[Recipe, Recipe]:
    """The recipe up to the rings, and from there on with the rings of a rule."""
    whole = CATALOGUE.get(Recipe, RECIPE)
    first = next(at for at, step in enumerate(whole.steps) if step.schematic.endswith(_OWN_CELL))
    rest = [step for step in whole.steps[first:] if step.schematic not in _LEFT_OUT]
    if rings == "order":
        rest = [attrs.evolve(step, schematic=step.schematic.removesuffix(_OWN_CELL)) for step in rest]
    return attrs.evolve(whole, steps=whole.steps[:first]), attrs.evolve(whole, steps=tuple(rest))


def among_all(steps: tuple[RecipeStep, ...]) -> Iterator[Schematic]:
    """The schematics of rings, with the veins of both atria as rivals on one wall."""
    for step in steps:
        if step.schematic.endswith(_OWN_CELL):
            schematic = CATALOGUE.get(Schematic, step.schematic)
            roles = dict(schematic.semantic_map)
            rivals = [*roles["RIVAL_LABEL_NAMES"], *roles["FAR_RIVAL_LABEL_NAMES"]]
            nobody = {"FAR_RIVAL_LABEL_NAMES": [roles["SOURCE_VEIN_LABEL_NAME"]]}
            yield attrs.evolve(schematic, semantic_map={**roles, "RIVAL_LABEL_NAMES": rivals, **nobody})


def grown(recipe: Recipe, volume: LabelVolume, settings: Settings) -> LabelVolume:
    """The label map after a recipe, without checks or padding."""
    prepared = prepare(volume, CATALOGUE, settings, recipe=recipe, check=False)
    *_, result = run_plan(plan(recipe, CATALOGUE, prepared.facts, settings), prepared)
    return result.volume


def findings(volume: LabelVolume) -> list[tuple[Severity, str]]:
    """What ``ring_loop`` finds: how severe, and the ring."""
    check = tuple(one for one in checks_on(CATALOGUE, CheckOn.RESULT) if one.name == "ring_loop")
    found = faults_of(Heart(volume=volume), check)
    return [(one.severity, volume.blueprint.name(one.labels[0]).removesuffix("_ring_label")) for one in found]


def main() -> None:
    """Score every rule on the variants of all hearts."""
    parser = argparse.ArgumentParser(description="rings on hearts with moved veins; a Markdown table on stdout")
    parser.add_argument("hearts", nargs="+", type=Path)
    parser.add_argument("--rule", action="append", choices=list(RULES), help="a rule to score (default: all)")
    arguments = parser.parse_args()
    chosen = arguments.rule or list(RULES)
    hearts, loops, filled = 0, Counter[str](), Counter[str]()
    open_rings: dict[str, Counter[str]] = {name: Counter() for name in chosen}
    for path in arguments.hearts:
        base = at_1_mm(read_volume(path)[0])
        for what, array in variants(base.array):
            hearts += 1
            before: dict[float, LabelVolume] = {}
            for name in chosen:
                _, rings, skirt = RULES[name]
                start, rest = parts(rings)
                if skirt not in before:
                    settings = Settings(parameters={"skirt_ratio": skirt})
                    before[skirt] = grown(start, base.with_array(array), settings)
                own = {one.name: one for one in among_all(rest.steps)} if rings == "nearest" else {}
                found = findings(grown(rest, before[skirt], Settings(schematics=own)))
                errors = [ring for severity, ring in found if severity is Severity.ERROR]
                loops[name] += not found
                filled[name] += not errors
                open_rings[name].update(errors)
                if errors:
                    print(f"{path.stem}, {what}, {name}: {', '.join(errors)}", file=sys.stderr, flush=True)
    print("| rule | hearts | closed loops | or tissue | open rings |\n| --- | ---: | ---: | ---: | --- |")
    for name in chosen:
        worst = ", ".join(f"{ring} {count}" for ring, count in open_rings[name].most_common())
        print(f"| {name}: {RULES[name][0]} | {hearts} | {loops[name]} | {filled[name]} | {worst} |")


if __name__ == "__main__":
    main()
