"""Give commands inputs that were damaged at random, and count what they do.

    python tests/fuzz.py --inputs 5000 [--seed 1] [--kind images]

Accepted is "the same result" as without the damage; "the result of what it says", which is that of the same content,
read by another library and written cleanly; or "refused": exit code 1, one error, and nothing written or changed. Every
command runs in a process of its own, forked from one that has imported everything.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import csv
import hashlib
import io
import itertools
import json
import os
import pickle
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar
from xml.etree import ElementTree

import numpy as np
import SimpleITK as sitk
import yaml
from attrs import frozen
from command_line import contents
from kills import finished, leftovers, warm
from phantom import heart_phantom

from pycemrg_core import load_catalogue
from pycemrg_core.api import LabelScheme, Segment, volume_of, write_image, write_volume
from schematics_builtin.readers import named_extras

KINDS_ALL = ("images", "tables", "yaml", "json", "meshes", "sources")
RECIPE = "left_atrium_with_veins"
SECONDS, BYTES = 60, 6 << 30
EXTREMES = (
    "-1",
    "0",
    "1e309",
    "nan",
    "inf",
    "99999999999999999999",
    "1.5",
    "",
    "0x10",
    "1_0",
    "é",
    "true",
    "[]",
    "010",
)
WORDS = (
    b"\x00",
    b"\xff\xfe",
    b"\n",
    b"\r\n",
    b"\t",
    b";",
    b"=",
    b"'",
    b'"',
    b"{",
    b"]",
    b"&a",
    b"*a",
    b"!!python/object:os.system",
)


# --------------------------------------------------------------------------------------------------- damage


def damaged(data: bytes, draw: random.Random, text: bool) -> bytes:
    """The data with one to three random damages. In a file that is not all text, most are in its first bytes."""
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        data = draw.choice(TEXT if text or draw.random() < 0.6 else BINARY)(data, draw)
    return data


def _where(data: bytes, draw: random.Random) -> int:
    return draw.randrange(len(data) + 1) if draw.random() < 0.3 else draw.randrange(min(len(data), 600) + 1)


def _cut(data: bytes, draw: random.Random) -> bytes:
    return data[: draw.randrange(len(data) + 1)]


def _without(data: bytes, draw: random.Random) -> bytes:
    at = _where(data, draw)
    return data[:at] + data[at + draw.choice((1, 2, 8, 100)) :]


def _flipped(data: bytes, draw: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(draw.choice((1, 1, 4, 32))):
        if changed:
            changed[min(_where(data, draw), len(changed) - 1)] ^= 1 << draw.randrange(8)
    return bytes(changed)


def _inserted(data: bytes, draw: random.Random) -> bytes:
    at = _where(data, draw)
    return data[:at] + draw.choice((draw.choice(WORDS), draw.randbytes(draw.choice((1, 4, 64))))) + data[at:]


def _doubled(data: bytes, draw: random.Random) -> bytes:
    at = _where(data, draw)
    piece = data[at : at + draw.choice((1, 8, 100, 5000))]
    return data[:at] + piece + data[at:]


def _number(data: bytes, draw: random.Random) -> bytes:
    found = [*itertools.islice(re.finditer(rb"-?\d+(\.\d+)?([eE][-+]?\d+)?", data), 400)]
    if not found:
        return _inserted(data, draw)
    one = draw.choice(found)
    return data[: one.start()] + draw.choice(EXTREMES).encode() + data[one.end() :]


def _lines(data: bytes, draw: random.Random) -> bytes:
    lines = data.split(b"\n")
    one, other = draw.randrange(min(len(lines), 60)), draw.randrange(min(len(lines), 60))
    how = draw.randrange(4)
    if how == 0:
        del lines[one]
    elif how == 1:
        lines.insert(other, lines[one])
    elif how == 2:
        lines[one], lines[other] = lines[other], lines[one]
    else:
        lines[one] = lines[one] * draw.choice((2, 1000))
    return b"\n".join(lines)


def _word(data: bytes, draw: random.Random) -> bytes:
    found = [*itertools.islice(re.finditer(rb"[A-Za-z_]{2,}", data), 400)]
    if not found:
        return _flipped(data, draw)
    one, other = draw.choice(found), draw.choice(found)
    new = draw.choice((other[0], one[0].upper(), one[0][::-1], b"", b"no", b"null", b"x" * 300))
    return data[: one.start()] + new + data[one.end() :]


def _encoded(data: bytes, draw: random.Random) -> bytes:
    how = draw.choice(("bom", "utf-16", "crlf", "cr"))
    if how == "bom":
        return b"\xef\xbb\xbf" + data
    if how == "utf-16":
        return data.decode("latin-1").encode("utf-16")
    return data.replace(b"\n", b"\r\n" if how == "crlf" else b"\r")


BINARY = (_cut, _without, _flipped, _inserted, _doubled)
TEXT = (_cut, _without, _flipped, _inserted, _doubled, _number, _number, _lines, _word, _encoded)


# --------------------------------------------------------------------------------------------------- inputs


@frozen
class Seed:
    """An input that a command takes: its file in the folder of the inputs, and the commands, as words.

    In a command, ``{file}`` is the input, ``{out}`` the folder to write to, and ``{in}`` the folder of the inputs.
    """

    kind: str
    file: str
    commands: tuple[str, ...]
    text: bool = True


_IMAGES = (
    "labels volumes {file} --json",
    "labels check {file}",
    "labels detect {file} --json",
    "labels show {file} --json",
    "certify {file} --json -o {out}/c.json",
    "clean {file} --fill-holes --json -o {out}/clean.nrrd",
    "clean {file} --keep-largest-component -o {out}/clean.nii.gz",
    "repair {file} --json -o {out}/repaired.mha",
    f"run {RECIPE} {{file}} -o {{out}}/run --no-check --with picture,itksnap-table",
    f"plan {RECIPE} {{file}} --no-check",
    "compare {file} {in}/other.nrrd --metrics dice,volume_difference --json",
    "measure {file} --metrics volume --json",
    "labels keep {file} LA_BP_label -o {out}/kept.nrrd",
    "labels remap {file} --map 1=51 -o {out}/mapped.inr",
    "augment --labels {file} --pipeline {in}/pipeline.yaml -o {out}/samples --json",
    "voxelise {in}/surface.stl {file} -o {out}/voxels.nrrd --json",
    "sample {in}/surface.stl {file} -o {out}/sampled.vtu --json",
)
_MESHES = (
    "voxelise {file} {in}/heart.nrrd -o {out}/voxels.nrrd --json",
    "sample {file} {in}/heart.nrrd -o {out}/sampled.vtu --json",
)
_LABELS = (
    "labels check {in}/heart.nrrd --labels {file}",
    f"run {RECIPE} {{in}}/heart.nrrd -o {{out}}/run --no-check --labels {{file}}",
)
_FROM = ("labels remap {in}/heart.nrrd --from {file} --to cemrg -o {out}/mapped.nrrd",)

_STRANGE = "--veins keep --accept implausible-size,anatomy,wrong-root,unchecked-alignment,lost-structure"
_SOURCES = (
    "labels show {source} --json",
    "labels keep {source} LA_BP_label LV_BP_label -o {out}/kept.seg.nrrd",
    "labels remap {source} --to mm-whs --drop -o {out}/mapped.nii.gz",
    f"run {RECIPE} {{source}} -o {{out}}/run --no-check",
    f"fuse {{source}} {_STRANGE} -o {{out}}/fused.nii.gz",
    f"fuse {{source}} {{in}}/heart.nrrd@cemrg {_STRANGE} -o {{out}}/fused.nrrd",
    "measure {source} --metrics volume --json",
)


def _sources(file: str, source: str, *, text: bool = False) -> Seed:
    """A source of which a file is damaged."""
    return Seed("sources", file, tuple(one.replace("{source}", f"{{in}}/{source}") for one in _SOURCES), text)


_ENDS = (".nrrd", ".nii", ".nii.gz", ".mha", ".inr", ".vtk", ".gipl")
SEEDS = (
    *(Seed("images", f"heart{end}", _IMAGES, text=False) for end in _ENDS),
    Seed("images", "plain.nrrd", _IMAGES, text=False),
    Seed("images", "plain.mha", _IMAGES, text=False),
    Seed("images", "heart.inr.json", tuple(command.replace("{file}", "{in}/heart.inr") for command in _IMAGES[:4])),
    Seed("tables", "labels.yaml", _LABELS),
    Seed("tables", "labels.csv", (*_LABELS, *_FROM)),
    Seed("tables", "labels.json", (*_LABELS, *_FROM)),
    Seed("tables", "labels.ctbl", _FROM),
    Seed("tables", "labels.label", _FROM),
    Seed("tables", "mapping.csv", ("labels remap {in}/heart.nrrd --table {file} -o {out}/mapped.nrrd",)),
    Seed("yaml", "plugin.yaml", ("list-plugins --check --json --plugin {file}", "describe thin_wall --plugin {file}")),
    Seed("yaml", "plugin.yaml", ("plan thin {in}/heart.nrrd --no-check --plugin {file}",)),
    Seed("yaml", "pipeline.yaml", ("augment --labels {in}/heart.nrrd --pipeline {file} -o {out}/samples --json",)),
    Seed("json", "run/run.json", ("run --again {file} -o {out}/again", "report {in}/run -o {out}/page.html")),
    Seed("json", "run/certificate.json", ("report {in}/run -o {out}/page.html",)),
    Seed(
        "json",
        "kept/steps/progress.json",
        (f"run {RECIPE} {{in}}/heart.nrrd -o {{in}}/kept --resume --no-check",),
    ),
    Seed(
        "json",
        "config/parameters.json",
        (f"run {RECIPE} {{in}}/heart.nrrd -o {{out}}/run --no-check --config {{in}}/config",),
    ),
    Seed(
        "json",
        "config/semantic_maps/la_myocardium.json",
        (f"run {RECIPE} {{in}}/heart.nrrd -o {{out}}/run --no-check --config {{in}}/config",),
    ),
    Seed("json", "cohort/cohort.json", ("cohort report {in}/cohort",)),
    *(Seed("meshes", f"surface{end}", _MESHES, text=False) for end in (".stl", ".ply", ".vtk", ".vtu")),
    Seed("meshes", "plain.vtk", _MESHES),
    _sources("masks/LA_BP.nii.gz", "masks"),
    _sources("named.seg.nrrd", "named.seg.nrrd"),
    _sources("named.table.nii", "named.table.nii"),
    _sources("nnunet/dataset.json", "nnunet/case.nii.gz", text=True),
    _sources("snap/heart.label", "snap/heart.nii.gz", text=True),
    _sources("dicom/heart.dcm", "dicom"),
    Seed("meshes", "volume.elem", _MESHES),
    Seed("meshes", "volume.pts", tuple(command.replace("{file}", "{in}/volume.elem") for command in _MESHES)),
)

_PLUGIN = """
schematics:
  thin_wall:
    step: create
    labels: {LA_BP_label: 4, Thin_label: 77}
    parameters: {thin_WT: 1.6}
    semantic_map:
      SOURCE_BLOOD_POOL_NAME: LA_BP_label
      TARGET_MYOCARDIUM_NAME: Thin_label
      WALL_THICKNESS_PARAMETER_NAME: thin_WT
      APPLICATION_STEPS: [{MODE: ADD, RULE_LABEL_NAMES: []}]
recipes:
  thin: {summary: a thin wall, steps: [thin_wall]}
"""


def make_inputs(folder: Path) -> None:
    """Write one good input of every kind."""
    import pyvista as pv

    heart = heart_phantom(32, (1.6, 1.6, 1.6))
    for end in _ENDS:
        write_image(heart, folder / f"heart{end}")
    for end in (".nrrd", ".mha"):
        sitk.WriteImage(heart, str(folder / f"plain{end}"), useCompression=False)
    write_image(heart_phantom(32, (1.6, 1.6, 1.6)), folder / "other.nrrd")
    table = {name: value for name, value in load_catalogue().get(LabelScheme, "cemrg").labels.items() if value < 15}
    (folder / "labels.yaml").write_text(yaml.safe_dump({"labels": table}), encoding="utf-8")
    (folder / "labels.json").write_text(json.dumps(table), encoding="utf-8")
    rows = "".join(f"{value},{name}\n" for name, value in table.items())
    (folder / "labels.csv").write_text(f"value,name\n{rows}", encoding="utf-8")
    slicer = "".join(f"{value} {name} {10 * value} 10 20 255\n" for name, value in table.items())
    (folder / "labels.ctbl").write_text(f"# Color table file\n0 background 0 0 0 0\n{slicer}", encoding="utf-8")
    snap = "".join(f'{value} {10 * value} 10 20 1 1 1 "{name}"\n' for name, value in table.items())
    (folder / "labels.label").write_text(f"# ITK-SnAP Label Description File\n{snap}", encoding="utf-8")
    _make_sources(folder, {value: name.removesuffix("_label") for name, value in table.items()})
    (folder / "mapping.csv").write_text("source,target\n1,51\n4,54\n", encoding="utf-8")
    (folder / "plugin.yaml").write_text(_PLUGIN, encoding="utf-8")
    (folder / "pipeline.yaml").write_text("- flip: {}\n- elastic: {}\n  probability: 0.5\n", encoding="utf-8")
    pv.Sphere(radius=12, center=(24, 24, 24)).save(folder / "surface.stl")
    mesh = pv.Sphere(radius=12, center=(24, 24, 24), theta_resolution=12, phi_resolution=12)
    mesh = pv.PolyData(mesh.points, faces=mesh.faces)  # without normals, which meshio does not read
    grid = pv.UnstructuredGrid(mesh.faces, [5] * mesh.n_cells, mesh.points)
    for end in (".ply", ".vtk", ".vtu"):
        (mesh if end == ".ply" else grid).save(folder / f"surface{end}")
    grid.save(folder / "plain.vtk", binary=False)
    points = [(10, 10, 10), (30, 10, 10), (10, 30, 10), (10, 10, 30), (30, 30, 30)]
    (folder / "volume.pts").write_text("5\n" + "".join(f"{x} {y} {z}\n" for x, y, z in points), encoding="ascii")
    (folder / "volume.elem").write_text("2\nTt 0 1 2 3 1\nTt 1 2 3 4 2\n", encoding="ascii")
    image = str(folder / "heart.nrrd")
    for command in (
        ["run", RECIPE, image, "-o", str(folder / "run"), "--no-check", "--with", "certificate"],
        ["run", RECIPE, image, "-o", str(folder / "kept"), "--no-check", "--keep-steps"],
        ["init", str(folder / "config"), "--recipe", RECIPE],
        ["cohort", "run", RECIPE, image, "-o", str(folder / "cohort"), "--no-check", "--workers", "1"],
    ):
        code, said = finished(command)
        assert code in (0, 1), said
        assert "Traceback" not in said, said
    for name in ("run.json", "heart.nrrd"):
        (folder / "kept" / name).unlink()


def _make_sources(folder: Path, names: dict[int, str]) -> None:
    """The heart as a folder of masks, as 3D Slicer, TotalSegmentator and nnU-Net write it, and as DICOM-SEG."""
    sys.path.append(str(Path(__file__).parent.parent / "plugins" / "pycemrg-dicom" / "tests"))
    import dicom_files

    heart = volume_of(heart_phantom(32, (1.6, 1.6, 1.6)))
    for name in ("masks", "nnunet", "snap", "dicom"):
        (folder / name).mkdir()
    for value, name in names.items():
        if value in heart.boxes and value < 8:
            mask = heart.with_array((heart.array == value).astype(np.uint8))
            write_volume(mask, folder / "masks" / f"{name}.nii.gz")
    segments = [Segment(value=value, name=name, colour="#102030") for value, name in names.items()]
    for name in ("named.seg.nrrd", "named.table.nii"):
        write_volume(heart, folder / name, named_extras(name, heart, segments))
    for name in ("nnunet/case.nii.gz", "snap/heart.nii.gz"):
        write_volume(heart, folder / name)
    labels = {"background": 0, **{name: value for value, name in names.items()}}
    (folder / "nnunet" / "dataset.json").write_text(json.dumps({"labels": labels}, indent=1), encoding="utf-8")
    shutil.copy(folder / "labels.label", folder / "snap" / "heart.label")
    dicom_files.ORIGIN = heart.origin
    dicom_files.ACROSS, dicom_files.DOWN, dicom_files.UP = np.eye(3)
    series = dicom_files.series(folder / "scan", heart.array.shape, spacing=heart.spacing)
    masks = np.stack([heart.array == value for value in range(1, 8)], axis=-1)
    segments = [dicom_files.described(value, names[value]) for value in range(1, 8)]
    dicom_files.segmentation(folder / "dicom" / "heart.dcm", series, masks.astype(np.uint8), segments)


# --------------------------------------------------------------------------------------------------- running


@frozen
class Done:
    """What a command did: its exit code, its texts, the files it wrote, and whether it crashed or did not end."""

    code: int | None
    out: str
    err: str
    crash: str = ""


def called(command: list[str]) -> Done:
    """Run a command in a forked process, with limits."""
    read, write = os.pipe()
    if pid := os.fork():
        os.close(write)
        with os.fdopen(read, "rb") as pipe:
            data = pipe.read()
        _, status = os.waitpid(pid, 0)
        if data:
            done: Done = pickle.loads(data)
            return done
        code = os.waitstatus_to_exitcode(status)
        return Done(None, "", "", "does not end" if -code == signal.SIGALRM else f"the process died: {code}")
    try:
        os.close(read)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(SECONDS)
        resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        done = _invoked(command)
        with os.fdopen(write, "wb") as pipe:
            pipe.write(pickle.dumps(done))
    finally:
        os._exit(0)


def _invoked(command: list[str]) -> Done:
    from click.testing import CliRunner

    from pycemrg_core.cli import main

    result = CliRunner().invoke(main, command)
    crash = ""
    if result.exception and not isinstance(result.exception, SystemExit):
        crash = "".join(traceback.format_exception(result.exception))[-3000:]
    return Done(result.exit_code, result.stdout, result.stderr, crash)


# --------------------------------------------------------------------------------------------------- judging


def digest(root: Path) -> dict[str, Any]:
    """What a command wrote, without what says when, where and from which file."""
    found: dict[str, Any] = {}
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        name = path.relative_to(root).as_posix()
        if path.suffix in (".nrrd", ".mha", ".inr", ".gz", ".nii", ".gipl"):
            # The header of an .inr holds the voxel size in full, the file next to it too.
            found[name] = _voxels(path) if path.suffix != ".inr" else path.read_bytes().partition(b"##}\n")[2]
        elif path.suffix == ".json":
            data = _nameless(json.loads(path.read_text(encoding="utf-8")))
            found[name] = re.sub(r"\d+\.\d{5,}", lambda number: f"{float(number[0]):.4f}", str(data))
        elif path.suffix in (".html", ".png", ".vtu"):
            found[name] = ""
        else:
            found[name] = path.read_bytes()
    return found


def _voxels(path: Path) -> Any:
    image = sitk.ReadImage(str(path))
    voxels = hashlib.sha256(sitk.GetArrayFromImage(image).tobytes()).hexdigest()
    place = np.round([*image.GetSpacing(), *image.GetOrigin(), *image.GetDirection()], 4).tolist()
    return voxels, place


def _nameless(data: Any) -> Any:
    if isinstance(data, dict):
        hidden = ("seconds", "name", "path", "sha256", "warnings", "notes", "input", "distribution", "version")
        return {key: _nameless(value) for key, value in data.items() if key not in hidden}
    if isinstance(data, str):
        return re.sub(r"/\S*/", "", data)
    return [_nameless(one) for one in data] if isinstance(data, list) else data


def _said(text: str, names: tuple[str, ...]) -> str:
    for name in names:
        text = text.replace(name, "INPUT")
    return re.sub(r" +", " ", re.sub(r"[0-9a-f]{12,64}|\d+\.\d+ s", "", text))


def cleaned(seed: Seed, file: Path, target: Path) -> Path | None:
    """The content of a damaged input, read by another library and written cleanly; None if that cannot read it."""
    if pid := os.fork():  # some libraries crash, or end the process
        _, status = os.waitpid(pid, 0)
        made = [*target.iterdir()]
        return made[0] if os.waitstatus_to_exitcode(status) == 0 and made else None
    try:
        signal.alarm(SECONDS)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        _CLEANERS[file.name[file.name.index(".") :]](file, target)
        os._exit(0)
    finally:
        os._exit(1)


def _text(file: Path) -> str:
    data = file.read_bytes()
    return data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")


def _clean_image(file: Path, target: Path) -> Path:
    path = target / f"{file.name.partition('.')[0]}.nrrd"
    sitk.WriteImage(sitk.ReadImage(str(file)), str(path))
    return path


def _clean_nifti(file: Path, target: Path) -> Path:
    import nibabel

    loaded = nibabel.load(file)
    path = target / file.name
    data = np.asarray(loaded.dataobj)
    nibabel.Nifti1Image(data.reshape(data.shape[:3]), loaded.affine).to_filename(path)
    return path


def _clean_nrrd(file: Path, target: Path) -> Path:
    import nrrd

    nrrd.read(str(file))
    return _clean_image(file, target)


def _clean_segmentation(file: Path, target: Path) -> Path:
    import nrrd

    data, header = nrrd.read(str(file))
    nrrd.write(str(target / file.name), data, header)
    return target / file.name


def _clean_named(file: Path, target: Path) -> Path:
    """The image with its label table, of which the XML is written again."""
    import nibabel

    loaded = nibabel.load(file)
    data = np.asarray(loaded.dataobj)
    image = nibabel.Nifti1Image(data.reshape(data.shape[:3]), loaded.affine)
    for one in loaded.header.extensions:
        text = ElementTree.tostring(ElementTree.fromstring(one.get_content().rstrip(b"\0")))
        image.header.extensions.append(nibabel.nifti1.Nifti1Extension(one.get_code(), text))
    image.to_filename(target / file.name)
    return target / file.name


def _clean_dicom(file: Path, target: Path) -> Path:
    import pydicom

    pydicom.dcmread(file).save_as(target / file.name)
    return target / file.name


class _Plain(yaml.SafeLoader):
    """YAML in which ``no`` and ``on`` are words, as in its version 1.2."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {
        first: [(tag, pattern) for tag, pattern in found if not tag.endswith(":bool") or first in "tTfF"]
        for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _clean_yaml(file: Path, target: Path) -> Path:
    path = target / file.name
    path.write_text(yaml.safe_dump(yaml.load(_text(file), _Plain), sort_keys=False), encoding="utf-8")
    return path


def _clean_json(file: Path, target: Path) -> Path:
    path = target / file.name
    path.write_text(json.dumps(json.loads(_text(file))), encoding="utf-8")
    return path


def _clean_csv(file: Path, target: Path) -> Path:
    path = target / file.name
    text = _text(file)
    rows = csv.reader(io.StringIO(text), delimiter=";" if ";" in text else ",")
    with path.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows(row for row in rows if row and not row[0].startswith("#"))
    return path


def _clean_mesh(file: Path, target: Path) -> Path:
    import meshio

    path = target / file.name
    path.write_bytes(file.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    mesh = meshio.read(path)
    mesh.points = np.asarray(mesh.points, np.float64)
    meshio.write(path, mesh)
    return path


def _clean_inr(file: Path, target: Path) -> Path:
    data = file.read_bytes()
    head, _, _ = data.partition(b"##}\n")
    fields = dict(line.split("=", 1) for line in head.decode("latin-1").splitlines() if "=" in line)
    size = [int(fields[f"{axis}DIM"]) for axis in "XYZ"]
    dtype = np.dtype(f"{'u' if fields['TYPE'].startswith('unsigned') else 'i'}{int(fields['PIXSIZE'].split()[0]) // 8}")
    voxels = np.frombuffer(data[len(head) + 4 :], dtype)
    image = sitk.GetImageFromArray(voxels.reshape(size[::-1]))
    image.SetSpacing([float(fields[f"V{axis}"]) for axis in "XYZ"])
    path = target / "heart.nrrd"
    sitk.WriteImage(image, str(path))
    return path


def _clean_points(file: Path, target: Path) -> Path:
    count, *rows = _text(file).split("\n")
    points = [[float(cell) for cell in row.split()] for row in rows if row.strip()]
    if int(count) != len(points) or any(len(point) != 3 for point in points):
        raise ValueError
    path = target / file.name
    path.write_text(f"{len(points)}\n" + "".join(f"{x!r} {y!r} {z!r}\n" for x, y, z in points), encoding="ascii")
    return path


def _clean_elements(file: Path, target: Path) -> Path:
    count, *rows = _text(file).split("\n")
    cells = [row.split() for row in rows if row.strip()]
    if int(count) != len(cells) or any(cell[0] != "Tt" or len(cell) not in (5, 6) for cell in cells):
        raise ValueError
    path = target / file.name
    lines = [" ".join(["Tt", *(str(int(number)) for number in cell[1:])]) for cell in cells]
    path.write_text("\n".join([str(len(lines)), *lines, ""]), encoding="ascii")
    return path


def _clean_label_table(file: Path, target: Path) -> Path:
    path = target / file.name
    lines = [line.split() for line in _text(file).splitlines()]
    rows = [cells for cells in lines if cells and not cells[0].startswith("#")]
    for cells in rows:
        _ = [int(cell) for cell in cells if not cell[0].isalpha() and cell[0] != '"'][:4]
    path.write_text("".join(f"{' '.join(cells)}\n" for cells in rows), encoding="utf-8")
    return path


_CLEANERS: dict[str, Callable[[Path, Path], Path]] = {
    ".nrrd": _clean_nrrd,
    ".seg.nrrd": _clean_segmentation,
    ".table.nii": _clean_named,
    ".dcm": _clean_dicom,
    ".inr": _clean_inr,
    ".inr.json": _clean_json,
    ".mha": _clean_image,
    ".nii": _clean_nifti,
    ".nii.gz": _clean_nifti,
    ".yaml": _clean_yaml,
    ".json": _clean_json,
    ".csv": _clean_csv,
    ".stl": _clean_mesh,
    ".ply": _clean_mesh,
    ".vtk": _clean_mesh,
    ".vtu": _clean_mesh,
    ".pts": _clean_points,
    ".elem": _clean_elements,
    ".ctbl": _clean_label_table,
    ".label": _clean_label_table,
}


class Fuzz:
    """The inputs, and what the commands do with them when they are whole."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.inputs = place / "in"
        self.inputs.mkdir()
        for name in ("run", "repair", "report", "augment", "cohort"):
            warm(name)
        _warm_more()
        make_inputs(self.inputs)
        self._whole: dict[str, tuple[Any, ...]] = {}

    def words(self, command: str, file: Path, inputs: Path, out: Path) -> list[str]:
        return [word.format_map({"file": file, "in": inputs, "out": out}) for word in command.split()]

    def survey(self, inputs: int, seed: int, kinds: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
        """The outcome of each damaged input."""
        draw = random.Random(seed)
        for number in range(inputs):
            yield self.one(number, random.Random(draw.random()), kinds)

    def one(self, number: int, draw: random.Random, kinds: tuple[str, ...]) -> tuple[str, str, str]:
        """The kind, the outcome and what to look at, of one damaged input."""
        seed = draw.choice([one for one in SEEDS if one.kind in kinds])
        command = draw.choice(seed.commands)
        room = self.place / f"room{number}"
        shutil.copytree(self.inputs, room / "in", copy_function=os.link)
        file = room / "in" / seed.file
        data = file.read_bytes()
        file.unlink()
        file.write_bytes(bad := damaged(data, draw, seed.text))
        outcome, told = self._outcome(seed, command, room)
        shutil.rmtree(room, ignore_errors=True)
        at = next((at for at, (one, other) in enumerate(zip(data, bad, strict=False)) if one != other), len(data))
        around = f"of {len(data)} bytes, from {at}: {data[at : at + 40]!r} became {bad[at : at + 40]!r}"
        return seed.kind, outcome, f"{seed.file}: {command}\n{around}\n{told}"

    def _outcome(self, seed: Seed, command: str, room: Path) -> tuple[str, str]:
        before = contents(room / "in")
        done, found = self._run(command, room / "in" / seed.file, room / "in", room / "out")
        told = f"{room}\nexit {done.code}\n{done.out[-300:]}\n{done.err[-800:]}\n{done.crash}"
        if done.crash:
            return "crash", told
        if left := leftovers(room):
            return "leftovers", f"{left}\n{told}"
        writes_there = "{in}/kept" in command or "cohort report" in command
        if not writes_there and contents(room / "in") != before:
            return "an input has changed", told
        whole = self._as_whole(seed, command)
        if found == whole:
            return "the same result", told
        untouched = not found[2] and contents(room / "in") == before
        if done.code == 1 and untouched and (_is_refusal(done.err) or command.startswith("list-plugins")):
            return "refused", told
        if done.code == 2:
            return "wrong usage", told
        clean = room / "clean"
        clean.mkdir()
        meant = cleaned(seed, room / "in" / seed.file, clean)
        if meant is None:
            return "accepted, and no other library reads it", told
        shutil.copytree(self.inputs, room / "meant", copy_function=os.link)
        (room / "meant" / seed.file).unlink()
        target = (room / "meant" / seed.file).with_name(meant.name)
        target.unlink(missing_ok=True)  # never write into a file that is linked to the others
        shutil.copy(meant, target)
        _, expected = self._run(command, target, room / "meant", room / "expected")
        if found == expected:
            return "the result of what it says", told
        return "another result", f"{told}\nexpected {str(expected)[:600]}\nfound {str(found)[:600]}"

    def _run(self, command: str, file: Path, inputs: Path, out: Path) -> tuple[Done, tuple[Any, ...]]:
        out.mkdir()
        done = called(self.words(command, file, inputs, out))
        text = done.out
        with contextlib.suppress(ValueError):
            text = str(_nameless(json.loads(text)))
        shown = _said(text, (str(file), str(out), str(inputs), file.name, *_STEMS))
        return done, (done.code, shown, digest(out))

    def _as_whole(self, seed: Seed, command: str) -> tuple[Any, ...]:
        key = f"{seed.file} {command}"
        if key not in self._whole:
            with tempfile.TemporaryDirectory(dir=self.place) as place:
                room = Path(place)
                shutil.copytree(self.inputs, room / "in", copy_function=os.link)
                done, found = self._run(command, room / "in" / seed.file, room / "in", room / "out")
                assert not done.crash, f"{key}\n{done.crash}"
                assert found[2] or done.code == 0 or "verdict" in done.out or "check" in command, f"{key}\n{done.err}"
                self._whole[key] = found
        return self._whole[key]


_STEMS = ("heart", "plain", "surface", "volume", "labels", "mapping", "plugin")
BAD = ("crash", "leftovers", "an input has changed", "wrong usage", "another result")
BAD = (*BAD, "accepted, and no other library reads it")


def _is_refusal(text: str) -> bool:
    """One error: a line that begins with ``error:``, perhaps with numbered reasons; notes may come before it."""
    lines = text.splitlines()
    errors = [at for at, line in enumerate(lines) if line.startswith("error: ")]
    if len(errors) != 1:
        return False
    before, after = lines[: errors[0]], lines[errors[0] + 1 :]
    return all(re.match(r"(note|warning|left out): |ERROR:root:|  ", line) for line in before) and all(
        re.match(r"  +\S", line) for line in after
    )


def _warm_more() -> None:
    import importlib

    for module in (
        "meshio", "nibabel", "nrrd", "pyvista", "click.testing", "pycemrg_spatial.voxels", "pycemrg_spatial.sampling",
        "pycemrg_metrics.choices", "pycemrg_report.report", "pycemrg_cohort.report.page", "pycemrg_augment.pipelines",
        "schematics_builtin.certificate.repairing", "schematics_builtin.fusing.fusing",
        "pycemrg_dicom.segmentations", "pycemrg_core.runs.replay", "PIL.Image", "scipy.ndimage",
    ):  # fmt: skip
        with contextlib.suppress(ImportError):
            importlib.import_module(module)


def survey(inputs: int, seed: int, kinds: tuple[str, ...] = KINDS_ALL) -> Iterator[tuple[str, str, str]]:
    """The outcome of each damaged input."""
    with tempfile.TemporaryDirectory(prefix="fuzz") as place:
        yield from Fuzz(Path(place)).survey(inputs, seed, kinds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--inputs", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", choices=KINDS_ALL, action="append")
    given = parser.parse_args()
    counts: collections.Counter[tuple[str, str]] = collections.Counter()
    for kind, outcome, told in survey(given.inputs, given.seed, tuple(given.kind or KINDS_ALL)):
        counts[kind, outcome] += 1
        if outcome in BAD:
            print(f"--- {outcome}: {told}", file=sys.stderr, flush=True)
    for (kind, outcome), count in sorted(counts.items()):
        print(f"{count:5} {kind:8} {outcome}")
