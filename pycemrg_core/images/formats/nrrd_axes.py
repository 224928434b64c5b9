"""The axes of a NRRD header: find the axes of space, and their spacing, origin and direction in mm, in LPS."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pycemrg_core.images.formats import grid
from pycemrg_core.images.formats.header import (
    FormatError,
    Triple,
    by,
    number,
    one_frame,
    refuse_channels,
    refuse_frames,
    require_volume,
    shown,
    tokens,
    whole,
)

_LPS, _RAS, _LAS = (1.0, 1.0, 1.0), (-1.0, -1.0, 1.0), (1.0, -1.0, 1.0)
_ANATOMICAL = {
    _LPS: ("left-posterior-superior", "LPS"),
    _RAS: ("right-anterior-superior", "RAS"),
    _LAS: ("left-anterior-superior", "LAS"),
}
_TO_LPS = {name.lower(): signs for signs, names in _ANATOMICAL.items() for name in names}
_UNNAMED = ("scanner-xyz", "3d-right-handed", "3d-left-handed")
_DOMAIN = {"domain", "space", "???", "none"}
_CHANNELS = {"vector", "covariant-vector", "normal", "point", "quaternion", "stub", "scalar"}
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_VECTOR = re.compile(r"none|\([^()]*\)", re.IGNORECASE)


class Axes(NamedTuple):
    """The grid of a volume, and notes."""

    size: tuple[int, int, int]
    spacing: Triple
    origin: Triple
    direction: tuple[float, ...]
    notes: tuple[str, ...]
    layers: int = 1


class _Space(NamedTuple):
    """The space of the axis vectors: its dimension, and the signs that convert it to LPS."""

    dimension: int
    signs: Triple = _LPS
    notes: tuple[str, ...] = ()


def of_one_slice(fields: Mapping[str, str]) -> dict[str, str]:
    """The fields of a 2-D image as those of one slice of 1 unit whose centre is at 0."""
    ends = {"kinds": "domain", "spacings": "1", "axis mins": "-0.5", "axis maxs": "0.5", "centers": "cell"}
    ends |= {"thicknesses": "nan", "labels": '""', "space directions": "(0,0,1)"}
    made = dict(fields)
    if fields.get("space dimension") == "2":
        made["space dimension"] = "3"
    for key in made.keys() & {"space directions", "space origin"}:
        made[key] = re.sub(r"\)", ",0)", made[key])
    for key in made.keys() & {"units", "space units"}:
        ends[key] = (_QUOTED.findall(made[key]) or [""])[-1].join('""')
    return {key: f"{value} {ends[key]}" if key in ends else value for key, value in made.items()}


def read_axes(fields: Mapping[str, str], sizes: Sequence[int], layers: Sequence[str], layered: bool = False) -> Axes:
    """Find the three axes of space, and validate and convert their geometry.

    ``layered``: a first axis of kind ``list`` may have several elements, the layers of a segmentation.
    """
    require_volume(sizes)
    space = _space(fields)
    vectors = _vectors(fields, space, len(sizes))
    kinds = [kind.lower() for kind in tokens(fields["kinds"], "kinds", len(sizes))] if "kinds" in fields else []
    _refuse_words(fields, len(sizes))
    several = layered and len(sizes) == 4 and kinds[:1] == ["list"]
    axes = [1, 2, 3] if several else _axes_of_space(sizes, vectors, kinds, layers)
    size = sizes[axes[0]], sizes[axes[1]], sizes[axes[2]]
    notes = () if len(sizes) == 3 or several else (one_frame(sizes, size),)
    if vectors:
        spacing, direction = grid.unit_columns([_in_lps(vectors[axis], space, "space directions") for axis in axes])
        more: tuple[str, ...] = ()
    else:
        spacing, more = _plain_spacing(fields, axes, len(sizes), space)
        direction = grid.IDENTITY
    origin = _origin(fields, axes, sizes, space, spacing)
    factor, unit_notes = _units(fields, space, axes, len(sizes))
    x, y, z = (value * factor for value in spacing)
    left, posterior, superior = (value * factor for value in origin)
    found = Axes(
        size,
        (x, y, z),
        (left, posterior, superior),
        direction,
        notes + more + unit_notes + (space.notes if space else ()),
        sizes[0] if several else 1,
    )
    grid.require_geometry(found.spacing, found.origin, found.direction)
    return found


def _space(fields: Mapping[str, str]) -> _Space | None:
    if "space" in fields and "space dimension" in fields:
        raise FormatError(
            f"has both space {shown(fields['space'])} and space dimension {shown(fields['space dimension'])};"
            " keep one of them in the header"
        )
    unnamed = "space does not say where left is: taken as left-posterior-superior"
    if "space dimension" in fields:
        dimension = whole(fields["space dimension"], "space dimension", 1, 16)
        if dimension < 3 or dimension > 4:
            raise FormatError(f"space dimension is {dimension}, not 3; give a 3-D volume")
        return _Space(dimension, notes=(unnamed,))
    if "space" not in fields:
        return None
    name = fields["space"].lower()
    with_time = name.endswith("-time") or (len(name) == 4 and name.endswith("t"))
    bare = name.removesuffix("-time") if name.endswith("-time") else name[:3] if with_time else name
    if bare not in _TO_LPS and bare not in _UNNAMED:
        raise FormatError(f"space {shown(fields['space'])} is not one that NRRD knows; correct the header")
    return _Space(4 if with_time else 3, _TO_LPS.get(bare, _LPS), () if bare in _TO_LPS else (unnamed,))


def _vectors(fields: Mapping[str, str], space: _Space | None, count: int) -> list[tuple[float, ...] | None]:
    """One vector per axis, None for an axis outside of space; empty when the header has no directions."""
    if space is None:
        for field in ("space directions", "space origin", "space units", "measurement frame"):
            if field in fields:
                raise FormatError(f"has {field} but no space; correct the header, or export it again")
    if space is None or "space directions" not in fields:
        return []
    text = fields["space directions"]
    found = _VECTOR.findall(text)
    if len(found) != count or _VECTOR.sub("", text).strip():
        raise FormatError(
            f"space directions {shown(text)} are not {count} vectors; correct the header, or export it again"
        )
    return [None if word.lower() == "none" else _vector(word, "space directions", space) for word in found]


def _vector(text: str, field: str, space: _Space) -> tuple[float, ...]:
    words = text.strip().removeprefix("(").removesuffix(")").split(",")
    if not text.strip().startswith("(") or len(words) != space.dimension:
        raise FormatError(f"{field} {shown(text)} is not a vector of {space.dimension} numbers; correct the header")
    return tuple(number(word.strip(), field) for word in words)


def _in_lps(vector: tuple[float, ...] | None, space: _Space | None, field: str) -> tuple[float, ...]:
    if vector is None or space is None or (space.dimension == 4 and field == "space directions" and vector[3] != 0):
        raise FormatError(f"{field} mix space with another axis; give a 3-D volume")
    return tuple(value * sign for value, sign in zip(vector[:3], space.signs, strict=True))


def _axes_of_space(
    sizes: Sequence[int], vectors: Sequence[tuple[float, ...] | None], kinds: Sequence[str], layers: Sequence[str]
) -> list[int]:
    """The three axes of space; the others must have one voxel, otherwise an error says what they are."""
    axes = list(range(len(sizes)))
    outside = [
        axis
        for axis in axes
        if (vectors and vectors[axis] is None) or (kinds and kinds[axis] not in _DOMAIN | {"time"})
    ]
    inside = [axis for axis in axes if axis not in outside]
    if len(inside) > 3 and kinds:
        outside += [axis for axis in inside if kinds[axis] == "time"]
    inside = [axis for axis in axes if axis not in outside]
    # The header does not say which axis is the frame: it is the last or the first, as pynrrd and ITK write it.
    while len(inside) > 3:
        dropped = inside[0] if sizes[inside[-1]] > 1 and sizes[inside[0]] == 1 else inside[-1]
        inside.remove(dropped)
        outside.append(dropped)
    for axis in sorted(outside):
        _refuse_several(sizes, axis, kinds[axis] if kinds else "", layers)
    if len(inside) < 3:
        require_volume([sizes[axis] for axis in inside])
    return inside


def _refuse_several(sizes: Sequence[int], axis: int, kind: str, layers: Sequence[str]) -> None:
    if sizes[axis] == 1:
        return
    if layers:
        raise FormatError(
            f"is {len(sizes)}-D ({by(sizes)}), not 3-D: it holds {sizes[axis]} layers: {'; '.join(layers)};"
            " export one layer, or merge them"
        )
    if kind == "complex":
        raise FormatError("holds complex numbers, not one number per voxel; convert it to integers")
    if kind in _CHANNELS or "color" in kind or "vector" in kind or "matrix" in kind:
        refuse_channels(sizes[axis])
    refuse_frames(sizes, sizes[axis], "layers" if kind == "list" else "frames")


def _plain_spacing(
    fields: Mapping[str, str], axes: Sequence[int], count: int, space: _Space | None
) -> tuple[tuple[float, ...], tuple[str, ...]]:
    if "spacings" not in fields:
        if "axis maxs" in fields:
            raise FormatError("has axis maxs but no spacings; write the spacings into the header")
        return (1.0, 1.0, 1.0), (grid.NO_SPACING,)
    if space is not None:
        raise FormatError("has space and spacings but no space directions; correct the header, or export it again")
    words = tokens(fields["spacings"], "spacings", count)
    return tuple(number(words[axis], "spacings") for axis in axes), ()


def _origin(
    fields: Mapping[str, str],
    axes: Sequence[int],
    sizes: Sequence[int],
    space: _Space | None,
    spacing: Sequence[float],
) -> tuple[float, ...]:
    if space is not None:
        for field in ("axis mins", "axis maxs", "spacings"):
            words = fields.get(field, "").split()
            if any(word.lower() != "nan" for word in words):
                raise FormatError(f"has both space and {field} {shown(fields[field])}; keep one of them in the header")
        if "space origin" not in fields:
            return (0.0, 0.0, 0.0)
        return _in_lps(_vector(fields["space origin"], "space origin", space), space, "space origin")
    if "axis mins" not in fields:
        return (0.0, 0.0, 0.0)
    low = [number(tokens(fields["axis mins"], "axis mins", len(sizes))[axis], "axis mins") for axis in axes]
    if "spacings" not in fields:
        return (0.0, 0.0, 0.0)
    words = tokens(fields["centers"], "centers", len(sizes)) if "centers" in fields else ["cell"] * len(sizes)
    nodes = [words[axis].lower() == "node" for axis in axes]
    if "axis maxs" in fields:
        high = [number(tokens(fields["axis maxs"], "axis maxs", len(sizes))[axis], "axis maxs") for axis in axes]
        for start, stop, step, axis, node in zip(low, high, spacing, axes, nodes, strict=True):
            if not math.isclose(stop, start + step * (sizes[axis] - node), abs_tol=abs(step) / 2):
                raise FormatError(
                    f"axis maxs {stop:g} contradicts axis mins {start:g} with {sizes[axis]} voxels of {step:g} mm;"
                    " correct the header, or export it again"
                )
    return tuple(start if node else start + step / 2 for start, step, node in zip(low, spacing, nodes, strict=True))


def _units(
    fields: Mapping[str, str], space: _Space | None, axes: Sequence[int], count: int
) -> tuple[float, tuple[str, ...]]:
    if space is not None and "space units" in fields:
        return grid.unit_factor(_quoted(fields["space units"], "space units", space.dimension)[:3], "space units")
    if "units" in fields and space is None:
        units = _quoted(fields["units"], "units", count)
        return grid.unit_factor([units[axis] for axis in axes], "units")
    return 1.0, ()


def _quoted(text: str, field: str, count: int) -> list[str]:
    found = _QUOTED.findall(text)
    if len(found) != count or _QUOTED.sub("", text).strip():
        raise FormatError(f"{field} {shown(text)} are not {count} quoted texts; correct the header, or export it again")
    return found


def _refuse_words(fields: Mapping[str, str], count: int) -> None:
    """Refuse lists of words or numbers with another length than the dimension, even if they are not used."""
    if "centers" in fields:
        known = {"cell", "node", "none", "???"}
        if unknown := {word.lower() for word in tokens(fields["centers"], "centers", count)} - known:
            raise FormatError(f"centers has {shown(min(unknown))}, not cell or node; correct the header")
    for field in ("thicknesses", "axis mins", "axis maxs", "spacings"):
        for word in tokens(fields[field], field, count) if field in fields else ():
            if word.lower() != "nan":
                number(word, field)
