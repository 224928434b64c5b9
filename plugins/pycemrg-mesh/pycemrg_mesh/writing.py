"""Write a mesh with its certificate, and its surfaces: all of a folder's files, or none."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import numpy as np
from attrs import field, frozen

from pycemrg_core.api import DocumentError, OutputError, file_sha256, load_json, name_of
from pycemrg_core.cli.kit import require_folder, require_output, staged
from pycemrg_mesh.files.opencarp import EXTENSIONS, write_opencarp, write_surf
from pycemrg_mesh.files.vtk_xml import write_vtp, write_vtu
from pycemrg_mesh.mesh import Mesh
from pycemrg_mesh.meshing import MeshedHeart
from pycemrg_mesh.named import named_surfaces

Frame = Literal["world", "inr"]

CERTIFICATE = ".mesh.json"

_WRITTEN = {".vtu", ".vtp", ".surf", *EXTENSIONS}

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
    replaced only by a whole new one. Other files that the certificate before names are kept if they are of the same
    mesh, or else removed. Raises :class:`OutputError` when a name is not fit, a file to remove was changed since it
    was written, or a file cannot be written.
    """
    targets = _targets(vtu, carp, surfaces)
    certificate = targets[0]
    mesh = made.mesh if frame == "world" else made.mesh.in_grid_frame(made.heart.volume)
    told("writing")
    data = made.certificate.as_json() | {"frame": frame, "mesh_sha256": _sha256(mesh)}
    kept = _files_of_the_same_mesh(certificate, data)
    places = _Places([] if kept else _of_the_mesh_before(targets))
    with places.stack:
        written = [certificate]
        if surfaces is not None:
            written += _write_surfaces(made, mesh, Path(surfaces), places, carp is not None)
        if vtu is not None:
            write_vtu(mesh, places.of(Path(vtu)))
            written.append(Path(vtu))
        if carp is not None:
            write_opencarp(mesh, places.of(Path(carp)))
            written += targets[-len(EXTENSIONS) :]
        files = {os.path.relpath(file, certificate.parent): file_sha256(places.of(file)) for file in written[1:]}
        text = json.dumps(data | {"files": kept | files}, indent=2, ensure_ascii=False) + "\n"
        places.of(certificate).write_bytes(text.encode("utf-8", "backslashreplace"))
        places.clear()
    return written


@frozen
class _Places:
    """Where to write files first; they move to their places when the stack ends without an error.

    ``stale`` are the files of the mesh before, which go at the same time.
    """

    stale: Collection[Path]
    stack: ExitStack = field(factory=ExitStack, init=False)
    folders: dict[Path, Path] = field(factory=dict, init=False)

    def of(self, path: Path) -> Path:
        folder = path.parent.resolve()
        if folder not in self.folders:
            remove = [one.name for one in self.stale if one.parent == folder]
            self.folders[folder] = self.stack.enter_context(staged(path.parent, remove))
        return self.folders[folder] / path.name

    def clear(self) -> None:
        """Include the folders into which nothing is written now."""
        for path in self.stale:
            self.of(path)


def _write_surfaces(made: MeshedHeart, mesh: Mesh, folder: Path, places: _Places, carp: bool) -> Iterator[Path]:
    """Write the named surfaces with the points of ``mesh``, which is the mesh in the frame that is written."""
    # Found in the frame of the image; in that of the grid, a mirrored image has its triangles the other way round.
    turned = mesh is not made.mesh and np.linalg.det(made.heart.volume.orientation.cosines) < 0
    for one in named_surfaces(made.mesh, made.heart, made.tags):
        triangles = one.triangles[:, ::-1] if turned else one.triangles
        nodes, own = np.unique(triangles, return_inverse=True)
        path = folder / f"{one.name}.vtp"
        rows = own.reshape(-1, 3).astype(np.int32)
        write_vtp(mesh.points[nodes], rows, nodes.astype(np.int32), one.tags, places.of(path))
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
    targets = _targets(vtu, carp, surfaces)
    for target in targets:
        require_output(target, *inputs)
    for folder in {target.parent for target in targets} | ({Path(surfaces)} if surfaces is not None else set()):
        require_folder(folder)


def _targets(
    vtu: str | os.PathLike[str] | None, carp: str | os.PathLike[str] | None, surfaces: str | os.PathLike[str] | None
) -> list[Path]:
    """The certificate and the files of the mesh. Raises :class:`OutputError` for names that are not fit."""
    found: list[Path] = []
    if vtu is not None:
        _require_name(vtu, "heart.vtu")
        if Path(vtu).suffix != ".vtu":
            raise OutputError(f"{name_of(vtu)}: a mesh is written as .vtu; choose a name that ends with .vtu")
        found += [Path(vtu).with_suffix(CERTIFICATE), Path(vtu)]
    if carp is not None:
        _require_name(carp, "heart")
        if Path(carp).suffix in EXTENSIONS:
            raise OutputError(f"{name_of(carp)}: names three files, {', '.join(EXTENSIONS)}; give it without extension")
        path = Path(carp)
        found += [] if found else [path.with_name(f"{path.name}{CERTIFICATE}")]
        found += [path.with_name(f"{path.name}{extension}") for extension in EXTENSIONS]
    if not found:
        raise OutputError("no file for the mesh; give the name of a .vtu, or of openCARP files")
    if surfaces is not None and not os.fspath(surfaces):
        raise OutputError("'': is not the name of a folder; give one such as 'surfaces'")
    for one in found:
        if one.is_dir():
            raise OutputError(f"{name_of(one)}: is a folder; move it, or choose another name")
    if found[0].exists() and _files_of(found[0]) is None:
        raise OutputError(
            f"{name_of(found[0])}: is there, and not a certificate of a mesh; move it, or choose another name"
        )
    return found


def _require_name(path: str | os.PathLike[str], example: str) -> None:
    # Not Path.name, which drops a slash at the end.
    if os.path.basename(os.fspath(path)) in ("", os.curdir, os.pardir, ".vtu"):
        raise OutputError(f"'{name_of(path)}': is not the name of a file; give one such as '{example}'")


def _files_of(certificate: Path) -> dict[str, str] | None:
    """The files that a certificate names, with their hashes; None where it is not a certificate of a mesh."""
    data = _read(certificate)
    files = data.get("files")
    if not data.keys() >= {"verdict", "scaled_jacobian"} or not isinstance(files, dict):
        return None
    return {str(name): str(written) for name, written in files.items()}


def _read(certificate: Path) -> dict[str, Any]:
    try:
        return load_json(certificate, "a certificate of a mesh", _MOST_BYTES)
    except DocumentError:
        return {}


def _files_of_the_same_mesh(certificate: Path, data: dict[str, Any]) -> dict[str, str]:
    """The files that the certificate before names, if all else in it is ``data``."""
    files = (_files_of(certificate) or {}) if certificate.exists() else {}
    if not files or _read(certificate) != json.loads(json.dumps(data | {"files": files})):
        return {}
    return {name: written for name, written in files.items() if (certificate.parent / name).is_file()}


def _of_the_mesh_before(targets: Sequence[Path]) -> list[Path]:
    """The files to remove: those that the certificate before names, and that are not replaced.

    Raises :class:`OutputError` when one was changed since, as a ``.lon`` with fibres is.
    """
    certificate = targets[0]
    files = (_files_of(certificate) or {}) if certificate.exists() else {}
    replaced = {_place(target) for target in targets}
    found = []
    for name, written in files.items():
        path = _place(certificate.parent / name)
        if path in replaced or path.suffix not in _WRITTEN or not path.is_file():
            continue
        if file_sha256(path) != written:
            raise OutputError(
                f"{name_of(certificate.parent / name)}: was written with the mesh that would be replaced, and was"
                " changed since; move it, or choose another name for the mesh"
            )
        found.append(path)
    return found


def _sha256(mesh: Mesh) -> str:
    found = sha256()
    for array in (mesh.points, mesh.tetrahedra, mesh.tags):
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()


def _place(path: Path) -> Path:
    return path.parent.resolve() / path.name
