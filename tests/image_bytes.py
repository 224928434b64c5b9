"""Image files made byte by byte, with no library, and one file for each layout that the formats have."""

from __future__ import annotations

import bz2
import gzip
import re
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from attrs import evolve, field, frozen

Fields = list[tuple[str, str]]

SMALL = np.zeros((2, 3, 4), np.uint16)
SMALL[0, 1, 1:3], SMALL[1, :, 2], SMALL[1, 2, 3] = 1, 2, 3
"""Labels 0 to 3 in 4 x 3 x 2 voxels of 16 bits."""

NIFTI_FIELDS = {
    "sizeof_hdr": (0, "i"),
    **{f"dim[{index}]": (40 + 2 * index, "h") for index in range(8)},
    "datatype": (70, "h"),
    "bitpix": (72, "h"),
    **{f"pixdim[{index}]": (76 + 4 * index, "f") for index in range(8)},
    "vox_offset": (108, "f"),
    "scl_slope": (112, "f"),
    "scl_inter": (116, "f"),
    "xyzt_units": (123, "b"),
    "qform_code": (252, "h"),
    "sform_code": (254, "h"),
    **{f"quatern_{letter}": (256 + 4 * index, "f") for index, letter in enumerate("bcd")},
    **{f"qoffset_{letter}": (268 + 4 * index, "f") for index, letter in enumerate("xyz")},
    **{
        f"srow_{axis}[{index}]": (280 + 16 * row + 4 * index, "f")
        for row, axis in enumerate("xyz")
        for index in range(4)
    },
    "magic": (344, "i"),
    "extension": (348, "i"),
}


@frozen
class Layout:
    """A file of one layout: its fields in order, its data, and the other files that it names."""

    name: str
    fields: Fields
    data: bytes
    join: Callable[[Fields, bytes], bytes]
    beside: dict[str, bytes] = field(factory=dict)

    def content(self) -> bytes:
        return self.join(self.fields, self.data)

    def having(self, **changes: str | None) -> Layout:
        """The same with some fields changed, added before the last, or removed; ``_`` stands for a blank."""
        wanted = {key.replace("_", " "): value for key, value in changes.items()}
        fields = [(key, wanted.pop(key) if key in wanted else value) for key, value in self.fields]
        added: list[tuple[str, str | None]] = list(wanted.items())
        return evolve(
            self, fields=[(key, value) for key, value in [*fields[:-1], *added, fields[-1]] if value is not None]
        )


def raw(array: np.ndarray[Any, Any], order: str = "<") -> bytes:
    return array.astype(array.dtype.newbyteorder(order)).tobytes()


def nrrd(array: np.ndarray[Any, Any] = SMALL, encoding: str = "raw", data: bytes | None = None) -> Layout:
    """An attached NRRD file of a (z, y, x) array."""
    packed = {"gzip": gzip.compress, "bzip2": bz2.compress}.get(encoding, bytes)
    fields = [
        ("type", array.dtype.name),
        ("dimension", "3"),
        ("space", "left-posterior-superior"),
        ("sizes", " ".join(map(str, array.shape[::-1]))),
        ("space directions", "(0.5,0,0) (0,0.25,0) (0,0,2)"),
        ("space origin", "(5,6,7)"),
        ("kinds", "domain domain domain"),
        ("space units", '"mm" "mm" "mm"'),
        ("endian", "little"),
        ("encoding", encoding),
    ]
    return Layout(f"{encoding}.nrrd", fields, packed(raw(array)) if data is None else data, _join_nrrd)


def _join_nrrd(fields: Fields, data: bytes) -> bytes:
    head = "NRRD0005\n# made by hand\n" + "".join(f"{key}: {value}\n" for key, value in fields)
    return head.encode("utf-8", "surrogateescape") + b"\n" + data


def meta(array: np.ndarray[Any, Any] = SMALL, packed: bool = False, file: str = "LOCAL") -> Layout:
    """A MetaImage file of a (z, y, x) array."""
    kind = {"uint8": "MET_UCHAR", "uint16": "MET_USHORT", "float32": "MET_FLOAT"}[array.dtype.name]
    data = zlib.compress(raw(array)) if packed else raw(array)
    fields = [
        ("ObjectType", "Image"),
        ("NDims", "3"),
        ("BinaryData", "True"),
        ("BinaryDataByteOrderMSB", "False"),
        ("CompressedData", str(packed)),
        *([("CompressedDataSize", str(len(data)))] if packed else []),
        ("TransformMatrix", "1 0 0 0 1 0 0 0 1"),
        ("Offset", "5 6 7"),
        ("CenterOfRotation", "0 0 0"),
        ("DistanceUnits", "mm"),
        ("ElementSpacing", "0.5 0.25 2"),
        ("DimSize", " ".join(map(str, array.shape[::-1]))),
        ("ElementType", kind),
        ("ElementDataFile", file),
    ]
    return Layout("packed.mha" if packed else "raw.mha", fields, data, _join_meta)


def _join_meta(fields: Fields, data: bytes) -> bytes:
    return "".join(f"{key} = {value}\n" for key, value in fields).encode("utf-8", "surrogateescape") + data


def inr(array: np.ndarray[Any, Any] = SMALL) -> Layout:
    """An INRIA file of a (z, y, x) array of unsigned integers."""
    depth, height, width = array.shape
    fields = [
        ("XDIM", str(width)),
        ("YDIM", str(height)),
        ("ZDIM", str(depth)),
        ("VDIM", "1"),
        ("TYPE", "unsigned fixed"),
        ("PIXSIZE", f"{array.dtype.itemsize * 8} bits"),
        ("SCALE", "2**0"),
        ("CPU", "decm"),
        ("VX", "0.5"),
        ("VY", "0.25"),
        ("VZ", "2"),
    ]
    return Layout("raw.inr", fields, raw(array), _join_inr)


def _join_inr(fields: Fields, data: bytes) -> bytes:
    head = ("#INRIMAGE-4#{\n" + "".join(f"{key}={value}\n" for key, value in fields)).encode("utf-8", "surrogateescape")
    return head + b"\n" * (-(len(head) + 4) % 256) + b"##}\n" + data


def vtk(array: np.ndarray[Any, Any] = SMALL, text: bool = False) -> Layout:
    """A legacy VTK image of a (z, y, x) array."""
    kind = {"uint8": "unsigned_char", "uint16": "unsigned_short", "float32": "float"}[array.dtype.name]
    fields = [
        ("# vtk DataFile Version", "3.0"),
        ("", "made by hand"),
        ("", "ASCII" if text else "BINARY"),
        ("DATASET", "STRUCTURED_POINTS"),
        ("DIMENSIONS", " ".join(map(str, array.shape[::-1]))),
        ("SPACING", "0.5 0.25 2"),
        ("ORIGIN", "5 6 7"),
        ("POINT_DATA", str(array.size)),
        ("SCALARS", f"labels {kind} 1"),
        ("LOOKUP_TABLE", "default"),
    ]
    data = "  ".join(map(str, array.ravel())).encode() if text else raw(array, ">")
    return Layout("text.vtk" if text else "raw.vtk", fields, data + b"\n", _join_vtk)


def _join_vtk(fields: Fields, data: bytes) -> bytes:
    lines = (f"{key} {value}".strip(" ") if key else value for key, value in fields)
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape") + data


GIPL_FIELDS = {
    **{f"dim[{index}]": (2 * index, "H") for index in range(4)},
    "type": (8, "H"),
    **{f"pixdim[{index}]": (10 + 4 * index, "f") for index in range(4)},
    **{f"matrix[{index}]": (106 + 4 * index, "f") for index in range(20)},
    **{f"origin[{index}]": (204 + 8 * index, "d") for index in range(4)},
    "offset": (236, "f"),
    "scale": (240, "f"),
    "magic": (252, "I"),
}


def gipl(array: np.ndarray[Any, Any] = SMALL, **changes: float) -> bytes:
    """A GIPL file of a (z, y, x) array; ``changes`` are fields as in ``GIPL_FIELDS``, with ``_1`` for ``[1]``."""
    values: dict[str, float] = {f"dim[{index}]": size for index, size in enumerate((*array.shape[::-1], 1))}
    values |= {"type": {"uint8": 8, "uint16": 16, "float32": 64}[array.dtype.name], "magic": 4026526128}
    values |= {"pixdim[0]": 0.5, "pixdim[1]": 0.25, "pixdim[2]": 2, "pixdim[3]": 1}
    values |= {"origin[0]": 5, "origin[1]": 6, "origin[2]": 7}
    head = bytearray(256)
    named = {re.sub(r"_(\d+)$", r"[\1]", key): value for key, value in changes.items()}
    for key, value in (values | named).items():
        offset, letter = GIPL_FIELDS[key]
        struct.pack_into(f">{letter}", head, offset, value if letter in "fd" else int(value))
    return bytes(head) + raw(array, ">")


def nifti(array: np.ndarray[Any, Any] = SMALL, order: str = "<", **changes: float) -> bytes:
    """A NIfTI-1 file of a (z, y, x) array; ``changes`` are fields as in ``NIFTI_FIELDS``, with ``_1`` for ``[1]``."""
    kind = {"uint8": (2, 8), "uint16": (512, 16), "int16": (4, 16), "float32": (16, 32), "float64": (64, 64)}
    head = bytearray(352)
    values: dict[str, float] = {"sizeof_hdr": 348, "dim[0]": 3, "vox_offset": 352, "scl_slope": 1, "xyzt_units": 2}
    values |= {f"dim[{index + 1}]": size for index, size in enumerate((*array.shape[::-1], 1, 1, 1, 1)[:7])}
    values |= dict(zip(("datatype", "bitpix"), kind[array.dtype.name], strict=True))
    values |= {"pixdim[0]": 1, "pixdim[1]": 0.5, "pixdim[2]": 0.25, "pixdim[3]": 2}
    values |= {"qform_code": 1, "sform_code": 1, "qoffset_x": 5, "qoffset_y": 6, "qoffset_z": 7}
    values |= {"srow_x[0]": 0.5, "srow_x[3]": 5, "srow_y[1]": 0.25, "srow_y[3]": 6, "srow_z[2]": 2, "srow_z[3]": 7}
    for key, value in (values | changes).items():
        offset, letter = NIFTI_FIELDS[key]
        struct.pack_into(f"{order}{letter}", head, offset, value if letter == "f" else int(value))
    if "magic" not in changes:
        head[344:348] = b"n+1\0"
    return bytes(head) + raw(array, order)


def layouts() -> dict[str, Layout]:
    """Every layout of the three text headers that is read, each of ``SMALL``."""
    text = "  ".join(map(str, SMALL.ravel())).encode() + b"\n"
    bare, plain_meta = nrrd(), meta()
    planes = {f"part{index}.raw": raw(SMALL[index]) for index in range(2)}
    listed = "".join(f"{name}\n" for name in planes).encode()
    made = [
        bare,
        nrrd(encoding="gzip"),
        nrrd(encoding="bzip2"),
        nrrd(encoding="ascii", data=text),
        nrrd(encoding="hex", data=raw(SMALL).hex().encode()),
        evolve(bare.having(byte_skip="3", line_skip="1"), name="skips.nrrd", data=b"a line\nabc" + bare.data),
        evolve(bare.having(byte_skip="-1"), name="tail.nrrd"),
        _detached(bare, "file.nhdr", "voxels.raw", {"voxels.raw": bare.data}),
        _detached(bare, "list.nhdr", "LIST", planes, listed),
        _detached(bare, "pattern.nhdr", "part%d.raw 0 1 1", planes),
        plain_meta,
        meta(packed=True),
        evolve(plain_meta.having(BinaryData="False"), name="text.mha", data=text),
        evolve(plain_meta.having(BinaryDataByteOrderMSB="True"), name="big.mha", data=raw(SMALL, ">")),
        evolve(plain_meta.having(HeaderSize="-1"), name="tail.mha"),
        evolve(meta(file="voxels.raw"), name="file.mhd", data=b"", beside={"voxels.raw": plain_meta.data}),
        evolve(meta(file="LIST"), name="list.mhd", data=listed, beside=planes),
        evolve(meta(file="part%d.raw 0 1 1"), name="pattern.mhd", data=b"", beside=planes),
        inr(),
        vtk(),
        vtk(text=True),
        evolve(vtk(), name="tail.vtk", data=raw(SMALL, ">") + b"\nMETADATA\nINFORMATION 0\n\n"),
    ]
    return {one.name: one for one in made}


def _detached(layout: Layout, name: str, file: str, beside: dict[str, bytes], data: bytes = b"") -> Layout:
    def join(fields: Fields, rest: bytes) -> bytes:
        return _join_nrrd(fields, b"")[:-1] + rest

    return evolve(layout, name=name, fields=[*layout.fields, ("data file", file)], data=data, beside=beside, join=join)
