"""The certificate of a mesh: can it be simulated, and is it the heart that it was made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs
import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from pycemrg_core.api import Heart, LabelVolume, Shown, counted, html_table
from pycemrg_mesh.faces import Faces, faces_of
from pycemrg_mesh.graph import components
from pycemrg_mesh.mesh import Mesh, blocks, voxels_at
from pycemrg_mesh.quality import mean_ratios, scaled_jacobians, volumes
from pycemrg_mesh.spaces import OUTSIDE, Spaces, spaces_of
from pycemrg_mesh.surfaces import Surfaces, surfaces_of
from schematics_builtin.certificate import Certificate

Floats = NDArray[np.float64]

FORMAT = 1

SMALLEST_JACOBIAN = 0.05
LOW_JACOBIAN = 0.1
LOW_SHARE = 0.001
VOLUME_SHARE = 0.05
IN_PLACE = 0.95
_BARS = 20
_UNEVEN = 3.0
_NAMED = 5


@frozen(kw_only=True)
class MeshCheck:
    """A check of a mesh: its name, whether the mesh passed, and what was found."""

    name: str
    passed: bool
    what: str


@frozen(kw_only=True)
class MeshedLabel:
    """A label in the mesh: its volume there and in the label map, in mm3, and its face-connected pieces."""

    tag: int
    label: int
    name: str
    tetrahedra: int
    pieces: int
    mm3: float
    voxels_mm3: float


@frozen(kw_only=True)
class MeshedSurface:
    """A surface of the mesh, round the outside or round a cavity; ``genus`` is its number of handles, -1 if unknown.

    ``voxels_mm3`` is the volume of the cavity in the label map, 0 for the outside.
    """

    name: str
    triangles: int
    pieces: int
    genus: int
    mm2: float
    mm3: float
    voxels_mm3: float


@frozen(kw_only=True)
class Shapes:
    """A measure of the shape of the tetrahedra: 1 is a regular one, 0 a flat one.

    ``low`` is the number under 0.1, and ``histogram`` the number in each twentieth from 0 to 1; what is negative is in
    the first.
    """

    smallest: float
    median: float
    low: int
    histogram: tuple[int, ...]


@frozen(kw_only=True, repr=False)
class MeshCertificate(Shown):
    """What was checked on a mesh and found.

    ``name`` and ``voxels_sha256`` are of the label map, ``heart_verdict`` is that of its own certificate.
    """

    engine: str = ""
    recipe: str = ""
    name: str = ""
    voxels_sha256: str = ""
    heart_verdict: str = ""
    settings: Mapping[str, Any] = field(factory=dict)
    points: int
    tetrahedra: int
    checks: tuple[MeshCheck, ...]
    labels: tuple[MeshedLabel, ...]
    surfaces: tuple[MeshedSurface, ...]
    scaled_jacobian: Shapes
    mean_ratio: Shapes

    @property
    def passed(self) -> bool:
        """Whether the mesh passed every check."""
        return all(check.passed for check in self.checks)

    @property
    def verdict(self) -> str:
        """``PASS`` or ``FAIL``."""
        return "PASS" if self.passed else "FAIL"

    @property
    def statement(self) -> str:
        """What the mesh is, or what is wrong with it."""
        if wrong := [check.what for check in self.checks if not check.passed]:
            return "; ".join(wrong)
        return (
            f"{_plural(self.tetrahedra, 'tetrahedron', 'tetrahedra')};"
            f" {counted(len(self.labels), 'label')}, each in one piece;"
            f" {counted(len(self.surfaces), 'closed surface')};"
            f" worst scaled Jacobian {self.scaled_jacobian.smallest:.2f}"
        )

    @property
    def in_short(self) -> str:
        """The verdict, and what the mesh is or what is wrong with it."""
        return f"{self.verdict}: {self.statement}"

    def _repr_html_(self) -> str:
        rows = [("PASS" if check.passed else "FAIL", check.name, check.what) for check in self.checks]
        return html_table(self.in_short, ("", "check", "what"), rows)

    def as_json(self) -> dict[str, Any]:
        """Plain data for JSON, as in ``NAME.mesh.json``."""
        found = attrs.asdict(self)
        about = {"name": found.pop("name"), "voxels_sha256": found.pop("voxels_sha256")}
        head = {"format": FORMAT, "verdict": self.verdict, "statement": self.statement, "input": about}
        return head | {key: _rounded(value) for key, value in found.items()}


def certify_mesh(
    mesh: Mesh,
    heart: Heart,
    certificate: Certificate,
    *,
    tags: Mapping[int, int] | None = None,
    engine: str = "",
    settings: Mapping[str, Any] | None = None,
) -> MeshCertificate:
    """Check a mesh of a heart. ``certificate`` is that of the heart; ``tags`` is the tag of each label, if another."""
    faces = faces_of(mesh.tetrahedra)
    surfaces, spaces = surfaces_of(faces.boundary), spaces_of(heart)
    size = volumes(mesh.points, mesh.tetrahedra)
    jacobian = _shapes(scaled_jacobians(mesh.points, mesh.tetrahedra))
    tag_of = {label: label for label in heart.meshed} if tags is None else tags
    labels = tuple(_labels(mesh, heart, size, faces, tag_of))
    shown = tuple(_surfaces(mesh, heart, surfaces, spaces))
    place = _in_place(mesh, heart.volume, size, tag_of)
    checks = (
        *_sound(mesh, size, faces, surfaces, len(surfaces.genus), certificate.closure.spaces[26]),
        *_same_heart(labels, {*np.unique(mesh.tags).tolist()}, shown, place, bool(settings and settings.get("rounds"))),
        *_shaped(jacobian, len(mesh.tags), heart.volume.spacing),
    )
    return MeshCertificate(
        engine=engine,
        recipe=certificate.recipe,
        name=certificate.name,
        voxels_sha256=certificate.voxels_sha256,
        heart_verdict=certificate.verdict,
        settings=settings or {},
        points=len(mesh.points),
        tetrahedra=len(mesh.tags),
        checks=checks,
        labels=labels,
        surfaces=shown,
        scaled_jacobian=jacobian,
        mean_ratio=_shapes(mean_ratios(mesh.points, mesh.tetrahedra)),
    )


def _sound(
    mesh: Mesh, size: Floats, faces: Faces, surfaces: Surfaces, found: int, expected: int
) -> Iterator[MeshCheck]:
    inverted = int((size <= 0).sum())
    yield _check(
        "positive", not inverted, f"{inverted:,} tetrahedra without positive volume", "all tetrahedra are positive"
    )
    yield _check(
        "faces",
        not faces.crowded,
        f"{faces.crowded:,} faces in more than two tetrahedra",
        "no face in more than two tetrahedra",
    )
    edges, nodes = len(surfaces.edges), len(surfaces.nodes)
    yield _check("edges", not edges, f"{counted(edges, 'non-manifold edge')}", "no non-manifold edge")
    yield _check("nodes", not nodes, f"{counted(nodes, 'non-manifold node')}", "no non-manifold node")
    shown, cavities = counted(found, "closed surface"), _plural(expected - 1, "cavity", "cavities")
    yield _check(
        "surfaces", found == expected, f"{shown}, but the heart has {cavities}", f"{shown}: the outside and {cavities}"
    )


def _same_heart(
    labels: tuple[MeshedLabel, ...],
    tags: set[int],
    surfaces: tuple[MeshedSurface, ...],
    place: float,
    smoothed: bool,
) -> Iterator[MeshCheck]:
    absent = [one.name for one in labels if not one.tetrahedra]
    strange = sorted(tags - {one.tag for one in labels})
    wrong = [f"not in the mesh: {_few(absent)}"] if absent else []
    wrong += [f"tags of no label: {_few([*map(str, strange)])}"] if strange else []
    yield _check("labels", not wrong, "; ".join(wrong), "all labels are there")
    apart = [f"{one.name} in {one.pieces:,}" for one in labels if one.pieces > 1]
    yield _check("pieces", not apart, f"in several pieces: {_few(apart)}", "each label in one piece")
    stairs = "; --smooth 0 (rounds=0) keeps those of the voxels" if smoothed else ""
    for name, kind, pairs in (
        ("label_volumes", "labels", [(one.name, one.mm3, one.voxels_mm3) for one in labels if one.tetrahedra]),
        ("cavity_volumes", "cavities", [(one.name, one.mm3, one.voxels_mm3) for one in surfaces if one.voxels_mm3]),
    ):
        shares = [(mm3 / voxels_mm3 - 1, which) for which, mm3, voxels_mm3 in pairs]
        off = [f"{which} {100 * share:+.1f} %" for share, which in shares if abs(share) > VOLUME_SHARE]
        worst = max(shares, key=lambda one: abs(one[0]), default=(0.0, ""))
        yield _check(
            name,
            not off,
            f"volumes of {kind} differ from the voxels': {_few(off)}{stairs}",
            f"volumes of {kind} within {100 * abs(worst[0]):.1f} %",
        )
    yield _check(
        "place",
        place >= IN_PLACE,
        f"only {100 * place:.1f} % of the volume has the label of its place",
        f"{100 * place:.1f} % of the volume has the label of its place",
    )


def _shaped(jacobian: Shapes, count: int, spacing: tuple[float, float, float]) -> Iterator[MeshCheck]:
    z, y, x = spacing
    uneven = max(spacing) > _UNEVEN * min(spacing)
    cubic = f"; voxels of {x:g} x {y:g} x {z:g} mm are too far from cubes: give --edge MM (edge_mm)" if uneven else ""
    yield _check(
        "worst_shape",
        jacobian.smallest >= SMALLEST_JACOBIAN,
        f"worst scaled Jacobian {jacobian.smallest:.3f}, under {SMALLEST_JACOBIAN}{cubic}",
        f"worst scaled Jacobian {jacobian.smallest:.3f}",
    )
    share = jacobian.low / max(count, 1)
    text = f"{jacobian.low:,} tetrahedra ({100 * share:.2f} %) with a scaled Jacobian under {LOW_JACOBIAN}"
    # Said once, with the shape that is worst.
    more = cubic if jacobian.smallest >= SMALLEST_JACOBIAN else ""
    yield _check("bad_shapes", share < LOW_SHARE, text + more, text)


def _few(names: Sequence[str]) -> str:
    """The first names, and how many there are besides."""
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def _plural(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"


def _check(name: str, passed: bool, wrong: str, right: str) -> MeshCheck:
    return MeshCheck(name=name, passed=passed, what=right if passed else wrong)


def _rounded(value: Any) -> Any:
    """Numbers to nine digits: equal meshes have equal certificates, whatever the order of the sums."""
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(one) for one in value]
    return float(f"{value:.9g}") if isinstance(value, float) else value


def _shapes(values: Floats) -> Shapes:
    bars = np.histogram(np.clip(values, 0, 1), bins=_BARS, range=(0, 1))[0]
    return Shapes(
        smallest=float(values.min(initial=1.0)),
        median=float(np.median(values)) if len(values) else 1.0,
        low=int((values < LOW_JACOBIAN).sum()),
        histogram=tuple(bars.tolist()),
    )


def _labels(mesh: Mesh, heart: Heart, size: Floats, faces: Faces, tag_of: Mapping[int, int]) -> Iterator[MeshedLabel]:
    same = mesh.tags[faces.shared[:, 0]] == mesh.tags[faces.shared[:, 1]]
    piece = components(len(mesh.tags), faces.shared[same, 0], faces.shared[same, 1])
    tag_of_piece = np.zeros(int(piece.max(initial=-1)) + 1, np.int32)
    tag_of_piece[piece] = mesh.tags
    known, index = np.unique(mesh.tags, return_inverse=True)
    at = {tag: place for place, tag in enumerate(known.tolist())}
    tetrahedra = np.bincount(index, minlength=len(known))
    mm3 = np.bincount(index, weights=size, minlength=len(known))
    pieces = np.bincount(np.searchsorted(known, tag_of_piece), minlength=len(known))
    for label in heart.meshed:
        row = at.get(tag_of[label])
        voxels = np.count_nonzero(heart.volume.mask(label, heart.volume.region(label)))
        yield MeshedLabel(
            tag=tag_of[label],
            label=label,
            name=heart.name(label),
            tetrahedra=0 if row is None else int(tetrahedra[row]),
            pieces=0 if row is None else int(pieces[row]),
            mm3=0.0 if row is None else float(mm3[row]),
            voxels_mm3=voxels * heart.volume.voxel_mm3,
        )


def _surfaces(mesh: Mesh, heart: Heart, surfaces: Surfaces, spaces: Spaces) -> Iterator[MeshedSurface]:
    of = spaces.of(surfaces, mesh.points, heart)
    mm3, mm2 = surfaces.volumes(mesh.points), surfaces.areas(mesh.points)
    triangles, genus = np.bincount(surfaces.piece, minlength=len(of)), np.array(surfaces.genus)
    for space, name in enumerate(spaces.names):
        pieces = of == space
        if pieces.any():
            yield MeshedSurface(
                name=name,
                triangles=int(triangles[pieces].sum()),
                pieces=int(pieces.sum()),
                genus=int(genus[pieces].sum()) if (genus[pieces] >= 0).all() else -1,
                mm2=float(mm2[pieces].sum()),
                mm3=float(mm3[pieces].sum()) * (1 if name == OUTSIDE else -1),
                voxels_mm3=spaces.voxels[space] * heart.volume.voxel_mm3,
            )


def _in_place(mesh: Mesh, volume: LabelVolume, size: Floats, tag_of: Mapping[int, int]) -> float:
    """The share of the volume whose tetrahedra have, at their centroid, the label of their tag."""
    label_of = {tag: label for label, tag in tag_of.items()}
    known, index = np.unique(mesh.tags, return_inverse=True)
    labels = np.array([label_of.get(tag, -1) for tag in known.tolist()], np.int64)
    shape, right = np.array(volume.array.shape), 0.0
    for block in blocks(len(mesh.tags)):
        centroid = mesh.points[mesh.tetrahedra[block]].mean(axis=1)
        voxel = voxels_at(centroid, volume)
        nearest = np.clip(voxel, 0, shape - 1)
        same = (nearest == voxel).all(axis=1) & (volume.array[tuple(nearest.T)] == labels[index[block]])
        right += float(size[block][same].sum())
    return right / float(size.sum()) if len(size) else 0.0
