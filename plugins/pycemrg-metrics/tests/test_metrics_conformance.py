"""Check that the contributions of the plugin do what pycemrg expects."""

import pytest

from pycemrg_core.testing import MetricConformance, PluginConformance

PLUGIN = "pycemrg_metrics.plugin"


class TestPlugin(PluginConformance):
    plugin = PLUGIN


@pytest.mark.slow(every=4)
class TestMetrics(MetricConformance):
    plugin = PLUGIN
    depends_on_axes = ("gradient_error_x", "gradient_error_y", "gradient_error_z")
