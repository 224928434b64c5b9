"""Files with one or two things wrong: read as the voxels they had, or refused in one line. Never anything else.

Every header field in turn is left out, given twice, and given values of every kind; the data gets another length or
other bytes. A process of its own reads the files, since what is tested for is what ends a process.
"""

from __future__ import annotations

import gzip
import random
import struct
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import evolve, frozen
from hypothesis import given, settings
from hypothesis import strategies as st
from image_bytes import GIPL_FIELDS, NIFTI_FIELDS, SMALL, Layout, gipl, layouts, nifti
from image_worker import Reader, voxels_hash

EXPECTED = voxels_hash(SMALL)
LAYOUTS = layouts()
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


def put(folder: Path, layout: Layout) -> Path:
    for name, data in layout.beside.items():
        (folder / name).write_bytes(data)
    path = folder / layout.name
    path.write_bytes(layout.content())
    return path


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


def run(reader: Reader, chosen: list[tuple[Layout, Mutation]]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for layout, mutation in chosen:
        with tempfile.TemporaryDirectory() as folder:
            path = put(Path(folder), mutation.on(layout))
            flipped = mutation.data == "flip" and is_plain(layout)
            counts[check(reader, path, flipped, (layout.name, layout.fields[mutation.field or 0], mutation))] += 1
    assert reader.deaths == 0
    return counts


@pytest.mark.slow(every=3)
@pytest.mark.parametrize("form", FORMATS)
def test_a_sample_of_single_mutations(reader: Reader, form: str) -> None:
    every = [case for name in FORMATS[form] for case in cases(name)]
    counts = run(reader, random.Random(7).sample(every, 150))
    assert counts["refused"] > 75


@pytest.mark.slow
@pytest.mark.parametrize("name", LAYOUTS)
def test_every_single_mutation(reader: Reader, name: str) -> None:
    counts = run(reader, list(cases(name)))
    print(f"\n{name}: {counts['refused']} refused, {counts['read']} read as the voxels they had")
    assert counts["refused"] > counts["read"]


@st.composite
def mutated(draw: st.DrawFn, form: str) -> tuple[Layout, bool]:
    layout = LAYOUTS[draw(st.sampled_from(FORMATS[form]))]
    flipped = False
    for _ in range(draw(st.integers(1, 3))):
        index = draw(st.integers(0, len(layout.fields) - 1))
        allowed = kinds(layout, index)
        data = draw(st.sampled_from(["", "", *CHANGES]))
        flipped = flipped or (data != "" and is_plain(layout))
        mutation = Mutation(index if allowed else None, draw(st.sampled_from(allowed)) if allowed else "", data)
        layout = mutation.on(layout)
    return layout, flipped


def several(reader: Reader, form: str, examples: int) -> None:
    @settings(max_examples=examples, derandomize=True, database=None)
    @given(mutated(form))
    def one(case: tuple[Layout, bool]) -> None:
        layout, flipped = case
        with tempfile.TemporaryDirectory() as folder:
            check(reader, put(Path(folder), layout), flipped, layout)

    one()
    assert reader.deaths == 0


@pytest.mark.slow(every=3)
@pytest.mark.parametrize("form", FORMATS)
def test_a_sample_of_several_mutations(reader: Reader, form: str) -> None:
    several(reader, form, 40)


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMATS)
def test_several_mutations(reader: Reader, form: str) -> None:
    several(reader, form, 2000)


def gipl_cases() -> Iterator[tuple[dict[str, float], str]]:
    """Damage of one field, or of the data."""
    for name, (_, letter) in GIPL_FIELDS.items():
        high = 2**32 - 1 if letter == "I" else 2**16 - 1
        values = FLOATS if letter in "fd" else [float(value) for value in INTEGERS if 0 <= value <= high]
        yield from (({name: value}, "") for value in values)
    yield from (({}, change) for change in CHANGES)


def gipl_check(reader: Reader, changes: dict[str, float], data: str) -> str:
    content = gipl(**{name.replace("[", "_").rstrip("]"): value for name, value in changes.items()})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.gipl")
        path.write_bytes(content[:256] + (spoiled(content[256:], data) if data else content[256:]))
        return check(reader, path, data == "flip", (changes, data))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(7))
def test_gipl_mutations(reader: Reader, part: int) -> None:
    every = [*gipl_cases()]
    counts = Counter(gipl_check(reader, *case) for case in every[part::7])
    assert counts["refused"] > 25
    assert reader.deaths == 0


def nifti_changed(changes: dict[str, float]) -> bytes:
    content = bytearray(nifti())
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


def nifti_check(reader: Reader, changes: dict[str, float], data: str, packed: bool) -> str:
    content = nifti_changed(changes)
    voxels = spoiled(content[352:], data) if data else content[352:]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.nii.gz" if packed else "a.nii")
        path.write_bytes(gzip.compress(content[:352] + voxels) if packed else content[:352] + voxels)
        return check(reader, path, data != "", (changes, data))


@pytest.mark.slow
def test_a_sample_of_nifti_mutations(reader: Reader) -> None:
    every = [(field, value) for field in NIFTI_FIELDS for value in nifti_values(field)]
    counts = Counter(
        nifti_check(reader, {field: value}, "", True) for field, value in random.Random(7).sample(every, 150)
    )
    assert counts["refused"] > 30


@pytest.mark.slow
def test_every_nifti_mutation(reader: Reader) -> None:
    for packed in (False, True):
        counts: Counter[str] = Counter()
        for field in NIFTI_FIELDS:
            for value in nifti_values(field):
                counts[nifti_check(reader, {field: value}, "", packed)] += 1
        for data in CHANGES:
            counts[nifti_check(reader, {}, data, packed)] += 1
        print(f"\nNIfTI, packed {packed}: {counts['refused']} refused, {counts['read']} read")
        assert counts["refused"] > 200


def nifti_several(reader: Reader, examples: int) -> None:
    one_change = st.sampled_from(sorted(NIFTI_FIELDS)).flatmap(
        lambda field: st.tuples(st.just(field), st.sampled_from(nifti_values(field)))
    )

    @settings(max_examples=examples, derandomize=True, database=None)
    @given(st.lists(one_change, max_size=4).map(dict), st.booleans())
    def one(changes: dict[str, float], packed: bool) -> None:
        nifti_check(reader, changes, "", packed)

    one()
    assert reader.deaths == 0


@pytest.mark.slow
def test_a_sample_of_several_nifti_mutations(reader: Reader) -> None:
    nifti_several(reader, 40)


@pytest.mark.slow
def test_several_nifti_mutations(reader: Reader) -> None:
    nifti_several(reader, 3000)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*LAYOUTS, "a.nii", "a.nii.gz", "a.gipl"])
def test_any_bytes_at_any_place(reader: Reader, name: str) -> None:
    """Random damage: no process ends, no traceback, one line. What was read is not asked: voxels may be hit."""
    randomly = random.Random(name)
    plain = {"a.nii": nifti(), "a.nii.gz": gzip.compress(nifti()), "a.gipl": gipl()}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name) if name in plain else put(Path(folder), LAYOUTS[name])
        whole = plain.get(name) or path.read_bytes()
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
