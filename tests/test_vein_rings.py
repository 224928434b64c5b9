"""Rings on hearts whose veins stand closer together; ``benchmarks/vein_rings.py`` has many more of them."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from brute import Array, catalogue
from vein_variants import NAME, ROOT, at_1_mm, variants

from pycemrg_core import LabelVolume, read_volume, run_recipe
from pycemrg_core.api import Severity
from schematics_builtin.certificate import certify_result
from schematics_builtin.demo import heart_file


@cache
def base() -> LabelVolume:
    return at_1_mm(read_volume(heart_file())[0])


@cache
def hearts() -> dict[str, Array]:
    return dict(variants(base().array))


@pytest.mark.slow
def test_there_are_twenty_three_and_only_veins_and_background_change() -> None:
    assert len(hearts()) == 23
    free = [0, *ROOT]
    for what, array in hearts().items():
        changed = array != base().array
        assert changed.any() is np.bool_(what != "as it is"), what
        assert np.isin(array[changed], free).all(), what
        assert np.isin(base().array[changed], free).all(), what


@pytest.mark.slow
@pytest.mark.parametrize("what", ["SVC and RPV1 4 mm nearer", "SVC turned 20 degrees to RPV1", "SVC 3 mm thicker"])
def test_the_veins_do_come_nearer(what: str) -> None:
    def contact(array: Array) -> int:
        return len(LabelVolume(array, base().spacing).touching(13, 10).axis)

    assert contact(hearts()[what]) > contact(base().array)


@pytest.mark.slow
@pytest.mark.parametrize(
    "what",
    [
        "SVC and RPV1 4 mm nearer",
        "LPV1 and LPV2 4 mm nearer",
        "LPV1 and LAA 4 mm nearer",
        "SVC turned 20 degrees to RPV1",
        "RPV1 turned 20 degrees to SVC",
        "SVC 3 mm thicker",
        "all veins 2 mm thicker",
    ],
)
def test_every_ring_is_a_closed_loop_and_the_heart_is_closed(what: str) -> None:
    result = run_recipe("four_chamber_closed", base().with_array(hearts()[what]), catalogue(), check=False)
    certificate = certify_result(result, catalogue())
    assert certificate.of(Severity.ERROR) == ()
    assert [one.what for one in certificate.findings if one.check == "ring_loop"] == []
    # A stub of each vein is left beyond its plane.
    left = {NAME[vein]: int((result.volume.array == vein).sum()) for vein in ROOT}
    assert min(left.values()) > 100, left
