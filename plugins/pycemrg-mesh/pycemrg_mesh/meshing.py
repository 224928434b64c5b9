"""From a heart to its mesh: refuse what leaks, mesh it, and certify the mesh."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil, floor
from numbers import Real

import numpy as np
from attrs import frozen

from pycemrg_core import Catalogue
from pycemrg_core.api import Heart, LabelScheme, Severity, Shown
from pycemrg_mesh.certificate import MeshCertificate, certify_mesh
from pycemrg_mesh.engines import CGAL, CUT, LARGEST_TAG, mesh_with, require_engine
from pycemrg_mesh.errors import MeshingError
from pycemrg_mesh.mesh import Mesh
from pycemrg_mesh.resampling import resampled
from pycemrg_mesh.smoothing import ROUNDS, require_rounds
from schematics_builtin.certificate import Certificate, certify, heart_of, is_ungrown, repair, verdict_line

EDGES_MM = (0.05, 50.0)
_MOST_VOXELS = 2e9
_MOST_TETRAHEDRA = 2e7  # of cgal, which needs some 1 GB for two million
_OF_CUBE = 0.1  # the volume of a tetrahedron of cgal, of a cube with its edge


@frozen(eq=False, repr=False)
class MeshedHeart(Shown):
    """A mesh with its certificate, and the heart that was meshed (resampled, if asked) with its own.

    ``tags`` is the tag of each label. ``notes`` say what was changed before meshing, and whether the heart
    fails its certificate.
    """

    mesh: Mesh
    certificate: MeshCertificate
    heart: Heart
    heart_certificate: Certificate
    tags: Mapping[int, int]
    notes: tuple[str, ...] = ()

    @property
    def in_short(self) -> str:
        """The verdict on the mesh."""
        return self.certificate.in_short

    def _repr_html_(self) -> str:
        return self.certificate._repr_html_()


def mesh_heart(
    heart: Heart,
    catalogue: Catalogue,
    *,
    engine: str = CUT,
    rounds: int | None = None,
    edge_mm: float | None = None,
    tags: str | None = None,
    force: bool = False,
    name: str = "",
    told: Callable[[str], None] = lambda text: None,
) -> MeshedHeart:
    """Certify a heart, mesh all its labels but the lumens, and certify the mesh.

    ``engine`` is ``cut`` or ``cgal``. ``rounds`` is how often ``cut`` smooths, 20 by default. With ``edge_mm``, for
    ``cut`` the label map is first resampled to cubic voxels of this size and repaired by rule, and ``cgal`` makes edges
    about as long. ``tags`` is a label scheme with the tags; by default they are the labels. ``name`` is what the image
    is called. ``told`` is called with what is done next. Raises :class:`MeshingError` when the heart fails its
    certificate and ``force`` is not set, when a label has no tag of its own in the scheme, when ``rounds`` is not from
    0 to 1,000, or given with ``cgal``, when ``edge_mm`` is not from 0.05 to 50, when this would make more than 2
    billion voxels, or 20 million tetrahedra with ``cgal``, or is longer than a label is wide, or when the engine fails.
    """
    require_engine(engine)
    _require_settings(heart, engine, rounds, edge_mm)
    # Numbers of numpy are not for JSON.
    rounds, edge_mm = ROUNDS if rounds is None else int(rounds), None if edge_mm is None else float(edge_mm)
    sha256 = heart.volume.voxels_sha256()
    notes: tuple[str, ...] = ()
    tag_of = _tags(heart, catalogue, tags)
    if edge_mm is not None and engine == CUT:
        heart, notes = _resampled(heart, catalogue, edge_mm, told)
    told("certifying the heart")
    certificate = certify(heart, catalogue, name=name, voxels_sha256=sha256)
    if not certificate.passed and not force:
        wrong = dict.fromkeys(one.check for one in certificate.of(Severity.ERROR))
        size = f" with voxels of {edge_mm:g} mm" if edge_mm is not None and engine == CUT else ""
        raise MeshingError(
            f"{name or 'the heart'}: not meshed, because its certificate{size} is {verdict_line(certificate)}"
            f" (errors: {', '.join(wrong)}); {_remedy(heart, [*wrong])}, or mesh it all the same with --force"
            " (force=True)"
        )
    if not certificate.passed:
        notes += (f"the certificate of the heart is {verdict_line(certificate)}; meshed all the same",)
    mesh = mesh_with(engine, heart.volume, heart.meshed, rounds=rounds, edge_mm=edge_mm, told=told).with_tags(tag_of)
    told("certifying the mesh")
    settings = {"edge_mm": edge_mm, **({"rounds": rounds} if engine == CUT else {}), "tags": tags}
    found = certify_mesh(mesh, heart, certificate, tags=tag_of, engine=engine, settings=settings)
    return MeshedHeart(mesh, found, heart, certificate, tag_of, notes)


def _require_settings(heart: Heart, engine: str, rounds: int | None, edge_mm: float | None) -> None:
    if rounds is not None:
        if engine == CGAL:
            raise MeshingError("only the engine cut smooths; leave out --smooth (rounds) with cgal")
        require_rounds(rounds)
    least, most = EDGES_MM
    if edge_mm is not None and not (isinstance(edge_mm, Real) and least <= edge_mm <= most):
        shown = f"{edge_mm:g}" if isinstance(edge_mm, Real) else repr(edge_mm)
        raise MeshingError(f"an edge length of {shown} mm; give one from {least:g} to {most:g} mm")
    if engine == CGAL:
        _require_edge(heart, edge_mm or max(heart.volume.spacing))
        return
    if edge_mm is None:
        return
    volume = heart.volume
    mm3 = volume.array.size * volume.voxel_mm3
    if mm3 / edge_mm**3 > _MOST_VOXELS:
        enough = ceil(100 * (mm3 / _MOST_VOXELS) ** (1 / 3)) / 100
        raise MeshingError(
            f"an edge length of {edge_mm:g} mm makes {mm3 / edge_mm**3 / 1e9:,.1f} billion voxels; give one of at least"
            f" {enough:g} mm, or crop the image"
        )


def _require_edge(heart: Heart, edge_mm: float) -> None:
    """Refuse edges for ``cgal`` that make too many tetrahedra, or are longer than the smallest label is wide."""
    volume = heart.volume
    mm3 = {
        label: np.count_nonzero(volume.mask(label, volume.region(label))) * volume.voxel_mm3 for label in heart.meshed
    }
    each = sum(mm3.values()) / _MOST_TETRAHEDRA
    if _OF_CUBE * edge_mm**3 < each:
        millions = sum(mm3.values()) / (_OF_CUBE * edge_mm**3) / 1e6
        raise MeshingError(
            f"an edge length of {edge_mm:g} mm makes about {millions:,.0f} million tetrahedra with cgal; give one of at"
            f" least {ceil(100 * (each / _OF_CUBE) ** (1 / 3)) / 100:g} mm"
        )
    least = min(mm3, key=mm3.__getitem__, default=None)
    if least is not None and edge_mm**3 > mm3[least]:
        raise MeshingError(
            f"an edge length of {edge_mm:g} mm is too long for {heart.name(least)}, which has {mm3[least]:,.0f} mm3;"
            f" give one of at most {floor(100 * mm3[least] ** (1 / 3)) / 100:g} mm, or remove the label"
        )


def _remedy(heart: Heart, wrong: list[str]) -> str:
    if wrong == ["tag_range"]:
        return "give its labels smaller integers with 'pycemrg labels remap'"
    if is_ungrown(heart):
        return "it is a segmentation that no recipe has grown: see 'pycemrg plan'"
    return "see 'pycemrg certify' and 'pycemrg repair'"


def _resampled(
    heart: Heart, catalogue: Catalogue, edge_mm: float, told: Callable[[str], None]
) -> tuple[Heart, tuple[str, ...]]:
    """The heart with cubic voxels of this size. Coarser voxels tear thin walls: what a rule can repair is repaired."""
    told("resampling")
    asked = heart.blueprint
    found = resampled(heart.volume, edge_mm)
    told("repairing")
    done = repair(found, catalogue, asked)
    changed = sum(entry.change.voxels for entry in done.ledger)
    here = heart_of(done.volume, asked)
    if lost := [heart.name(label) for label in heart.volume.boxes if label not in here.volume.boxes]:
        raise MeshingError(f"voxels of {edge_mm:g} mm leave nothing of {', '.join(lost)}; choose a shorter edge length")
    note = (
        f"resampled to voxels of {edge_mm:g} mm, of which repair changed {changed:,} ('pycemrg repair' says its rules)"
    )
    return here, (note,)


def _tags(heart: Heart, catalogue: Catalogue, scheme: str | None) -> dict[int, int]:
    """The tag of each meshed label. Raises :class:`MeshingError` naming labels without one of their own."""
    if scheme is None:
        return {label: label for label in heart.meshed}
    known = catalogue.get(LabelScheme, scheme).labels
    names = {label: heart.name(label) for label in heart.meshed}
    if missing := [
        f"{label} (no name)" if name == str(label) else f"{label} ({name})"
        for label, name in names.items()
        if name not in known
    ]:
        raise MeshingError(
            f"the scheme {scheme} has no tag for {', '.join(missing)}; choose another scheme, or name the recipe that"
            " made the heart"
        )
    tag_of = {label: known[name] for label, name in names.items()}
    for tag in sorted({*tag_of.values()}):
        same = [names[label] for label in names if tag_of[label] == tag]
        # The certificate of the mesh could not tell one from the other.
        if len(same) > 1:
            raise MeshingError(
                f"the scheme {scheme} has the tag {tag} for {' and '.join(same)}; choose another scheme, or give them"
                " one label before"
            )
        if tag > LARGEST_TAG:
            raise MeshingError(
                f"the scheme {scheme} has the tag {tag} for {same[0]}, which does not fit in 32 bits; choose another"
                " scheme"
            )
    return tag_of
