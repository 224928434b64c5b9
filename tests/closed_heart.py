"""A heart of boxes in which nothing is wrong: three lumens, their walls, a valve, a vein with its ring."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from pycemrg_core.api.contracts import LabelType
from pycemrg_core.images.blueprint import Blueprint, Ring, Valve, Wall
from pycemrg_core.images.heart import Finding, Heart, Severity
from pycemrg_core.images.label_volume import LabelVolume
from pycemrg_core.plugins.catalogue import Catalogue, load_catalogue
from pycemrg_core.plugins.loading import Policy
from schematics_builtin.certificate.certification import Certificate, certify

A, WALL_A, B, WALL_B, VALVE, VEIN, RING, C, WALL_C = 1, 2, 3, 4, 5, 6, 7, 9, 10
NAMES = {A: "A", WALL_A: "A_wall", B: "B", WALL_B: "B_wall", VALVE: "valve", VEIN: "vein", RING: "ring"}
THICKNESS = 2.0

Array = np.ndarray[Any, Any]


def array() -> Array:
    """Its voxels (z, y, x). Walls are two voxels thick, and B has a block of its wall below."""
    voxels = np.zeros((32, 24, 38), np.uint8)
    voxels[6:18, 6:18, 6:17] = WALL_A
    voxels[6:18, 6:18, 17:28] = WALL_B
    voxels[3:6, 6:18, 17:28] = WALL_B
    voxels[18:28, 6:18, 6:17] = WALL_C
    voxels[8:16, 8:16, 8:16] = A
    voxels[8:16, 8:16, 16:18] = VALVE
    voxels[8:16, 8:16, 18:26] = B
    voxels[20:26, 8:16, 8:15] = C
    voxels[8:16, 8:16, 28:30] = RING
    voxels[10:14, 10:14, 26:34] = VEIN
    return voxels


def heart(voxels: Array | None = None, spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Heart:
    """The heart of some voxels, with what was asked of it; ``spacing`` is (z, y, x) in mm."""
    blueprint = Blueprint(
        names={**NAMES, C: "C", WALL_C: "C_wall"},
        types={
            **dict.fromkeys((A, B, C, VEIN), LabelType.LUMEN),
            **dict.fromkeys((WALL_A, WALL_B, WALL_C), LabelType.WALL),
            VALVE: LabelType.VALVE,
            RING: LabelType.RING,
        },
        walls=(Wall(A, WALL_A, THICKNESS), Wall(B, WALL_B, THICKNESS), Wall(C, WALL_C, THICKNESS)),
        valves=(Valve(VALVE, A, B),),
        rings=(Ring(RING, VEIN, WALL_B),),
        made=(WALL_A, WALL_B, WALL_C, VALVE, RING),
        open=frozenset({VEIN}),
        may_touch=frozenset({frozenset({B, VEIN})}),
    )
    return Heart(volume=LabelVolume(array() if voxels is None else voxels, spacing, blueprint=blueprint))


_CATALOGUE: list[Catalogue] = []


def catalogue() -> Catalogue:
    """The built-in catalogue, loaded once."""
    if not _CATALOGUE:
        _CATALOGUE.append(load_catalogue(Policy(allow=frozenset())))
    return _CATALOGUE[0]


def certificate(of: Heart) -> Certificate:
    """Its certificate by the built-in checks."""
    return certify(of, catalogue())


def faults(of: Heart) -> list[Finding]:
    """What is found and not expected, in the place where it is; what follows for the cavities is left out."""
    found = certificate(of).findings
    return [one for one in found if one.severity is not Severity.EXPECTED and one.check != "closed_lumens"]


def changed(of: Heart, **what: Any) -> Heart:
    """The same voxels with another blueprint in some fields."""
    return Heart(volume=of.volume.with_blueprint(attrs.evolve(of.blueprint, **what)))
