"""The pulmonary veins of one label as pieces: one for each mouth on the left atrium, or for each branch of a trunk."""

from __future__ import annotations

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from pycemrg_core.api import Contact, Ints, LabelVolume
from schematics_builtin.fusing.pathways import Ways, pieces, ways

JOINED_MM = 2.5
"""Voxels of a mouth that are at most so far apart are of one mouth."""
LASTING_MM = 5.0
"""A branch is at least so long, and so is a vein."""
LEAST_ML = 0.05
"""A piece with less volume is no vein."""

Floats = NDArray[np.float64]


@frozen(eq=False)
class Piece:
    """A part of the veins: its voxels ``places`` (n, 3), the distance ``mm`` (n,) of each from the atrium, its volume.

    ``mouth_mm2`` is the area of its mouth on the atrium, or of the mouth of the trunk that it is a branch of.
    ``division_mm`` is the depth at which it parts from its trunk, 0 if it has a mouth of its own. ``start`` is the
    middle of its first 5 mm as an array index (z, y, x).
    """

    places: Ints
    mm: Floats
    volume_ml: float
    mouth_mm2: float
    division_mm: float
    start: Floats

    @property
    def length_mm(self) -> float:
        """How far it reaches from the atrium."""
        return float(self.mm.max())


def trunks(volume: LabelVolume, veins: int, atrium: int) -> list[Piece]:
    """One piece for each mouth of the label ``veins`` on the label ``atrium``; what is too small goes to a neighbour.

    What does not hang together with a mouth is in no piece.
    """
    contact = volume.touching(veins, atrium)
    mouth = np.unique(contact.first, axis=0)
    if not len(mouth):
        return []
    region = volume.region(veins)
    corner = np.array([axis.start for axis in region])
    mask = volume.mask(veins, region)
    number = _mouths(mouth, volume.spacing)
    found = _ways(mask, volume, mouth - corner, number)
    for _ in range(int(number.max())):
        small = [one for one in np.unique(number) if one and not _is_vein(found, one, volume.voxel_mm3)]
        if not small:
            break
        number[np.isin(number, small[:1])] = 0  # its voxels go to the mouth to which they are nearest
        found = _ways(mask, volume, mouth - corner, number)
    kept = [one for one in np.unique(number) if one]
    return [
        _piece(found, found.origin == one, corner, volume, _opening(contact, mouth[number == one], volume), 0.0)
        for one in kept
    ]


def branches(volume: LabelVolume, trunk: Piece) -> list[Piece]:
    """The two parts of a trunk beyond the first depth at which two branches of at least 5 mm last; none if it has none.

    What lies before that depth goes to the nearer branch.
    """
    depths = np.arange(trunk.division_mm + 0.5, trunk.length_mm - LASTING_MM, 0.5 * min(volume.spacing))
    for depth in depths.tolist():
        beyond = np.flatnonzero(trunk.mm > depth)
        number = pieces(trunk.places[beyond], volume.array.shape)
        longest = np.zeros(int(number.max(initial=0)) + 1)
        np.maximum.at(longest, number, trunk.mm[beyond])
        lasting = [one for one in range(1, len(longest)) if longest[one] - depth >= LASTING_MM]
        sizes = {one: float((number == one).sum() * volume.voxel_mm3 / 1000) for one in lasting}
        lasting = sorted((one for one in lasting if sizes[one] >= LEAST_ML), key=lambda one: -sizes[one])
        if len(lasting) >= 2:
            return _parted(volume, trunk, beyond, number, lasting, depth)
    return []


def _parted(
    volume: LabelVolume, trunk: Piece, beyond: Ints, number: NDArray[np.int32], lasting: list[int], depth: float
) -> list[Piece]:
    corner = trunk.places.min(axis=0)
    inside = trunk.places - corner
    shape = tuple((inside.max(axis=0) + 1).tolist())
    mask, seeds = np.zeros(shape, np.bool_), np.zeros(shape, np.int32)
    mask[tuple(inside.T)] = True
    for index, one in enumerate(lasting, 1):
        seeds[tuple(inside[beyond[number == one]].T)] = index
    found = ways(mask, volume.spacing, seeds)
    depths = np.zeros(shape)
    depths[tuple(inside.T)] = trunk.mm
    mm = depths[tuple(found.places.T)]
    whole = Ways(found.places, mm, found.origin)
    return [
        _piece(whole, found.origin == index, corner, volume, trunk.mouth_mm2, depth)
        for index in range(1, len(lasting) + 1)
    ]


def merged(volume: LabelVolume, a: Piece, b: Piece) -> Piece:
    """Two pieces as one, with the place of the larger one's start."""
    large = a if a.volume_ml >= b.volume_ml else b
    return evolve(
        large,
        places=np.concatenate([a.places, b.places]),
        mm=np.concatenate([a.mm, b.mm]),
        volume_ml=a.volume_ml + b.volume_ml,
        mouth_mm2=a.mouth_mm2 + b.mouth_mm2,
    )


def _mouths(mouth: Ints, spacing: tuple[float, float, float]) -> Ints:
    """The number of the mouth, 1, 2, ..., of each of its voxels: those near each other are of one mouth."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    pairs = cKDTree(mouth * np.array(spacing)).query_pairs(max(JOINED_MM, 1.75 * max(spacing)), output_type="ndarray")
    graph = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(mouth), len(mouth)))
    return connected_components(graph, directed=False)[1].astype(np.int64) + 1


def _opening(contact: Contact, mouth: Ints, volume: LabelVolume) -> float:
    """The area in mm2 of a mouth: the length of the sum of its faces as vectors, as if it were flat.

    The faces themselves are the steps of a staircase, and add up to half as much again.
    """
    shape = volume.array.shape
    own = np.isin(np.ravel_multi_index(tuple(contact.first.T), shape), np.ravel_multi_index(tuple(mouth.T), shape))
    outward = (contact.second - contact.first)[own] * (volume.voxel_mm3 / np.array(volume.spacing))
    return float(np.linalg.norm(outward.sum(axis=0)))


def _ways(mask: NDArray[np.bool_], volume: LabelVolume, places: Ints, number: Ints) -> Ways:
    seeds = np.zeros(mask.shape, np.int32)
    seeds[tuple(places.T)] = number
    return ways(mask, volume.spacing, seeds)


def _is_vein(found: Ways, number: int, voxel_mm3: float) -> bool:
    own = found.origin == number
    return bool(own.any()) and found.mm[own].max() >= LASTING_MM and own.sum() * voxel_mm3 / 1000 >= LEAST_ML


def _piece(
    found: Ways, own: NDArray[np.bool_], corner: Ints, volume: LabelVolume, mouth_mm2: float, division: float
) -> Piece:
    places, mm = found.places[own] + corner, found.mm[own]
    first = (mm >= division) & (mm <= division + LASTING_MM)
    return Piece(
        places=places,
        mm=mm,
        volume_ml=float(len(places) * volume.voxel_mm3 / 1000),
        mouth_mm2=mouth_mm2,
        division_mm=division,
        start=(places[first] if first.any() else places).mean(axis=0),
    )
