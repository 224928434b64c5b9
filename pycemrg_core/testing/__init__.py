"""Checks that the author of a plugin inherits, for pytest.

Each class checks every contribution of one kind that a plugin makes, or only the one called ``name``::

    from pycemrg_core.testing import PluginConformance, StepConformance

    class TestPlugin(PluginConformance):
        plugin = "my_heart.plugin"

    class TestSteps(StepConformance):
        plugin = "my_heart.plugin"
"""

from pycemrg_core.testing.augmentation import AugmentationConformance
from pycemrg_core.testing.check import CheckConformance
from pycemrg_core.testing.metric import MetricConformance
from pycemrg_core.testing.plugin import PluginConformance
from pycemrg_core.testing.recipe import RecipeConformance
from pycemrg_core.testing.schematic import SchematicConformance
from pycemrg_core.testing.step import StepConformance

__all__ = [
    "AugmentationConformance",
    "CheckConformance",
    "MetricConformance",
    "PluginConformance",
    "RecipeConformance",
    "SchematicConformance",
    "StepConformance",
]
