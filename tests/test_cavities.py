"""Closed, open, joined and sealed lumens, against a flood of the voxels one by one."""

from __future__ import annotations

from collections import deque
from functools import cache
from itertools import product

import numpy as np
import pytest
from closed_heart import VEIN, WALL_A, WALL_B, A, Array, B, C, array, certificate, changed, heart

from pycemrg_core.api import Finding, Severity
from schematics_builtin.certificate.cavities import cavities, flood, may_be_open
from schematics_builtin.certificate.closure import Closure

NEIGHBOURS = {
    6: [step for step in product((-1, 0, 1), repeat=3) if sum(map(abs, step)) == 1],
    26: [step for step in product((-1, 0, 1), repeat=3) if any(step)],
}


def brute(voxels: Array, tissue: tuple[int, ...], connectivity: int) -> tuple[set[frozenset[int]], int]:
    """The labels of each closed cavity and how many there are, by a walk from voxel to voxel."""
    outer = np.pad(voxels, 1)
    # A rim that no walk enters, so that a step is one sum of flat indices.
    seen = bytearray(np.pad(np.isin(outer, tissue), 1, constant_values=True).tobytes())
    labels = np.pad(outer, 1)
    _, y, x = labels.shape
    steps = [(k * y + j) * x + i for k, j, i in NEIGHBOURS[connectivity]]
    values = labels.ravel().tolist()
    found: list[frozenset[int]] = []
    for start in range(len(seen)):  # the first that is free is a corner of the outside
        if seen[start]:
            continue
        seen[start], queue, inside = True, deque([start]), set()
        while queue:
            at = queue.popleft()
            inside.add(values[at])
            for step in steps:
                if not seen[at + step]:
                    seen[at + step] = True
                    queue.append(at + step)
        found.append(frozenset(inside))
    return set(found[1:]), len(found)  # the first is the outside


def put(voxels: Array, label: int, *place: int) -> Array:
    voxels[place] = label
    return voxels


HEARTS = {
    "clean": array(),
    "a hole through a wall": put(put(array(), 0, 6, 12, 12), 0, 7, 12, 12),
    "a leak through corners only": put(put(array(), 0, 7, 7, 7), 0, 6, 6, 6),
    "noise": np.where(np.random.default_rng(1).random(array().shape) < 0.3, 0, array()).astype(np.uint8),
}


@cache
def walked(name: str, connectivity: int) -> tuple[set[frozenset[int]], int]:
    return brute(HEARTS[name], heart(HEARTS[name]).meshed, connectivity)


@pytest.mark.slow
@pytest.mark.parametrize("connectivity", [6, 26])
@pytest.mark.parametrize("name", HEARTS)
def test_the_flood_finds_what_a_walk_finds(name: str, connectivity: int) -> None:
    of = heart(HEARTS[name])
    truth, count = walked(name, connectivity)
    found = flood(of, connectivity)
    assert {frozenset(one.voxels) for one in found.closed} == truth
    assert found.spaces == {n: walked(name, n)[1] for n in NEIGHBOURS}
    assert found.spaces[connectivity] == count == len(found.closed) + 1
    total = sum(sum(one.voxels.values()) for one in found.closed) + sum(found.outside.voxels.values())
    box = np.argwhere(HEARTS[name])
    region = tuple(slice(a, b + 1) for a, b in zip(box.min(axis=0), box.max(axis=0), strict=True))
    assert total == (~np.isin(HEARTS[name][region], of.meshed)).sum()


def said(voxels: Array, **blueprint: frozenset[int]) -> list[Finding]:
    found = certificate(changed(heart(voxels), **blueprint)).findings
    return [one for one in found if one.check == "closed_lumens"]


def test_what_is_closed_and_open_is_named() -> None:
    found = certificate(heart())
    assert found.closure == Closure(closed=("A", "C"), left_open=("B",), without_wall=("vein",), spaces={6: 3, 26: 3})
    said_in_json = found.as_json()
    assert said_in_json["statement"] == "left open by the recipe: B; closed: A, C"
    assert said_in_json["closure"]["closed"] == ["A", "C"]
    assert said_in_json["closure"]["spaces"] == {"6": 3, "26": 3}
    assert [one.what for one in said(array())] == [
        "B is open to the outside through vein",
        "vein is open to the outside",
    ]
    assert may_be_open(heart()) == {B, VEIN}


def test_a_leak_through_a_corner_is_a_leak() -> None:
    (found,) = (one for one in said(HEARTS["a leak through corners only"]) if one.severity is Severity.ERROR)
    voxels = int((array() == A).sum())
    assert (found.values, found.voxels) == ((A,), voxels)
    assert found.what == f"A is not closed: {voxels} voxels connected to the outside"
    assert array()[found.voxel[::-1]] == A  # type: ignore[index]


def test_two_lumens_in_one_cavity() -> None:
    voxels = array()
    voxels[16:18, 11, 11], voxels[18:20, 11, 11] = A, C
    (found,) = (one for one in said(voxels) if one.severity is Severity.ERROR)
    assert (found.values, found.what) == ((A, C), "A and C are one cavity")
    assert found.voxels == (np.isin(voxels, (A, C))).sum()
    assert certificate(heart(voxels)).closure.joined == ("A", "C")
    assert certificate(heart(voxels)).closure.statement == (
        "joined in one cavity: A, C; left open by the recipe: B; closed: no lumen"
    )
    allowed = certificate(changed(heart(voxels), may_touch=frozenset({frozenset({A, C}), frozenset({B, VEIN})})))
    assert allowed.closure.closed == ("A", "C")


def test_an_open_lumen_that_is_sealed_in() -> None:
    (found,) = (one for one in said(array(), open=frozenset({A, VEIN})) if one.severity is Severity.ERROR)
    assert found.what == f"A should be open; closed in: {(array() == A).sum()} voxels"
    pocket = array()
    pocket[4, 12, 22] = VEIN  # inside the thick wall of B
    assert pocket[3, 12, 22] == WALL_B
    (found,) = (one for one in said(pocket) if one.severity is Severity.WARNING)
    assert found.what == "vein should be open; closed in: 1 voxel"


def test_a_recipe_closes_what_it_makes_a_valve_for() -> None:
    """A valve between A and B closes A although a rule lets the two touch."""
    of = changed(heart(), may_touch=frozenset({frozenset({A, B}), frozenset({B, VEIN})}))
    assert may_be_open(of) == {B, VEIN}
    of = changed(of, valves=())
    assert may_be_open(of) == {A, B, VEIN}


def test_cavities_are_worked_out_once() -> None:
    of = heart(put(array(), WALL_A, 12, 12, 12))
    assert cavities(of) is cavities(of)
