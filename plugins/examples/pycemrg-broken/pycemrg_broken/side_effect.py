"""Writes a file while it is imported, to show whether it was; nothing else is wrong with it."""

from pycemrg_broken.marker import leave
from pycemrg_core.api import Recipe, hookimpl

leave("broken_marker")


@hookimpl
def pycemrg_recipes():
    yield Recipe(name="marked", steps=("aortic_wall",))
