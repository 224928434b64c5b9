"""Measure the certificate and the repair of grown hearts, and print a Markdown table, one row per recipe.

    python benchmarks/certificate.py [--turns 5] [--large] [--checks]

The real heart at 0.5 mm, or with ``--large`` resampled to 512 x 512 x 300 voxels, grown by the recipe. Each is compared
with one exact distance transform of the whole image by ``edt`` on one thread, in the same process, in turns with it:
CPU seconds, the least of all turns, from an image without cached answers.

- before, after: the verdict before and after the repair, and how many voxels it changed.
- repair: includes the certificate that it ends with.

``--checks`` also prints the time of each check alone, on a new heart. The rows of ``all.py`` are the largest ratios of
all recipes at 0.5 mm.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

from hearts import fine, large
from measuring import Measured, Row, in_turns, say, transform

from pycemrg_core import load_catalogue, run_recipe
from pycemrg_core.api import Check, LabelVolume
from schematics_builtin.certificate import asked_of, certify_image, heart_of, repair

RECIPES = ("four_chamber_full", "atria_full", "biventricular_basic")
CLOSED = "four_chamber_closed"


def seconds(recipe: str, heart: LabelVolume, turns: int) -> dict[str, float]:
    """CPU seconds of the certificate, the repair and one EDT of a heart grown by a recipe."""
    catalogue = load_catalogue()
    asked, grown = asked_of(catalogue, recipe), run_recipe(recipe, heart, catalogue, check=False).image
    certify_image(grown, catalogue, asked)  # imports
    return in_turns(
        turns,
        edt=transform(heart.array, heart.spacing),
        certify=lambda: certify_image(grown, catalogue, asked),
        repair=lambda: repair(grown, catalogue, asked),
    )


def worst(what: str, recipes: tuple[str, ...]) -> Callable[[int], Measured]:
    """A row: the largest ratio of all recipes."""

    def measure(turns: int) -> Measured:
        found = {recipe: seconds(recipe, fine(), turns) for recipe in recipes}
        ratios = {recipe: one[what] / one["edt"] for recipe, one in found.items()}
        most = max(ratios, key=ratios.__getitem__)
        note = ", ".join(f"{recipe} {value:.2f}" for recipe, value in ratios.items())
        return Measured(value=ratios[most], ours=found[most][what], floor=found[most]["edt"], note=note)

    return measure


ROWS = (
    Row(
        name="certify",
        what="certify, grown heart 0.5 mm, without start-up, the slowest of four recipes",
        against="one EDT of the image",
        measure=worst("certify", (*RECIPES, CLOSED)),
        budget=0.7,
        aim=0.5,
        unit=" EDT",
    ),
    Row(
        name="repair",
        what="repair and certify again, 0.5 mm, without start-up, the slowest of three recipes",
        against="one EDT of the image",
        measure=worst("repair", RECIPES),
        budget=1.5,
        aim=1,
        unit=" EDT",
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--large", action="store_true", help="at 512 x 512 x 300 voxels")
    parser.add_argument("--checks", action="store_true", help="each check alone")
    options = parser.parse_args()
    catalogue, heart = load_catalogue(), large() if options.large else fine()
    print(
        "| recipe | before | after | voxels changed | repair, s | certify, s | EDT, s | repair / EDT | certify / EDT |"
    )
    print("|---|---|---|---:|---:|---:|---:|---:|---:|")
    for recipe in (*RECIPES, CLOSED):
        say(recipe)
        asked, grown = asked_of(catalogue, recipe), run_recipe(recipe, heart, catalogue, check=False).image
        before, done = certify_image(grown, catalogue, asked).verdict, repair(grown, catalogue, asked)
        taken = seconds(recipe, heart, options.turns)
        changed = sum(entry.change.voxels for entry in done.ledger)
        cells = [recipe, before, done.certificate.verdict, f"{changed:,}"]
        cells += [f"{taken[name]:.2f}" for name in ("repair", "certify", "edt")]
        cells += [f"{taken[name] / taken['edt']:.2f}" for name in ("repair", "certify")]
        print(f"| {' | '.join(cells)} |", flush=True)
        for contribution in catalogue.all(Check) if options.checks else ():
            alone = heart_of(grown, asked)
            function = catalogue.get(Check, contribution.name).function.load()
            spent = in_turns(1, check=lambda check=function, heart=alone: list(check(heart)))["check"]
            print(f"|   {contribution.name} | | | | | {spent:.2f} | | | |")


if __name__ == "__main__":
    main()
