"""Checks of an augmentation: it depends only on its generator, and keeps image and labels on one grid."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from attrs import evolve

from pycemrg_core.api.records import Augmentation
from pycemrg_core.errors import PycemrgError
from pycemrg_core.images import image_files
from pycemrg_core.images.training_sample import Sample
from pycemrg_core.testing import volumes
from pycemrg_core.testing.base import Conformance, describe, fail, require, who

if TYPE_CHECKING:
    import SimpleITK as sitk

_SEEDS = range(5)
_ALIKE = "return sample.changed(images=..., labels=...)"
_GIVEN = ("image and labels", "image", "labels")


class AugmentationConformance(Conformance):
    """The augmentations of a plugin, from five seeds each.

    ``parameters`` are arguments by augmentation, for those that ask for more than a sample and a generator:
    ``{"crop": {"size": 8}}``. Override the fixture ``sample`` with an image and label map of your own.
    """

    kind = Augmentation
    parameters: Mapping[str, Mapping[str, Any]] = {}

    @pytest.fixture
    def sample(self) -> Sample:
        """A small oblique image in [0, 1] and its label map."""
        array = volumes.random_cells([1, 2, 3])
        noise = np.random.default_rng(7).uniform(0.0, 0.25, array.shape)
        image = (array / 4 + noise).astype(np.float32)
        return Sample(image=volumes.oblique_image(image), labels=volumes.oblique_image(array))

    def call(self, record: Augmentation, sample: Sample, seed: int) -> Any:
        """What the augmentation returns."""
        return record.function.load()(sample, np.random.default_rng(seed), **self.parameters.get(record.name, {}))

    def made(self, record: Augmentation, sample: Sample, seed: int) -> tuple[Any, Any]:
        """The new sample and what was drawn. If the augmentation fails, another test reports it."""
        try:
            made, drawn = self.call(record, sample, seed)
        except Exception as error:
            pytest.skip(f"it does not run: {describe(error)}")
        if not isinstance(made, Sample) or made.image is None or made.labels is None:
            pytest.skip("it does not return a whole sample")
        return made, drawn

    @pytest.mark.parametrize("given", _GIVEN)
    def test_it_runs(self, record: Augmentation, sample: Sample, given: str) -> None:
        """It returns a sample with the same parts as the given one, and what it drew.

        An image or a label map alone may be refused with an AugmentationError.
        """
        part = _part(sample, given)
        for seed in _SEEDS:
            try:
                made = self.call(record, part, seed)
            except Exception as error:
                if isinstance(error, PycemrgError) and given != _GIVEN[0]:
                    continue
                fail(
                    f"{who(record)} raised {describe(error)} for {given} with seed {seed}; it is called with a "
                    "Sample, of which one part may be None, a generator, and what 'parameters' of the test class holds"
                )
            pair = isinstance(made, tuple) and len(made) == 2 and isinstance(made[0], Sample)
            require(pair, f"{who(record)} returned {made!r:.80}; return the new Sample and a dict of what was drawn")
            parts = [(name, getattr(part, name), getattr(made[0], name)) for name in ("image", "labels")]
            for name, before, after in parts:
                require(
                    (before is None) == (after is None),
                    f"{who(record)} was given {given} and returned a sample in which {name} is {after!r:.40}; "
                    "return what was given",
                )

    def test_it_repeats_itself(self, record: Augmentation, sample: Sample) -> None:
        """The same seed gives the same sample and the same draw."""
        for seed in _SEEDS:
            first, again = self.made(record, sample, seed), self.made(record, sample, seed)
            require(
                _digest(first[0]) == _digest(again[0]) and repr(first[1]) == repr(again[1]),
                f"{who(record)} gives another result for the same seed; draw only from the generator it is given",
            )

    def test_it_leaves_its_input_alone(self, record: Augmentation, sample: Sample) -> None:
        """Image and label map are not changed."""
        before = _digest(sample)
        for seed in _SEEDS:
            self.made(record, sample, seed)
        require(_digest(sample) == before, f"{who(record)} changes the sample it is given; return a new one")

    def test_it_keeps_one_grid(self, record: Augmentation, sample: Sample) -> None:
        """Image and label map still have the same size, spacing, origin and direction."""
        for seed in _SEEDS:
            made, _ = self.made(record, sample, seed)
            image, labels = _grid(made.image), _grid(made.labels)
            differing = ", ".join(key for key in image if image[key] != labels[key])
            require(
                not differing,
                f"{who(record)} gives image and labels of different {differing}; move both in the same way",
            )

    def test_it_treats_all_alike(self, record: Augmentation, sample: Sample) -> None:
        """Further images and label maps are changed and moved like the first ones, or refused."""
        whole = evolve(sample, more_images={"second": sample.image}, more_labels={"second": sample.labels})
        for seed in _SEEDS:
            try:
                made, _ = self.call(record, whole, seed)
            except PycemrgError:
                continue
            except Exception as error:
                fail(f"{who(record)} raised {describe(error)} for a sample with further images; handle or refuse them")
            require(
                "second" in made.more_images and "second" in made.more_labels,
                f"{who(record)} forgets the further images and label maps of a sample; {_ALIKE}",
            )
            first, second = (image_files.voxels_sha256(one) for one in (made.labels, made.more_labels["second"]))
            require(first == second, f"{who(record)} changes the labels and not the further label maps; {_ALIKE}")
            require(
                image_files.geometry(made.image) == image_files.geometry(made.more_images["second"]),
                f"{who(record)} moves the image and not the further images; {_ALIKE}",
            )
            before, first, second = (
                image_files.voxels_sha256(one) for one in (sample.image, made.image, made.more_images["second"])
            )
            require(
                (first == before) == (second == before),
                f"{who(record)} changes the image and not the further images; {_ALIKE}",
            )

    def test_it_keeps_the_pixel_types(self, record: Augmentation, sample: Sample) -> None:
        """The image stays float32 and finite, and the label map keeps its type."""
        for seed in _SEEDS:
            made, _ = self.made(record, sample, seed)
            for name in ("image", "labels"):
                before, after = (image_files.voxel_array(getattr(one, name)) for one in (sample, made))
                require(
                    before.dtype == after.dtype and bool(np.isfinite(after).all()),
                    f"{who(record)} turns the {name} from {before.dtype} into {after.dtype}"
                    f"{'' if np.isfinite(after).all() else ' with NaN or infinity'}; keep the pixel type",
                )

    def test_it_invents_no_label(self, record: Augmentation, sample: Sample) -> None:
        """Every label of the result was in the label map before."""
        known = set(np.unique(image_files.voxel_array(sample.labels)).tolist()) | {0}
        for seed in _SEEDS:
            made, _ = self.made(record, sample, seed)
            invented = set(np.unique(image_files.voxel_array(made.labels)).tolist()) - known
            require(
                not invented,
                f"{who(record)} makes the labels {', '.join(map(str, sorted(invented)))}, which were not there; "
                "resample label maps with nearest neighbours",
            )

    def test_what_it_drew_is_json(self, record: Augmentation, sample: Sample) -> None:
        """What it drew is a mapping that JSON can hold."""
        for seed in _SEEDS:
            _, drawn = self.made(record, sample, seed)
            try:
                plain = json.loads(json.dumps(drawn, allow_nan=False))
            except (TypeError, ValueError) as error:
                plain = describe(error)
            require(
                isinstance(plain, dict),
                f"{who(record)} drew {drawn!r:.80}, which is not a mapping for JSON ({plain!s:.80}); return a dict of "
                "names to int, float, bool, text or lists of them",
            )


def _part(sample: Sample, given: str) -> Sample:
    return Sample(
        image=sample.image if "image" in given else None,
        labels=sample.labels if "labels" in given else None,
    )


def _digest(sample: Sample) -> list[Any]:
    return [(image_files.voxels_sha256(one), image_files.geometry(one)) for one in (sample.image, sample.labels)]


def _grid(image: sitk.Image) -> dict[str, Any]:
    return {key: value for key, value in image_files.geometry(image).items() if key != "pixel_type"}
