"""The bytes of ``.inr`` files, against bytes and numbers made by hand."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import frozen

from pycemrg_core.errors import ImageError
from pycemrg_core.images import formats
from pycemrg_core.images.formats import inria

HEADER = (
    b"#INRIMAGE-4#{\nXDIM=4\nYDIM=3\nZDIM=2\nVDIM=1\nTYPE=unsigned fixed\nPIXSIZE=16 bits\nCPU=decm\n"
    b"VX=0.1\nVY=0.3333333333333333\nVZ=2.0\n"
)
VALUES = np.arange(24, dtype=np.uint16).reshape(2, 3, 4) * 1000
Write = Callable[..., Path]


@frozen
class Found:
    """What a file holds."""

    array: np.ndarray[Any, Any]
    spacing: tuple[float, ...]
    origin: tuple[float, ...]
    direction: tuple[float, ...]
    notes: tuple[str, ...]


def read_inr(path: Path) -> Found:
    header = formats.read_header(path)
    array = formats.read_voxels(path, header)
    return Found(array, header.spacing, header.origin, header.direction, header.notes)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write ``heart.inr`` with HEADER changed as asked."""

    def write(data: bytes, change: tuple[bytes, bytes] = (b"", b"")) -> Path:
        text = HEADER.replace(*change)
        path = tmp_path / "heart.inr"
        path.write_bytes(text + b"\n" * (256 - 4 - len(text)) + b"##}\n" + data)
        return path

    return write


def test_header_and_voxels_are_the_expected_bytes() -> None:
    header, voxels = inria.encode(VALUES, (0.1, 1 / 3, 2.0))
    assert header == HEADER + b"\n" * (252 - len(HEADER)) + b"##}\n"
    by_hand = b"".join(int(VALUES[z, y, x]).to_bytes(2, "little") for z in range(2) for y in range(3) for x in range(4))
    assert voxels.tobytes() == by_hand


def test_header_is_a_multiple_of_256_bytes_at_its_longest() -> None:
    header, _ = inria.encode(np.zeros((1, 1, 1), np.int16), (1.2345678901234567e-300,) * 3)
    assert len(header) == 256
    assert header.endswith(b"\n##}\n")


@pytest.mark.parametrize(
    ("dtype", "kind", "bits"),
    [
        ("u1", "unsigned fixed", 8),
        ("u4", "unsigned fixed", 32),
        ("i1", "signed fixed", 8),
        ("i4", "signed fixed", 32),
        ("f4", "float", 32),
        ("f8", "float", 64),
    ],
)
def test_every_pixel_type_names_itself_and_comes_back(tmp_path: Path, dtype: str, kind: str, bits: int) -> None:
    array = np.arange(24).reshape(2, 3, 4).astype(dtype)
    header, voxels = inria.encode(array, (1, 1, 1))
    assert f"TYPE={kind}\nPIXSIZE={bits} bits\n".encode() in header
    path = tmp_path / "heart.inr"
    path.write_bytes(header + voxels.tobytes())
    found = read_inr(path).array
    assert found.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize(("cpu", "order"), [("decm", "<u2"), ("pc", "<u2"), ("sun", ">u2"), ("sgi", ">u2")])
def test_both_byte_orders_are_read(write: Write, cpu: str, order: str) -> None:
    path = write(VALUES.astype(order).tobytes(), (b"CPU=decm", f"CPU={cpu}".encode()))
    found = read_inr(path)
    np.testing.assert_array_equal(found.array, VALUES)
    assert found.array.dtype.isnative


def test_without_sidecar_the_geometry_is_said_to_be_assumed(write: Write) -> None:
    path = write(VALUES.tobytes())
    found = read_inr(path)
    assert found.spacing == (0.1, 1 / 3, 2.0)
    assert found.origin == (0, 0, 0)
    assert found.direction == (1, 0, 0, 0, 1, 0, 0, 0, 1)
    assert found.notes == (f"{path}: no heart.inr.json next to it: origin 0 and identity direction assumed",)


def test_missing_spacing_is_said_to_be_assumed(write: Write) -> None:
    path = write(VALUES.tobytes(), (b"VZ=2.0\n", b""))
    found = read_inr(path)
    assert found.spacing == (0.1, 1 / 3, 1.0)
    assert found.notes[0] == f"{path}: no voxel spacing in the file: 1 mm assumed"


def test_longer_header_is_skipped_whole(tmp_path: Path) -> None:
    text = HEADER + b"#" + b"x" * 300 + b"\n"
    path = tmp_path / "heart.inr"
    path.write_bytes(text + b"\n" * (512 - 4 - len(text)) + b"##}\n" + VALUES.tobytes())
    np.testing.assert_array_equal(read_inr(path).array, VALUES)


def test_sidecar_text_holds_the_affine() -> None:
    turned = (0.0, -1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0)
    content = json.loads(inria.encode_sidecar((4, 3, 2), (0.5, 2.0, 3.0), (10.0, 20.0, 1 / 3), turned))
    assert content == {
        "size": [4, 3, 2],
        "spacing": [0.5, 2.0, 3.0],
        "origin": [10.0, 20.0, 1 / 3],
        "direction": list(turned),
        "index_to_world": [[0, -2, 0, 10], [0.5, 0, 0, 20], [0, 0, 3, 1 / 3], [0, 0, 0, 1]],
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ((b"#INRIMAGE-4#{", b"#INRIMAGE-5#{"), "not an INRIMAGE-4 file, or its header is cut short"),
        ((b"XDIM=4\n", b""), "its header has no field XDIM; export it again"),
        ((b"YDIM=3", b"YDIM=-3"), "YDIM is '-3', not a whole number from 1 to"),
        ((b"ZDIM=2", b"ZDIM=0"), "ZDIM is '0', not a whole number from 1 to"),
        ((b"VDIM=1", b"VDIM=3"), "has 3 values per voxel, not one"),
        ((b"unsigned fixed", b"packed"), "voxels of TYPE='packed', PIXSIZE='16 bits' are not read"),
        ((b"16 bits", b"12 bits"), "voxels of TYPE='unsigned fixed', PIXSIZE='12 bits' are not read"),
        ((b"CPU=decm", b"CPU=vax"), "byte order CPU='vax' is not one of decm, alpha, pc, sun, sgi;"),
        ((b"CPU=decm\n", b""), "byte order CPU='' is not one of"),
        ((b"VX=0.1", b"VX=wide"), "VX is not a number: 'wide'"),
        ((b"ZDIM=2", b"ZDIM=3"), "the file is cut short or damaged: 48 of 72 bytes of voxels; copy or export it again"),
        (
            (b"ZDIM=2", b"ZDIM=1"),
            "holds 48 bytes of voxels, the header promises 24: size or voxel type is wrong; export it again",
        ),
    ],
)
def test_wrong_headers_are_refused(write: Write, change: tuple[bytes, bytes], message: str) -> None:
    path = write(VALUES.tobytes(), change)
    with pytest.raises(ImageError, match=re.escape(message)) as caught:
        read_inr(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_file_cut_inside_its_header_is_refused(write: Write) -> None:
    path = write(VALUES.tobytes())
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ImageError, match="header is cut short"):
        read_inr(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": [4, 3, 9]}, "size [4, 3, 9] contradicts the image, which has [4, 3, 2]"),
        ({"spacing": [0.2, 1, 2]}, "spacing [0.2, 1.0, 2.0] contradicts the image"),
        ({"origin": [0, 0]}, "'origin' must be a list of 3 numbers"),
        ({"direction": None}, "'direction' must be a list of 9 numbers"),
        ({"origin": [0, "0", 0]}, "'origin' must be a list of 3 numbers"),
    ],
)
def test_sidecar_that_contradicts_is_refused(write: Write, change: dict[str, object], message: str) -> None:
    path = write(VALUES.tobytes())
    identity = [1, 0, 0, 0, 1, 0, 0, 0, 1]
    content = {"size": [4, 3, 2], "spacing": [0.1, 1 / 3, 2.0], "origin": [1, 2, 3], "direction": identity}
    beside = inria.sidecar_path(path)
    beside.write_text(json.dumps(content))
    assert read_inr(path).origin == (1.0, 2.0, 3.0)
    beside.write_text(json.dumps(content | change))
    with pytest.raises(ImageError, match=re.escape(message)) as caught:
        read_inr(path)
    assert str(caught.value).startswith(f"{beside}: ")
    assert "delete it to read the image with origin 0" in str(caught.value)


@pytest.mark.parametrize("text", ["{", "[]", "\xff"])
def test_sidecar_that_is_not_json_is_refused(write: Write, text: str) -> None:
    path = write(VALUES.tobytes())
    inria.sidecar_path(path).write_text(text, encoding="latin-1")
    with pytest.raises(ImageError, match=r"heart\.inr\.json: .*correct it, or delete it"):
        read_inr(path)


def test_spacing_rounded_by_another_tool_is_no_contradiction(write: Write) -> None:
    path = write(VALUES.tobytes(), (b"0.3333333333333333", b"0.333333"))
    identity = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    inria.sidecar_path(path).write_text(inria.encode_sidecar((4, 3, 2), (0.1, 1 / 3, 2.0), (0, 0, 0), identity))
    assert read_inr(path).spacing == (0.1, 1 / 3, 2.0)


@pytest.mark.parametrize("dtype", ["u8", "i8", "f2"])
def test_pixel_types_the_format_lacks_are_refused(dtype: str) -> None:
    name = np.dtype(dtype).name
    with pytest.raises(ImageError, match=f"cannot hold {name} voxels; cast them to uint8"):
        inria.encode(np.zeros((1, 1, 1), dtype), (1, 1, 1))
