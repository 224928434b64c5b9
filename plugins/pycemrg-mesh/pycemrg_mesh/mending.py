"""Mend tissue in a mesh that also has its surroundings: loose pieces, pockets, and where it touches only itself.

What the step ``manifold`` does to voxels, for tetrahedra: no node moves, tetrahedra get another tag.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pycemrg_mesh.faces import Faces, faces_of
from pycemrg_mesh.graph import components
from pycemrg_mesh.mesh import Nodes
from pycemrg_mesh.surfaces import surfaces_of

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

_ROUNDS = 20
_EDGES = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))


def mended(tetrahedra: Nodes, tags: Nodes, spaces: Nodes, pieces: Mapping[int, int]) -> Nodes:
    """The tags (m,) after mending; 0 is no tissue.

    ``spaces`` (m,) is the number of the space without tissue that each tetrahedron is in, and ``pieces`` how many
    pieces each tag may have. Repeated until nothing changes, and at most 20 times: tetrahedra without tissue round an
    edge or a node where the surface is no manifold become tissue; pockets without tissue are filled, so that each
    space has one piece; smaller pieces of a tag get the tag that they touch most.
    """
    tags = tags.copy()
    faces = faces_of(tetrahedra)
    for _ in range(_ROUNDS):
        before = tags.copy()
        # First, so that parts of a label that touch each other at an edge become one piece.
        _fill_pinches(tags, faces, tetrahedra)
        _fill_pockets(tags, faces, spaces)
        _join_pieces(tags, faces, pieces)
        if (tags == before).all():
            break
    return tags


def _join_pieces(tags: Nodes, faces: Faces, pieces: Mapping[int, int]) -> None:
    piece = _pieces(tags, faces.shared)
    loose = np.zeros(len(tags), np.bool_)
    for tag, most in pieces.items():
        own = np.flatnonzero(tags == tag)
        numbers, sizes = np.unique(piece[own], return_counts=True)
        small = numbers[np.argsort(-sizes, kind="stable")[most:]]
        loose[own[np.isin(piece[own], small)]] = True
    tags[loose] = _most_touched(loose, piece, tags, faces.shared)[piece[loose]]


def _fill_pockets(tags: Nodes, faces: Faces, spaces: Nodes) -> None:
    # Through the outer surface, all that lies on it is one piece.
    outer = faces.owner[tags[faces.owner] == 0]
    piece = _pieces(tags, np.concatenate([faces.shared, np.stack([outer[:-1], outer[1:]], axis=1)]))
    free = np.flatnonzero(tags == 0)
    if not len(free):
        return
    width = int(spaces.max()) + 1
    pairs, sizes = np.unique(piece[free].astype(np.int64) * width + spaces[free], return_counts=True)
    order = np.argsort(sizes, kind="stable")
    space_of = np.full(int(piece.max()) + 1, -1)
    space_of[pairs[order] // width] = pairs[order] % width  # the one that most of its tetrahedra are in
    size = np.bincount(piece[free], minlength=len(space_of))
    largest = np.zeros(width, np.int64)
    order = np.argsort(size, kind="stable")
    largest[space_of[order]] = order
    pocket = np.zeros(len(tags), np.bool_)
    pocket[free] = largest[space_of[piece[free]]] != piece[free]
    tags[pocket] = _most_touched(pocket, piece, tags, faces.shared)[piece[pocket]]


def _fill_pinches(tags: Nodes, faces: Faces, tetrahedra: Nodes) -> None:
    tissue = tags > 0
    surfaces = surfaces_of(faces_of(tetrahedra[tissue]).boundary)
    if not len(surfaces.edges) and not len(surfaces.nodes):
        return
    width = int(tetrahedra.max()) + 1
    pinched = np.zeros(width, np.bool_)
    pinched[surfaces.nodes] = True
    near = pinched.copy()
    near[surfaces.edges] = True
    rows = np.flatnonzero(near[tetrahedra].any(axis=1))
    chosen, nodes = tetrahedra[rows], np.zeros(width, np.int32)
    fill = pinched[chosen].any(axis=1)
    keys = np.sort(surfaces.edges, axis=1) @ np.array([width, 1])
    for a, b in _EDGES:
        ends = np.sort(chosen[:, [a, b]].astype(np.int64), axis=1)
        fill |= np.isin(ends @ np.array([width, 1]), keys)
    fill &= ~tissue[rows]
    around = chosen[tissue[rows]]
    nodes[around.T] = tags[rows][tissue[rows]]
    filled = np.zeros(len(tags), np.bool_)
    filled[rows[fill]] = True
    own = np.arange(len(tags), dtype=np.int32)
    touched = _most_touched(filled, own, tags, faces.shared)[rows[fill]]
    tags[rows[fill]] = np.where(touched > 0, touched, nodes[chosen[fill]].max(axis=1))


def _pieces(tags: Nodes, shared: Nodes) -> Nodes:
    same = tags[shared[:, 0]] == tags[shared[:, 1]]
    return components(len(tags), shared[same, 0], shared[same, 1])


def _most_touched(rows: Bools, group: Nodes, tags: Nodes, shared: Nodes) -> Nodes:
    """The tag that each group of the tetrahedra ``rows`` has most common faces with, by number; 0 if it has none."""
    found = np.zeros(int(group.max()) + 1, np.int32)
    ends = shared[rows[shared].any(axis=1)]
    ends = np.concatenate([ends, ends[:, ::-1]])
    ends = ends[rows[ends[:, 0]] & ~rows[ends[:, 1]] & (tags[ends[:, 1]] > 0)]
    width = int(tags.max()) + 1
    pairs, faces = np.unique(group[ends[:, 0]].astype(np.int64) * width + tags[ends[:, 1]], return_counts=True)
    order = np.argsort(faces, kind="stable")
    found[pairs[order] // width] = pairs[order] % width
    return found
