"""Write a mesh with its certificate, and its surfaces: all of a folder's files, or none."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from attrs import field, frozen

from pycemrg_core.api import OutputError, file_sha256, name_of
from pycemrg_core.cli.kit import require_folder, require_output, staged
from pycemrg_mesh.earlier import CERTIFICATE, Earlier, earlier, earlier_in, place, text_of
from pycemrg_mesh.files.opencarp import EXTENSIONS, write_opencarp, write_surf
from pycemrg_mesh.files.vtk_xml import write_vtp, write_vtu
from pycemrg_mesh.mesh import Mesh
from pycemrg_mesh.meshing import MeshedHeart
from pycemrg_mesh.named import named_surfaces

Frame = Literal["world", "inr"]

_WRITTEN = {".vtu", ".vtp", ".surf", *EXTENSIONS}


@frozen
class Written:
    """What writing a mesh did to files.

    ``files`` were written, the certificate first. ``removed`` were files of the mesh before. ``parted`` are the
    certificates of other meshes that no longer name a file, because it is of the new mesh now.
    """

    files: tuple[Path, ...]
    removed: tuple[Path, ...]
    parted: tuple[Path, ...]


def write_mesh(
    made: MeshedHeart,
    vtu: str | os.PathLike[str] | None = None,
    *,
    carp: str | os.PathLike[str] | None = None,
    surfaces: str | os.PathLike[str] | None = None,
    frame: Frame = "world",
    told: Callable[[str], None] = lambda text: None,
) -> Written:
    """Write a mesh as ``vtu``, and as openCARP files of the name ``carp``; return what was written and removed.

    The certificate is ``NAME.mesh.json``, with the name of the ``.vtu`` and beside it, or else with that of ``carp``.
    ``surfaces`` is a folder for the named surfaces: ``.vtp``, and ``.surf`` where there are openCARP files. ``frame``
    is ``world``, the frame of the image, or ``inr``, where a point is index times spacing. A file that is there is
    replaced only by a whole new one. Other files that the certificate before names are kept if they are of the same
    mesh, or else removed; certificates of other meshes no longer name what was replaced. Raises :class:`OutputError`
    when a name or the frame is not fit, a file to replace or remove was changed since it was written with a mesh, or a
    file cannot be written.
    """
    if frame not in get_args(Frame):
        raise OutputError(f"no frame is called {frame!r}; give one of {', '.join(get_args(Frame))}")
    targets = _targets(vtu, carp, surfaces)
    certificate = targets[0]
    mesh = made.mesh if frame == "world" else made.mesh.in_grid_frame(made.heart.volume)
    told("writing")
    data = made.certificate.as_json() | {"frame": frame, "mesh_sha256": _sha256(mesh)}
    before = earlier(certificate)
    kept, stale = _of_the_mesh_before(before, before is not None and before.is_of(data))
    places = _Places()
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
        places.write(certificate, text_of(data | {"files": kept | files}))
        replaced = {*map(place, written)}
        removed = [path for path in stale if place(path) not in replaced]
        others = _others(targets, surfaces)
        for one in (*others, *([before] if before else [])):
            one.require_unchanged([*written, *removed])
        new_files = {place(certificate.parent / name): written for name, written in files.items()}
        parted = _part(others, new_files, data["mesh_sha256"], removed, places)
        places.remove(removed)
    return Written((*written,), (*removed,), (*parted,))


@frozen
class _Places:
    """Where to write files first; they move to their places, and others go, when the stack ends without an error."""

    stack: ExitStack = field(factory=ExitStack, init=False)
    folders: dict[Path, Path] = field(factory=dict, init=False)
    stale: list[Path] = field(factory=list, init=False)

    def of(self, path: Path) -> Path:
        folder = path.parent.resolve()
        if folder not in self.folders:
            gone = (one.name for one in self.stale if one.parent == folder)  # read when the stack ends
            self.folders[folder] = self.stack.enter_context(staged(path.parent, gone))
        return self.folders[folder] / path.name

    def write(self, path: Path, text: str) -> None:
        self.of(path).write_bytes(text.encode("utf-8", "backslashreplace"))

    def remove(self, paths: Sequence[Path]) -> None:
        for path in map(place, paths):
            self.stale.append(path)
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
    for one in (*_others(targets, surfaces), earlier(targets[0])):
        if one is not None:
            one.require_unchanged(targets)


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
    # No file is there yet that could be refused as a folder.
    parts = [*found, *([Path(surfaces) / "*"] if surfaces is not None else [])]
    folders = {folder for one in parts for folder in place(one).parents}
    for one in found:
        if place(one) in folders:
            raise OutputError(f"{name_of(one)}: cannot be a file and a folder at once; choose another name for one")
        if one.is_dir():
            raise OutputError(f"{name_of(one)}: is a folder; move it, or choose another name")
    if found[0].exists() and earlier(found[0]) is None:
        raise OutputError(
            f"{name_of(found[0])}: is there, and not a certificate of a mesh; move it, or choose another name"
        )
    return found


def _require_name(path: str | os.PathLike[str], example: str) -> None:
    # Not Path.name, which drops a slash at the end.
    if os.path.basename(os.fspath(path)) in ("", os.curdir, os.pardir, ".vtu"):
        raise OutputError(f"'{name_of(path)}': is not the name of a file; give one such as '{example}'")


def _of_the_mesh_before(before: Earlier | None, same: bool) -> tuple[dict[str, str], list[Path]]:
    """The files that the certificate before names: those to name again, with their hashes, and those to remove."""
    if before is None:
        return {}, []
    if same:
        return {name: written for name, written in before.files.items() if before.named(name).is_file()}, []
    paths = map(before.named, before.files)
    return {}, [path for path in paths if path.suffix in _WRITTEN and path.is_file()]


def _others(targets: Sequence[Path], surfaces: str | os.PathLike[str] | None) -> list[Earlier]:
    """The certificates of other meshes, where they can be expected: beside the files, and beside their folder."""
    folders = {target.parent for target in targets}
    folders |= {Path(surfaces), Path(surfaces).parent} if surfaces is not None else set()
    return [one for one in earlier_in(sorted(folders)) if place(one.path) != place(targets[0])]


def _part(
    others: Sequence[Earlier], new: Mapping[Path, str], mesh: str, removed: list[Path], places: _Places
) -> list[Path]:
    """Take from the certificates of other meshes the files that are replaced or removed; return those that change.

    ``new`` are the files written, with their hashes, of the mesh with the hash ``mesh``. A certificate that would name
    no file is added to ``removed`` instead.
    """
    gone, parted = {*map(place, removed)}, []
    for one in others:
        same = one.data.get("mesh_sha256") == mesh
        names = set()
        for name, written in one.files.items():
            path = place(one.named(name))
            if path in gone or (path in new and not (same and new[path] == written)):
                names.add(name)
        if not names:
            continue
        if text := one.without(names):
            places.write(one.path, text)
            parted.append(one.path)
        else:
            removed.append(one.path)
    return parted


def _sha256(mesh: Mesh) -> str:
    found = sha256()
    for array in (mesh.points, mesh.tetrahedra, mesh.tags):
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()
