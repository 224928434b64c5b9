"""The surfaces of a mesh that the tools after it ask for, each closed and with its name in the field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from attrs import frozen

from pycemrg_core.api import Heart, LabelType
from pycemrg_mesh.faces import Faces, faces_of
from pycemrg_mesh.mesh import Mesh, Nodes
from pycemrg_mesh.spaces import short, spaces_of
from pycemrg_mesh.surfaces import surfaces_of

_VALVES = {"MV": "mitral", "TV": "tricuspid", "AV": "aortic", "PV": "pulmonary"}
_OPENINGS = (LabelType.VALVE, LabelType.PLANE)


@frozen(eq=False)
class NamedSurface:
    """A closed surface of a mesh.

    ``triangles`` (b, 3) are nodes of the mesh, anticlockwise seen from outside the tissue, and ``tags`` (b,) the tag of
    the tetrahedron that each belongs to.
    """

    name: str
    triangles: Nodes
    tags: Nodes


def named_surfaces(mesh: Mesh, heart: Heart, tags: Mapping[int, int] | None = None) -> Iterator[NamedSurface]:
    """The epicardium, the endocardium of each closed chamber, and the openings: the valves, and the planes of veins.

    The epicardium is the surface round the outside, with the inside of what is open to it. An endocardium is all that
    bounds a cavity, with the valves and planes that close it; its triangles have their tags. An opening is the whole
    surface of the tissue that closes it. ``tags`` is the tag of each label, if another.
    """
    faces = faces_of(mesh.tetrahedra)
    surfaces, spaces = surfaces_of(faces.boundary), spaces_of(heart)
    of = spaces.of(surfaces, mesh.points, heart)[surfaces.piece]
    for space, name in enumerate(spaces.names):
        if (of == space).any():
            yield _surface(name, faces, mesh.tags, of == space)
    for label in heart.meshed:
        if heart.blueprint.types.get(label) not in _OPENINGS:
            continue
        own = mesh.tags == (label if tags is None else tags[label])
        around = faces_of(mesh.tetrahedra[own])
        yield _surface(_opening(heart.name(label)), around, mesh.tags[own], np.ones(len(around.owner), np.bool_))


def _surface(name: str, faces: Faces, tags: Nodes, rows: np.ndarray) -> NamedSurface:
    return NamedSurface(name, faces.boundary[rows], tags[faces.owner[rows]])


def _opening(name: str) -> str:
    plain = short(name).removesuffix("_plane")
    return f"{_VALVES.get(plain, plain)}_opening"
