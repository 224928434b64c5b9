"""The door for tests of plugins: classes that the author of a plugin inherits, for pytest.

Each class checks every contribution of one kind that a plugin makes, or only the one called ``name``::

    from pycemrg_core.testing import PluginConformance, StepConformance

    class TestPlugin(PluginConformance):
        plugin = "my_heart.plugin"

    class TestSteps(StepConformance):
        plugin = "my_heart.plugin"
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pycemrg_core.doors import door

if TYPE_CHECKING:
    from pycemrg_core.testing.augmentation import AugmentationConformance as AugmentationConformance
    from pycemrg_core.testing.check import CheckConformance as CheckConformance
    from pycemrg_core.testing.check import example_heart as example_heart
    from pycemrg_core.testing.commands import run_command as run_command
    from pycemrg_core.testing.contract import generic_contract as generic_contract
    from pycemrg_core.testing.metric import MetricConformance as MetricConformance
    from pycemrg_core.testing.output import OutputConformance as OutputConformance
    from pycemrg_core.testing.output import example_run as example_run
    from pycemrg_core.testing.plugin import PluginConformance as PluginConformance
    from pycemrg_core.testing.reader import ReaderConformance as ReaderConformance
    from pycemrg_core.testing.recipe import RecipeConformance as RecipeConformance
    from pycemrg_core.testing.schematic import SchematicConformance as SchematicConformance
    from pycemrg_core.testing.step import StepConformance as StepConformance
    from pycemrg_core.testing.volumes import oblique_image as oblique_image
    from pycemrg_core.testing.volumes import ordinary_volume as ordinary_volume
    from pycemrg_core.testing.volumes import random_cells as random_cells
else:
    __all__, __getattr__, __dir__ = door(
        __name__,
        {
            "pycemrg_core.testing.augmentation": "AugmentationConformance",
            "pycemrg_core.testing.check": "CheckConformance example_heart",
            "pycemrg_core.testing.commands": "run_command",
            "pycemrg_core.testing.contract": "generic_contract",
            "pycemrg_core.testing.metric": "MetricConformance",
            "pycemrg_core.testing.output": "OutputConformance example_run",
            "pycemrg_core.testing.plugin": "PluginConformance",
            "pycemrg_core.testing.reader": "ReaderConformance",
            "pycemrg_core.testing.recipe": "RecipeConformance",
            "pycemrg_core.testing.schematic": "SchematicConformance",
            "pycemrg_core.testing.step": "StepConformance",
            "pycemrg_core.testing.volumes": "oblique_image ordinary_volume random_cells",
        },
    )
