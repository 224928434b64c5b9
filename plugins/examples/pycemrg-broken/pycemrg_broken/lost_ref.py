"""Contributes a step whose function does not exist, and a recipe that uses it."""

from pycemrg_core.api import Recipe, Ref, Schematic, Step, hookimpl


@hookimpl
def pycemrg_steps():
    yield Step(
        name="lost",
        summary="a step whose code is not there",
        run=Ref("pycemrg_broken.nowhere:run"),
        contract=Ref("pycemrg_broken.nowhere:Contract"),
    )


@hookimpl
def pycemrg_schematics():
    yield Schematic(name="lost_wall", step="lost", labels={"LV_BP_label": 1})


@hookimpl
def pycemrg_recipes():
    yield Recipe(name="lost_heart", steps=("lost_wall",))
