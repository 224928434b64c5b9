"""Whatever label map a label command is given, it answers or refuses in one line; it never ends with a traceback."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from click.testing import CliRunner, Result

from pycemrg_core.cli import main

pytestmark = pytest.mark.usefixtures("loaded_once")

Array = np.ndarray[Any, Any]
Random = np.random.Generator

DTYPES = (np.uint8, np.uint16, np.int16, np.int32, np.uint32, np.float32)
CHUNKS = 25
PER_CHUNK = 8


def blocks(rng: Random, shape: tuple[int, ...], values: Array) -> Array:
    """Boxes painted over each other, as structures are."""
    array = np.zeros(shape, np.int64)
    for value in values:
        low = [int(rng.integers(0, size)) for size in shape]
        high = [int(rng.integers(start + 1, size + 1)) for start, size in zip(low, shape, strict=True)]
        array[tuple(slice(start, stop) for start, stop in zip(low, high, strict=True))] = value
    return array


def noise(rng: Random, shape: tuple[int, ...], values: Array) -> Array:
    return np.asarray(rng.choice([0, *values], shape))


def voxel(rng: Random, shape: tuple[int, ...], values: Array) -> Array:
    """A single voxel."""
    array = np.zeros(shape, np.int64)
    array[tuple(int(rng.integers(0, size)) for size in shape)] = values[0]
    return array


def nothing(_rng: Random, shape: tuple[int, ...], _values: Array) -> Array:
    return np.zeros(shape, np.int64)


def negative(rng: Random, shape: tuple[int, ...], values: Array) -> Array:
    """A scan rather than a segmentation."""
    return noise(rng, shape, np.array([-1, *values]))


PAINTERS: list[Callable[[Random, tuple[int, ...], Array], Array]] = (
    [blocks] * 5 + [noise] * 2 + [voxel, nothing, negative]
)


def integers(rng: Random, dtype: Any) -> Array:
    """Integers of a scheme, of any value, or the largest that there are."""
    most = 2**24 if dtype is np.float32 else np.iinfo(dtype).max
    count = int(rng.integers(1, 9))
    if rng.random() < 0.5:
        return np.asarray(rng.permutation(np.arange(1, 15))[:count])
    if rng.random() < 0.5:
        return np.asarray(rng.integers(1, min(most, 1000), count))
    return np.asarray([most, *rng.integers(1, most, count)])


def random_image(seed: int, path: Path) -> None:
    rng = np.random.default_rng(seed)
    dtype = DTYPES[seed % len(DTYPES)]
    shape = (1, 1, 1) if rng.random() < 0.05 else tuple(int(n) for n in rng.integers(1, (13, 10, 16)))
    paint = PAINTERS[int(rng.integers(len(PAINTERS)))]
    array = paint(rng, shape, integers(rng, dtype))
    if dtype in (np.uint8, np.uint16, np.uint32):
        array = np.abs(array)
    image = sitk.GetImageFromArray(array.astype(dtype))
    # From the size of a mouse's heart to that of an elephant's; mostly neither.
    image.SetSpacing([float(s) for s in 10 ** rng.uniform(-0.5, 1.2, 3)] if rng.random() < 0.7 else [10.0] * 3)
    image.SetDirection(np.diag(rng.choice([-1.0, 1.0], 3))[rng.permutation(3)].ravel().tolist())
    image.SetOrigin(rng.normal(0, 100, 3).tolist())
    sitk.WriteImage(image, str(path))


COMMANDS: dict[str, tuple[str, ...]] = {
    "show": ("labels", "show", "IN"),
    "show as JSON": ("labels", "show", "IN", "--json", "--scheme", "hvsmr-2"),
    "volumes": ("labels", "volumes", "IN"),
    "volumes as CSV": ("labels", "volumes", "IN", "--csv"),
    "check a recipe": ("labels", "check", "IN", "--recipe", "four_chamber_full"),
    "check a recipe in a scheme": (
        *("labels", "check", "IN", "--recipe", "atria_full"),
        *("--scheme", "totalsegmentator-heartchambers", "--json"),
    ),
    "check a schematic": ("labels", "check", "IN", "--schematic", "svc_ring"),
    "check a scheme": ("labels", "check", "IN", "--scheme", "acdc"),
    "detect": ("labels", "detect", "IN"),
    "detect as JSON": ("labels", "detect", "IN", "--json"),
    "suggest": ("labels", "suggest", "IN", "-o", "LABELS"),
    "remap between schemes": ("labels", "remap", "IN", "-o", "OUT", "--from", "hvsmr-2", "--to", "cemrg"),
    "remap and drop": ("labels", "remap", "IN", "-o", "OUT", "--from", "cemrg", "--to", "mm-whs", "--drop"),
    "remap a swap": ("labels", "remap", "IN", "-o", "OUT", "--map", "1=3", "--map", "3=1"),
    "remap to a huge integer": ("labels", "remap", "IN", "-o", "OUT", "--map", "2=4294967295"),
    "remap and merge": ("labels", "remap", "IN", "-o", "OUT", "--map", "1=2", "--map", "3=0", "--merge", "--drop"),
    "keep": ("labels", "keep", "IN", "chambers", "7", "-o", "OUT"),
    "remove": ("labels", "remove", "IN", "left_heart", "65535", "-o", "OUT", "--label-table", "slicer"),
    "clean islands": ("clean", "IN", "-o", "OUT", "--reassign-islands"),
    "clean components": ("clean", "IN", "-o", "OUT", "--keep-largest-component", "--connectivity", "18"),
    "clean the structure": ("clean", "IN", "-o", "OUT", "--keep-largest-structure", "--connectivity", "26"),
    "clean what is small": ("clean", "IN", "-o", "OUT", "--remove-small", "500", "--json"),
    "clean holes": ("clean", "IN", "-o", "OUT", "--fill-holes", "--label-table", "itksnap"),
    "clean it all": (
        *("clean", "IN", "-o", "OUT", "--reassign-islands", "--fill-holes", "--remove-small", "50"),
        *("--labels", "1,2,3,blood_pools,99"),
    ),
}


@cache
def runner() -> CliRunner:
    return CliRunner()


def call(name: str, image: Path) -> Result:
    places = {"IN": str(image), "OUT": str(image.with_name("out.nrrd")), "LABELS": str(image.with_name("labels.yaml"))}
    return runner().invoke(main, [places.get(word, word) for word in COMMANDS[name]])


def assert_answered(name: str, result: Result) -> None:
    """The exit code is 0, or 1 with a reason; nothing else is an answer."""
    assert result.exception is None or isinstance(result.exception, SystemExit), f"{name}: {result.exception!r}"
    assert result.exit_code in (0, 1), f"{name}: {result.exit_code}\n{result.output}"
    assert "Traceback" not in result.output, name
    if result.exit_code == 0:
        assert "error:" not in result.stderr, name
        return
    found_problems = name.startswith("check") and ("problem: " in result.stdout or '"problems": [' in result.stdout)
    reasons = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    told = [line for line in result.stderr.splitlines() if not line.startswith(" ")]
    assert found_problems or len(reasons) == 1, f"{name}: {result.output}"
    # Notes, and what a remapping would do, may come before the reason.
    assert found_problems or told[-1].startswith("error: "), f"{name}: {result.output}"


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_any_label_map_is_answered(tmp_path: Path, chunk: int) -> None:
    """Every command meets every chunk; each image meets some of the commands."""
    names = list(COMMANDS)
    for number in range(PER_CHUNK):
        seed = chunk * PER_CHUNK + number
        image = tmp_path / "image.nrrd"
        random_image(seed, image)
        for name in names[seed % 3 :: 3]:
            try:
                assert_answered(name, call(name, image))
            except AssertionError as error:
                raise AssertionError(f"seed {seed}: {error}") from error


@pytest.mark.slow(every=5)
@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize(
    "array",
    [
        pytest.param(np.zeros((3, 4, 5), np.uint8), id="empty"),
        pytest.param(np.full((3, 4, 5), -1000, np.int16), id="a scan"),
        pytest.param(np.full((3, 4, 5), 1.5, np.float32), id="fractions"),
        pytest.param(np.full((3, 4, 5), np.nan, np.float32), id="not a number"),
    ],
)
def test_what_is_no_label_map_is_refused_by_every_command(tmp_path: Path, name: str, array: Array) -> None:
    image = tmp_path / "image.nrrd"
    sitk.WriteImage(sitk.GetImageFromArray(array), str(image))
    result = call(name, image)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: {image}: ")
    assert result.stdout == ""
    assert not image.with_name("out.nrrd").exists()


@pytest.mark.slow(every=20)
@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize(
    "array",
    [
        pytest.param(np.ones((1, 1, 1), np.uint8), id="one voxel"),
        pytest.param(np.full((2, 1, 1), 2**32 - 1, np.uint32), id="the largest integer"),
        pytest.param(np.arange(1, 13, dtype=np.float32).reshape(1, 3, 4), id="as many labels as voxels"),
    ],
)
def test_what_is_a_label_map_only_just(tmp_path: Path, name: str, array: Array) -> None:
    image = tmp_path / "image.nrrd"
    sitk.WriteImage(sitk.GetImageFromArray(array), str(image))
    assert_answered(name, call(name, image))


@pytest.mark.slow(every=4)
@pytest.mark.parametrize("name", COMMANDS)
def test_a_file_that_is_not_there(tmp_path: Path, name: str) -> None:
    result = call(name, tmp_path / "absent.nrrd")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: {tmp_path / 'absent.nrrd'}: no such file")
