"""Check that the contributions of the plugin do what pycemrg expects."""

from typing import ClassVar

import numpy as np
import pytest
from pycemrg_augment.pipelines import Pipeline

from pycemrg_core import load_catalogue
from pycemrg_core.api import Record, Sample, image_from_array
from pycemrg_core.testing import AugmentationConformance, PluginConformance, oblique_image

PLUGIN = "pycemrg_augment.plugin"
STEPS = Pipeline.build([{"brightness": {}}, {"gaussian_noise": {}}, {"flip": {}}], load_catalogue()).steps


class TestPlugin(PluginConformance):
    plugin = PLUGIN


@pytest.mark.slow(every=4)
class TestAugmentations(AugmentationConformance):
    plugin = PLUGIN
    parameters: ClassVar = {
        "clip": {"window": (0.1, 0.9)},
        "downsample": {"spacing": (3.0, 3.0, 6.0)},
        "slice_shift": {"thickness": (4.0, 6.0)},
        "isotropic": {"spacing": 2.0},
        "random_patch": {"size": (6, 6, 6)},
        "centre_patch": {"size": (6, 6, 6)},
        "drop_structure": {"labels": (2,)},
        "islands": {"label": 1},
        "swap_labels": {"labels": (1, 2)},
        "label_patch": {"size": (6, 6, 6), "weights": {1: 2.0, 0: 1.0}},
        "consecutive_classes": {"labels": (2, 1, 3)},
        "one_of": {"of": STEPS},
        "some_of": {"of": STEPS, "count": (0, 3)},
    }

    @classmethod
    def chosen(cls) -> list[Record]:
        return [record for record in super().chosen() if record.name != "leak"]


class TestLeak(AugmentationConformance):
    plugin = PLUGIN
    name = "leak"
    parameters: ClassVar = {"leak": {"between": (1, 3)}}

    @pytest.fixture
    def sample(self) -> Sample:
        """Two lumens with a wall between them."""
        array = np.zeros((12, 12, 12), np.uint8)
        array[2:10, 2:10, 1:5], array[2:10, 2:10, 5:7], array[2:10, 2:10, 7:11] = 1, 2, 3
        labels = oblique_image(array)
        return Sample(image=image_from_array((array / 4).astype(np.float32), labels), labels=labels)
