"""Files with one or two things wrong: read as the voxels they had, or refused in one line. Never anything else.

Every header field in turn is left out, given twice, and given values of every kind; the data gets another length or
other bytes. A process of its own reads the files, since what is tested for is what ends a process.
"""

from __future__ import annotations

import gzip
import random
import struct
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import product
from pathlib import Path

import pytest
from attrs import evolve, frozen
from hypothesis import given, settings
from hypothesis import strategies as st
from image_bytes import GIPL_FIELDS, NIFTI_FIELDS, SMALL, Layout, gipl, layouts, nifti
from image_worker import Reader, voxels_hash

EXPECTED = voxels_hash(SMALL)
LAYOUTS = layouts()
NIFTI = nifti()
FORMATS = {
    "nrrd": [name for name in LAYOUTS if name.endswith((".nrrd", ".nhdr"))],
    "metaimage": [name for name in LAYOUTS if name.endswith((".mha", ".mhd"))],
    "inria": ["raw.inr"],
    "vtk": [name for name in LAYOUTS if name.endswith(".vtk")],
}
# Values that no field of these files may have, or that mean what the field means already.
VALUES = [
    *("", "-1", "-0", "-2147483649", "2147483648", "4294967297", "99999999999999999999", "1e400", "1e-400", "9" * 2000),
    *(
        "nan",
        "inf",
        "-inf",
        "1.5",
        "0x10",
        "1_0",
        "x",
        "True or False",
        "LIST",
        "%d",
        "%s%s%n",
        "../../etc",
        "/dev/zero",
    ),
    *("(1,0,0)", "(nan,0,0) (0,1,0) (0,0,1)", "none none none", '"', '"parsec" "um" "mm"', "float", "double", "block"),
    *("\x1b[31m", "é", "\x00", "a b c d e f g h i j", "1 1", "1 1 1 1", "big-endian", "MET_DOUBLE", "int32", "64 bits"),
]
# Another way of writing what cannot be told apart from the truth, and is not wrong.
UNDETECTABLE = {("big.mha", "BinaryDataByteOrderMSB")}
FLOATS = [float("nan"), float("inf"), float("-inf"), -1.0, 0.0, 0.5, 1e-30, 1e30, 3e38, 347.0, 353.0]
INTEGERS = [-32768, -1, 0, 1, 5, 6, 8, 9, 32, 64, 127, 128, 255, 540, 1536, 1792, 2304, 30000, 32767]
CHANGES = ["cut", "half", "gone", "byte more", "twice", "flip"]


@frozen
class Mutation:
    """What is done to a file: to a field (by index; None for none), and to its data."""

    field: int | None
    kind: str
    data: str = ""

    def on(self, layout: Layout) -> Layout:
        fields = list(layout.fields)
        if self.field is not None:
            key, value = fields[self.field % len(fields)]
            index = self.field % len(fields)
            if self.kind == "absent":
                del fields[index]
            elif self.kind == "doubled":
                fields.insert(index, (key, value))
            else:
                fields[index] = (key, self.kind)
        changed = evolve(layout, fields=fields)
        if not self.data:
            return changed
        if layout.beside:
            name, *_ = layout.beside
            return evolve(changed, beside=layout.beside | {name: spoiled(layout.beside[name], self.data)})
        return evolve(changed, data=spoiled(layout.data, self.data))


def spoiled(data: bytes, change: str) -> bytes:
    if change == "flip" and data:
        middle = len(data) // 2
        return data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :]
    changed = {"cut": data[:-1], "half": data[: len(data) // 2], "gone": b"", "byte more": data + b"7"}
    return {**changed, "twice": data * 2, "flip": data}[change]


def kinds(layout: Layout, index: int) -> list[str]:
    """The mutations of a field that can be told from a good file."""
    key, _ = layout.fields[index]
    return [] if (layout.name, key) in UNDETECTABLE else ["absent", "doubled", *VALUES]


def files_of(layout: Layout) -> dict[str, bytes]:
    """The files of a layout by name, itself first."""
    return {layout.name: layout.content(), **layout.beside}


@contextmanager
def put(folder: Path, files: dict[str, bytes]) -> Iterator[Path]:
    """Write files; the path of the first. Afterwards they are gone: that is quicker than another folder."""
    paths = [folder / name for name in files]
    for path, data in zip(paths, files.values(), strict=True):
        path.write_bytes(data)
    yield paths[0]
    for path in paths:
        path.unlink()


def check(reader: Reader, path: Path, flipped: bool, what: object) -> str:
    """Ask the worker for a file, and judge its answer. ``flipped`` plain voxels are others, and nobody can know."""
    answer = reader.ask(path)
    assert "broken" not in answer, f"{what}: {answer}"
    if "refused" in answer:
        return "refused"
    assert flipped or answer["voxels"] == EXPECTED, f"{what}: other voxels, {answer['notes']}"
    return "read"


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    made = Reader()
    yield made
    made.close()


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that all files are put in, one after the other."""
    return tmp_path_factory.mktemp("files")


def cases(name: str) -> Iterator[tuple[Layout, Mutation]]:
    """All single mutations of a layout."""
    layout = LAYOUTS[name]
    for index in range(len(layout.fields)):
        for kind in kinds(layout, index):
            yield layout, Mutation(index, kind)
    for change in CHANGES:
        yield layout, Mutation(None, "", change)


def is_plain(layout: Layout) -> bool:
    """Can a byte of the voxels change without a trace? Compressed data has checksums."""
    return not layout.name.startswith(("gzip", "bzip2", "packed"))


def run(reader: Reader, room: Path, chosen: list[tuple[Layout, Mutation]]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for layout, mutation in chosen:
        with put(room, files_of(mutation.on(layout))) as path:
            flipped = mutation.data == "flip" and is_plain(layout)
            counts[check(reader, path, flipped, (layout.name, layout.fields[mutation.field or 0], mutation))] += 1
    assert reader.deaths == 0
    return counts


@pytest.mark.slow(every=6)
@pytest.mark.parametrize("form", FORMATS)
def test_a_sample_of_single_mutations(reader: Reader, room: Path, form: str) -> None:
    every = [case for name in FORMATS[form] for case in cases(name)]
    counts = run(reader, room, random.Random(7).sample(every, 150))
    assert counts["refused"] > 75


@pytest.mark.slow
@pytest.mark.parametrize("name", LAYOUTS)
def test_every_single_mutation(reader: Reader, room: Path, name: str) -> None:
    counts = run(reader, room, list(cases(name)))
    print(f"\n{name}: {counts['refused']} refused, {counts['read']} read as the voxels they had")
    assert counts["refused"] > counts["read"]


@cache
def mutations(fields: int) -> st.SearchStrategy[tuple[int, str, str]]:
    """A field, what is done to it, and what to the data: in one draw, since most of the time goes into draws."""
    return st.sampled_from([*product(range(fields), ["absent", "doubled", *VALUES], ["", "", *CHANGES])])


@st.composite
def mutated(draw: st.DrawFn, form: str) -> tuple[Layout, bool]:
    layout = LAYOUTS[draw(st.sampled_from(FORMATS[form]))]
    flipped = False
    for _ in range(draw(st.integers(1, 3))):
        index, kind, data = draw(mutations(len(layout.fields)))
        flipped = flipped or (data != "" and is_plain(layout))
        layout = Mutation(index if kinds(layout, index) else None, kind, data).on(layout)
    return layout, flipped


def several(reader: Reader, room: Path, form: str, examples: int) -> None:
    @settings(max_examples=examples, derandomize=True, database=None)
    @given(mutated(form))
    def one(case: tuple[Layout, bool]) -> None:
        layout, flipped = case
        with put(room, files_of(layout)) as path:
            check(reader, path, flipped, layout)

    one()
    assert reader.deaths == 0


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMATS)
def test_a_sample_of_several_mutations(reader: Reader, room: Path, form: str) -> None:
    several(reader, room, form, 40)


@pytest.mark.heavy
@pytest.mark.parametrize("form", FORMATS)
def test_several_mutations(reader: Reader, room: Path, form: str) -> None:
    several(reader, room, form, 2000)


def gipl_cases() -> Iterator[tuple[dict[str, float], str]]:
    """Damage of one field, or of the data."""
    for name, (_, letter) in GIPL_FIELDS.items():
        high = 2**32 - 1 if letter == "I" else 2**16 - 1
        values = FLOATS if letter in "fd" else [float(value) for value in INTEGERS if 0 <= value <= high]
        yield from (({name: value}, "") for value in values)
    yield from (({}, change) for change in CHANGES)


def gipl_check(reader: Reader, room: Path, changes: dict[str, float], data: str) -> str:
    content = gipl(**{name.replace("[", "_").rstrip("]"): value for name, value in changes.items()})
    content = content[:256] + (spoiled(content[256:], data) if data else content[256:])
    with put(room, {"a.gipl": content}) as path:
        return check(reader, path, data == "flip", (changes, data))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(7))
def test_gipl_mutations(reader: Reader, room: Path, part: int) -> None:
    every = [*gipl_cases()]
    counts = Counter(gipl_check(reader, room, *case) for case in every[part::7])
    assert counts["refused"] > 25
    assert reader.deaths == 0


def nifti_changed(changes: dict[str, float]) -> bytes:
    content = bytearray(NIFTI)
    for field, value in changes.items():
        offset, letter = NIFTI_FIELDS[field]
        bounds = {"b": (-128, 127), "h": (-32768, 32767), "i": (-(2**31), 2**31 - 1)}
        if letter == "f":
            struct.pack_into("<f", content, offset, value)
        else:
            low, high = bounds[letter]
            struct.pack_into(f"<{letter}", content, offset, min(max(int(value), low), high))
    return bytes(content)


def nifti_values(field: str) -> list[float]:
    """Values that are damage: a slope of 353 would be another image, and no fault."""
    if NIFTI_FIELDS[field][1] == "f":
        return [value for value in FLOATS if value < 300 or value > 400 or not field.startswith("scl")]
    return [float(value) for value in INTEGERS]


def nifti_check(reader: Reader, room: Path, changes: dict[str, float], data: str, packed: bool) -> str:
    content = nifti_changed(changes)
    voxels = spoiled(content[352:], data) if data else content[352:]
    name, content = ("a.nii.gz" if packed else "a.nii"), content[:352] + voxels
    with put(room, {name: gzip.compress(content) if packed else content}) as path:
        return check(reader, path, data != "", (changes, data))


@pytest.mark.slow
def test_a_sample_of_nifti_mutations(reader: Reader, room: Path) -> None:
    every = [(field, value) for field in NIFTI_FIELDS for value in nifti_values(field)]
    counts = Counter(
        nifti_check(reader, room, {field: value}, "", True) for field, value in random.Random(7).sample(every, 150)
    )
    assert counts["refused"] > 30


@pytest.mark.heavy
def test_every_nifti_mutation(reader: Reader, room: Path) -> None:
    for packed in (False, True):
        counts: Counter[str] = Counter()
        for field in NIFTI_FIELDS:
            for value in nifti_values(field):
                counts[nifti_check(reader, room, {field: value}, "", packed)] += 1
        for data in CHANGES:
            counts[nifti_check(reader, room, {}, data, packed)] += 1
        print(f"\nNIfTI, packed {packed}: {counts['refused']} refused, {counts['read']} read")
        assert counts["refused"] > 200


def nifti_several(reader: Reader, room: Path, examples: int) -> None:
    one_change = st.sampled_from([(field, value) for field in sorted(NIFTI_FIELDS) for value in nifti_values(field)])

    @settings(max_examples=examples, derandomize=True, database=None)
    @given(st.lists(one_change, max_size=4).map(dict), st.booleans())
    def one(changes: dict[str, float], packed: bool) -> None:
        nifti_check(reader, room, changes, "", packed)

    one()
    assert reader.deaths == 0


@pytest.mark.slow
def test_a_sample_of_several_nifti_mutations(reader: Reader, room: Path) -> None:
    nifti_several(reader, room, 40)


@pytest.mark.heavy
def test_several_nifti_mutations(reader: Reader, room: Path) -> None:
    nifti_several(reader, room, 3000)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*LAYOUTS, "a.nii", "a.nii.gz", "a.gipl"])
def test_any_bytes_at_any_place(reader: Reader, room: Path, name: str) -> None:
    """Random damage: no process ends, no traceback, one line. What was read is not asked: voxels may be hit."""
    randomly = random.Random(name)
    plain = {"a.nii": NIFTI, "a.nii.gz": gzip.compress(NIFTI), "a.gipl": gipl()}
    files = {name: plain[name]} if name in plain else files_of(LAYOUTS[name])
    with put(room, files) as path:
        whole = files[name]
        for _ in range(300):
            content = bytearray(whole)
            for _ in range(randomly.randint(1, 6)):
                place = randomly.randrange(len(content))
                match randomly.randrange(4):
                    case 0:
                        content[place] = randomly.randrange(256)
                    case 1:
                        del content[place : place + randomly.randint(1, 9)]
                    case 2:
                        content[place:place] = randomly.randbytes(randomly.randint(1, 9))
                    case 3:
                        content[place:place] = content[place : place + randomly.randint(1, 60)]
            path.write_bytes(content)
            answer = reader.ask(path)
            assert "broken" not in answer, (bytes(content), answer)
