"""Write a mesh with its certificate, and its surfaces: all of a folder's files, or none."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

import numpy as np
from attrs import field, frozen

from pycemrg_core.api import DocumentError, OutputError, load_json, name_of
from pycemrg_core.cli.kit import require_folder, require_output, staged
from pycemrg_mesh.files.opencarp import EXTENSIONS, write_opencarp, write_surf
from pycemrg_mesh.files.vtk_xml import write_vtp, write_vtu
from pycemrg_mesh.mesh import Mesh
from pycemrg_mesh.meshing import MeshedHeart
from pycemrg_mesh.named import named_surfaces

Frame = Literal["world", "inr"]

CERTIFICATE = ".mesh.json"

_MOST_BYTES = 10_000_000


def write_mesh(
    made: MeshedHeart,
    vtu: str | os.PathLike[str] | None = None,
    *,
    carp: str | os.PathLike[str] | None = None,
    surfaces: str | os.PathLike[str] | None = None,
    frame: Frame = "world",
    told: Callable[[str], None] = lambda text: None,
) -> list[Path]:
    """Write a mesh as ``vtu``, and as openCARP files of the name ``carp``; return the files, the certificate first.

    The certificate is ``NAME.mesh.json``, with the name of the ``.vtu`` and beside it, or else with that of ``carp``.
    ``surfaces`` is a folder for the named surfaces: ``.vtp``, and ``.surf`` where there are openCARP files. ``frame``
    is ``world``, the frame of the image, or ``inr``, where a point is index times spacing. A file that is there is
    replaced only by a whole new one. Raises :class:`OutputError` when a name is not fit or a file cannot be written.
    """
    targets = _targets(vtu, carp)
    certificate = targets[0]
    mesh = made.mesh if frame == "world" else made.mesh.in_grid_frame(made.heart.volume)
    told("writing")
    with ExitStack() as stack:
        places = _Places(stack)
        written = [certificate]
        if surfaces is not None:
            written += _write_surfaces(made, mesh, Path(surfaces), certificate, places, carp is not None)
        if vtu is not None:
            write_vtu(mesh, places.of(Path(vtu)))
            written.append(Path(vtu))
        if carp is not None:
            write_opencarp(mesh, places.of(Path(carp)))
            written += targets[-len(EXTENSIONS) :]
        files = [os.path.relpath(file, certificate.parent) for file in written[1:]]
        data = made.certificate.as_json() | {"frame": frame, "files": files}
        text = json.dumps(data, indent=2, ensure_ascii=False) + "\n"
        places.of(certificate).write_bytes(text.encode("utf-8", "backslashreplace"))
    return written


@frozen
class _Places:
    """Where to write files first; they move to their places when the stack ends without an error."""

    stack: ExitStack
    folders: dict[Path, Path] = field(factory=dict, init=False)

    def of(self, path: Path, remove: tuple[str, ...] = ()) -> Path:
        folder = path.parent.resolve()
        if folder not in self.folders:
            self.folders[folder] = self.stack.enter_context(staged(path.parent, remove))
        return self.folders[folder] / path.name


def _write_surfaces(
    made: MeshedHeart, mesh: Mesh, folder: Path, certificate: Path, places: _Places, carp: bool
) -> Iterator[Path]:
    """Write the named surfaces with the points of ``mesh``, which is the mesh in the frame that is written."""
    old = _surfaces_before(certificate, folder)
    # Found in the frame of the image; in that of the grid, a mirrored image has its triangles the other way round.
    turned = mesh is not made.mesh and np.linalg.det(made.heart.volume.orientation.cosines) < 0
    for one in named_surfaces(made.mesh, made.heart, made.tags):
        triangles = one.triangles[:, ::-1] if turned else one.triangles
        nodes, own = np.unique(triangles, return_inverse=True)
        path = folder / f"{one.name}.vtp"
        rows = own.reshape(-1, 3).astype(np.int32)
        write_vtp(mesh.points[nodes], rows, nodes.astype(np.int32), one.tags, places.of(path, old))
        yield path
        if carp:
            write_surf(triangles, places.of(path.with_suffix(".surf")))
            yield path.with_suffix(".surf")


def require_targets(
    vtu: str | os.PathLike[str] | None,
    carp: str | os.PathLike[str] | None,
    surfaces: str | os.PathLike[str] | None,
    *inputs: str | os.PathLike[str],
) -> None:
    """Refuse, before the work, what :func:`write_mesh` would, and files that are an input or of a run.

    Raises :class:`OutputError`.
    """
    targets = _targets(vtu, carp)
    for target in targets:
        require_output(target, *inputs)
    for folder in {target.parent for target in targets} | ({Path(surfaces)} if surfaces else set()):
        require_folder(folder)


def _targets(vtu: str | os.PathLike[str] | None, carp: str | os.PathLike[str] | None) -> list[Path]:
    """The certificate and the files of the mesh. Raises :class:`OutputError` for names that are not fit."""
    found: list[Path] = []
    if vtu is not None:
        if Path(vtu).suffix != ".vtu":
            raise OutputError(f"{name_of(vtu)}: a mesh is written as .vtu; choose a name that ends with .vtu")
        found += [Path(vtu).with_suffix(CERTIFICATE), Path(vtu)]
    if carp is not None:
        if Path(carp).suffix in EXTENSIONS:
            raise OutputError(f"{name_of(carp)}: names three files, {', '.join(EXTENSIONS)}; give it without extension")
        path = Path(carp)
        found += [] if found else [path.with_name(f"{path.name}{CERTIFICATE}")]
        found += [path.with_name(f"{path.name}{extension}") for extension in EXTENSIONS]
    if not found:
        raise OutputError("no file for the mesh; give the name of a .vtu, or of openCARP files")
    if found[0].exists() and not _is_certificate(found[0]):
        raise OutputError(
            f"{name_of(found[0])}: is there, and not a certificate of a mesh; move it, or choose another name"
        )
    return found


def _is_certificate(path: Path) -> bool:
    try:
        return load_json(path, "a certificate of a mesh", _MOST_BYTES).keys() >= {"verdict", "scaled_jacobian"}
    except DocumentError:
        return False


def _surfaces_before(certificate: Path, folder: Path) -> tuple[str, ...]:
    """The surfaces in the folder that were written with the certificate before."""
    if not certificate.exists():
        return ()
    files = load_json(certificate, "a certificate of a mesh", _MOST_BYTES).get("files")
    known = files if isinstance(files, list) else []
    paths = [certificate.parent / str(one) for one in known if str(one).endswith((".vtp", ".surf"))]
    return tuple(path.name for path in paths if path.parent.resolve() == folder.resolve())
