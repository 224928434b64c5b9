"""The engines: modules that make a mesh of a label map, each imported only when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Collection

from pycemrg_core.api import LabelVolume, close_to
from pycemrg_mesh.errors import MeshingError
from pycemrg_mesh.mesh import Mesh

CUT, CGAL = ENGINES = ("cut", "cgal")
LARGEST_TAG = 2**31 - 1


def require_engine(engine: str) -> None:
    """Refuse an engine that is unknown, or cannot be used here. Raises :class:`MeshingError`."""
    if engine == CGAL:
        from pycemrg_mesh.engines.cgal import require_pygalmesh

        require_pygalmesh()
    elif engine not in ENGINES:
        raise MeshingError(
            f"no engine is called {engine!r}{close_to(str(engine), ENGINES)}; give one of {', '.join(ENGINES)}"
        )


def labels_there(volume: LabelVolume, labels: Collection[int]) -> list[int]:
    """The labels that some voxel has, sorted. Raises :class:`MeshingError` for none, or one too large for a tag."""
    found = sorted(label for label in {*labels} if label in volume.boxes)
    if not found:
        raise MeshingError("no voxel has a label to mesh; give a heart with walls")
    if found[-1] > LARGEST_TAG:
        raise MeshingError(f"label {found[-1]} does not fit in a tag of 32 bits; renumber the labels")
    return found


def mesh_with(
    engine: str,
    volume: LabelVolume,
    labels: Collection[int],
    *,
    rounds: int,
    edge_mm: float | None,
    told: Callable[[str], None],
) -> Mesh:
    """Mesh the voxels of some labels with an engine: see :func:`~pycemrg_mesh.engines.cut.cut` and ``cgal``.

    ``rounds`` is for ``cut``, ``edge_mm`` for ``cgal``. Raises :class:`MeshingError` when the engine is unknown, cannot
    be used here, or fails.
    """
    require_engine(engine)
    if engine == CGAL:
        from pycemrg_mesh.engines.cgal import cgal

        return cgal(volume, labels, edge_mm=edge_mm, told=told)
    from pycemrg_mesh.engines.cut import cut

    return cut(volume, labels, rounds=rounds, told=told)
