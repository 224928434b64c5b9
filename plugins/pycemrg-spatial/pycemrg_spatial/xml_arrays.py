"""Check the arrays of a VTK XML file before VTK reads them: a damaged length or block can end the process there.

An array is text, or bytes after a header of whole numbers, in the file as they are or in base64. Without compression,
the header is the number of bytes. With it: the number of blocks, the size of a block, the size of the last one
(0: a whole block), and the compressed size of each.
"""

from __future__ import annotations

import lzma
import re
import zlib
from base64 import b64decode
from pathlib import Path
from typing import Any
from xml.parsers import expat

import numpy as np
from attrs import define, field

from pycemrg_spatial.errors import MeshError

# Not LZ4: its data has no checksum, and damaged offsets of cells end the process.
_TOOLS: dict[str, Any] = {"vtkZLibDataCompressor": zlib.decompressobj, "vtkLZMADataCompressor": lzma.LZMADecompressor}
_WORDS = {
    (order, header): np.dtype(sign + code)
    for order, sign in (("LittleEndian", "<"), ("BigEndian", ">"))
    for header, code in (("UInt32", "u4"), ("UInt64", "u8"))
}
_TYPE = re.compile(r"(UInt|Int|Float)(8|16|32|64)")
_COUNTS = {"Points": "NumberOfPoints", "PointData": "NumberOfPoints"} | dict.fromkeys(
    ("CellData", "offsets", "types"), "NumberOfCells"
)
_SHORT = "has less data than the file says"
_DAMAGED = (ValueError, OverflowError, EOFError, zlib.error, lzma.LZMAError)


def require_arrays(file: Path) -> None:
    """Refuse a file with an array whose header, blocks or length do not fit. Raises :class:`MeshError`."""
    what = "it"
    try:
        found = _parsed(file.read_bytes())
        nodes: dict[int, list[int]] = {}  # for each piece, how many nodes its cells need and have
        for array in found.arrays:
            what = f"the array {array.values.get('Name', '')[:40]!r}"
            size, last = found.measure(array)
            if size < array.count():
                raise MeshError(_SHORT)
            if array.owner in ("offsets", "connectivity"):
                need = array.owner == "offsets"
                nodes.setdefault(id(array.piece), [0, 0])[not need] = last if need else size
        what = "the array 'connectivity'"
        if any(needed > there for needed, there in nodes.values()):
            raise MeshError(_SHORT)
    except (MeshError, *_DAMAGED) as error:
        reason = str(error) if isinstance(error, MeshError) else "is damaged"
        raise MeshError(f"{file}: cannot be read: {what} {reason}; copy or export it again") from error


@define
class _Array:
    owner: str  # its name in Cells, else where it is: Points, PointData, CellData, FieldData
    values: dict[str, str]
    piece: dict[str, str]
    start: int

    def count(self) -> int:
        named = _COUNTS.get(self.owner, "NumberOfTuples")
        rows = (self.piece if self.owner in _COUNTS else self.values).get(named, 0)
        return int(rows) * int(self.values.get("NumberOfComponents", 1))


@define
class _Parsed:
    data: bytes
    arrays: list[_Array] = field(factory=list)
    compressor: str = ""
    word: np.dtype[Any] = _WORDS["LittleEndian", "UInt32"]
    encoding: str = ""
    appended: int = 0

    def measure(self, array: _Array) -> tuple[int, int]:
        """How many values an array has, and the last of them, if they are positive integers."""
        raw = "offset" in array.values and self.encoding == "raw"
        begin = self.data.index(b">", array.start) + 1
        if "offset" in array.values:
            begin = self.appended + int(array.values["offset"])
            if not 0 < self.appended <= begin:
                raise MeshError("begins outside the file")
        end = len(self.data) if raw else self.data.find(b"<", begin)
        if "offset" not in array.values:
            text = self.data[begin:end].strip()
            if array.values.get("format") != "binary":
                last = text.rsplit(None, 1)[-1:]
                return (len(text) + 1) // 2, int(last[0]) if last and last[0].isdigit() else 0
            begin = self.data.find(text, begin)
        size, tail = self._content(begin, end, raw)
        kind = _TYPE.fullmatch(array.values.get("type", ""))
        if kind is None:  # a bit or a text
            return size * (8 if array.values.get("type") == "Bit" else 1), 0
        width = int(kind[2]) // 8
        return size // width, int.from_bytes(tail[-width:], "big" if self.word.str[0] == ">" else "little")

    def _content(self, begin: int, end: int, raw: bool) -> tuple[int, bytes]:
        """The size of the content and its last eight bytes."""
        width = self.word.itemsize

        def header(count: int) -> list[int]:
            return [int(each) for each in np.frombuffer(self._bytes(begin, end, count * width, raw), self.word)]

        if not self.compressor:
            (size,) = header(1)
            return size, bytes(self._bytes(begin, end, width + size, raw)[width:][-8:])
        blocks, block, rest = header(3)
        packed_sizes = header(3 + blocks)[3:]
        if blocks and (not block or rest > block):
            raise MeshError("has blocks of an impossible size")
        begin += (3 + blocks) * width if raw else _encoded((3 + blocks) * width)
        packed, place, tail = self._bytes(begin, end, sum(packed_sizes), raw), 0, b""
        for number, packed_size in enumerate(packed_sizes, 1):
            size = rest if rest and number == blocks else block
            tool = _TOOLS[self.compressor]()
            tail = tool.decompress(packed[place : place + packed_size], size + 1)
            if len(tail) != size or not tool.eof:
                raise MeshError("has a damaged block")
            place += packed_size
        return block * blocks - (block - rest if blocks and rest else 0), tail[-8:]

    def _bytes(self, begin: int, end: int, count: int, raw: bool) -> memoryview:
        length = count if raw else _encoded(count)
        if begin + length > end:
            raise MeshError(_SHORT)
        part = memoryview(self.data)[begin : begin + length]
        found = part if raw else memoryview(b64decode(part, validate=True))
        if len(found) < count:
            raise MeshError(_SHORT)
        return found[:count]


def _encoded(count: int) -> int:
    return -(-count // 3) * 4


def _parsed(data: bytes) -> _Parsed:
    """The XML: each array, where its element begins, and how its bytes are kept."""
    found, parser, parents, piece = _Parsed(data), expat.ParserCreate(), [""], dict[str, str]()

    def opened(tag: str, values: dict[str, str]) -> None:
        nonlocal piece
        if tag == "VTKFile":
            found.compressor = values.get("compressor", "")
            kind = values.get("byte_order", "LittleEndian"), values.get("header_type", "UInt32")
            if kind not in _WORDS:
                raise MeshError(f"has an unknown byte order or header: {kind[0][:20]!r}, {kind[1][:20]!r}")
            found.word = _WORDS[kind]
        elif tag == "Piece":
            piece = values
        elif tag == "AppendedData":
            found.encoding = values.get("encoding", "")
        elif tag in ("DataArray", "Array"):
            owner = values.get("Name", "") if parents[-1] == "Cells" else parents[-1]
            found.arrays.append(_Array(owner, values, piece, parser.CurrentByteIndex))
        parents.append(tag)

    parser.StartElementHandler, parser.EndElementHandler = opened, lambda _: parents.pop()
    start = data.find(b"<AppendedData")
    end = data.find(b">", start) + 1 if start >= 0 else len(data)
    try:
        parser.Parse(data[:end], start < 0)  # what follows that tag need not be XML
    except expat.ExpatError as error:
        raise MeshError(f"is not a whole XML file ({error})") from error
    if found.compressor and found.compressor not in _TOOLS:
        raise MeshError(f"is compressed with {found.compressor[:40]!r}, not with ZLib or LZMA")
    found.appended = data.find(b"_", end) + 1
    return found
