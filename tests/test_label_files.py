"""Label tables as the tools write them, as people write them, and as nobody should."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pycemrg_core.errors import DocumentError, LabelError, OutputError
from pycemrg_core.images.remap import LabelRemapper
from pycemrg_core.text.label_tables import LabelRow, labels_of, read_label_file, read_mapping_file
from schematics_builtin.labels.label_files import Kind, write_label_table

KINDS: tuple[Kind, ...] = ("slicer", "itksnap")

LV = LabelRow(1, "LV", "#c8343c")
LA = LabelRow(4, "left_atrium", "#e0703a")
PLAIN = (LabelRow(1, "LV"), LabelRow(4, "LA"))

SLICER = """\
# Color table file /home/someone/Segmentation-label_ColorTable.ctbl
# 4 values
0 Background 0 0 0 0
1 LV 200 52 60 255
4 left_atrium 224 112 58 255
"""

SNAP = """\
################################################
# ITK-SnAP Label Description File
# File format:
# IDX   -R-  -G-  -B-  -A--  VIS MSH  LABEL
# Fields:
#    IDX:   Zero-based index
#    -R-:   Red color component (0..255)
#    -G-:   Green color component (0..255)
#    -B-:   Blue color component (0..255)
#    -A-:   Label transparency (0.00 .. 1.00)
#    VIS:   Label visibility (0 or 1)
#    IDX:   Label mesh visibility (0 or 1)
#  LABEL:   Label description
################################################
    0     0    0    0        0  0  0    "Clear Label"
    1   200   52   60        1  1  1    "LV"
    4   224  112   58        1  1  1    "left_atrium"
"""

Save = Callable[[str, str], Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode())
        return path

    return write


def refusal(path: Path, read: Callable[[Path], Any] = read_label_file) -> str:
    """What the error says after the name of the file."""
    with pytest.raises(DocumentError) as refused:
        read(path)
    text = str(refused.value)
    assert text.startswith(str(path))
    return text.removeprefix(str(path)).lstrip(":, ")


@pytest.mark.parametrize("name", ["heart.ctbl", "heart.txt", "heart.CTBL", "heart"])
def test_a_3d_slicer_table(save: Save, name: str) -> None:
    assert read_label_file(save(name, SLICER)) == (LV, LA)


@pytest.mark.parametrize("name", ["heart.label", "heart.txt", "heart.lbl", "heart"])
def test_an_itk_snap_description(save: Save, name: str) -> None:
    assert read_label_file(save(name, SNAP)) == (LV, LA)


def test_what_slicer_also_writes(save: Save) -> None:
    path = save(
        "generic.txt",
        "\ufeff# Color table file\r\n\r\n1\tLV\t200\t52\t60\r\n2 (none) 0 0 0 0\r\n"
        "  # a comment\r\n4 'left_atrium' 223.9 112.1 58 255\r\n7 Heart 2 1 2 3 255\r\n",
    )
    assert read_label_file(path) == (LV, LA, LabelRow(7, "Heart 2", "#010203"))


def test_what_people_write_for_itk_snap(save: Save) -> None:
    path = save("mine.label", '# mine\n1\t200 52 60 0.5 1 0 LV\n\n4 224 112 58 1 1 1  "left  atrium" # pale\n')
    assert read_label_file(path) == (LV, evolve(LA, name="left atrium"))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("flat.yaml", "LV: 1\nLA: 4\n"),
        ("labels.yml", "labels:\n  background: 0\n  LV: 1\n  LA: 4\ngroups:\n  heart: [LV, LA]\n"),
        ("flat.json", '{\n\t"LV": 1,\n\t"LA": 4\n}'),
        ("labels.json", '\ufeff{"name": "set", "labels": {"background": 0, "LV": 1, "LA": 4}}'),
        ("values.json", '{"labels": {"0": "background", "1": "LV", "4": "LA"}}'),
        ("values.yaml", "1: LV\n4: LA\n"),
        ("plain.csv", "name,value\nLV,1\nLA,4\n"),
        ("tabs.tsv", "value\tname\n1\tLV\n4\tLA\n"),
        ("semicolons.csv", "# comment\r\nName;Value;note\r\n'LV;1;x\r\n;;\r\nLA;4.0\r\n".replace("'", "")),
        ("quoted.csv", '\ufeff"name", "value"\n"LV", "1"\n"LA", "4"\n'),
        ("table.txt", "name,value\nLV,1\nLA,4\n"),
    ],
)
def test_names_and_integers(save: Save, name: str, text: str) -> None:
    assert read_label_file(save(name, text)) == PLAIN


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("c.csv", "name,value,colour\nLV,1,#C8343C\nleft_atrium,4,#e0703a\n"),
        ("first.csv", "colour,name,value\n#C8343C,LV,1\n#e0703a,left_atrium,4\n"),
        (
            "rgb.csv",
            "LabelValue,Name,Color_R,Color_G,Color_B,Color_A,x\n1,LV,200,52,60,255,\n4,left_atrium,224,112,58,1,\n",
        ),
        ("c.yaml", "labels: {LV: 1, left_atrium: 4}\ncolours: {LV: '#c8343c', left_atrium: '#E0703A'}\n"),
        (
            "c.json",
            '{"colors": {"LV": "#c8343c", "left_atrium": "#e0703a"}, "labels": {"LV": 1, "left_atrium": 4}}',
        ),
    ],
)
def test_colours(save: Save, name: str, text: str) -> None:
    assert read_label_file(save(name, text)) == (LV, LA)


def test_a_comma_in_a_name(save: Save) -> None:
    assert read_label_file(save("a.csv", 'name,value\n"atrium, left",4\n')) == (LabelRow(4, "atrium, left"),)


INTEGER = "give each label an integer from 1, in decimal digits, such as 10"
FROM_ONE = "labels are integers from 1 to 4294967295"
WHOLE = f"is not a whole number; {INTEGER}"
NOT_WHOLE = f"not a whole number; {INTEGER}"
NAMED = "is not the name of a label; give a name and an integer from 1"
NO_TABLE = "not a table of labels; give YAML, JSON, CSV, or the table of a viewer (.ctbl, .label)"
HASH = "begins with '#'; remove the line, or put its first cell in quotes"
OR_NAME = "is not a whole number; give an integer, in decimal digits, such as 10, or a name"
NO_LABELS = "no labels; give each an integer from 1 and a name"
NOT_SLICER = "is not 'index name R G B A'; correct the line"
HEXADECIMAL = "give it as '#rrggbb', in lower case"
HEADING = "in the header; add it"
QUOTES = "give another, of up to 200 characters without quotes"
NOT_SNAP = "is not 'IDX R G B A VIS MSH \"NAME\"'; correct the line"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.ctbl", "# x\n1 LV 1 2 3\n4 LA red 0 0 255", f"line 3: '4 LA red 0 0 255' {NOT_SLICER}"),
        ("a.ctbl", "x LV 1 2 3 255\n", f"line 1: 'x' {WHOLE}"),
        ("a.ctbl", "1 LV 1 2 300 255\n", "line 1: colour 1 2 300 is not three numbers from 0 to 255; correct it"),
        ("a.ctbl", "1 LV 1 2 3 4\n1 LA 1 2 3 4", "line 2: labels 'LV' (line 1) and 'LA' are both 1; remove one"),
        ("a.ctbl", "# Color table\n0 Background 0 0 0 0\n", NO_LABELS),
        ("a.ctbl", "", NO_LABELS),
        (
            "a.ctbl",
            "# Color procedural file x\n0 0 0 0\n63 0 0.5 0.5\n",
            "a continuous colour map; save a colour table with one line for each label",
        ),
        ("a.label", '1 1 2 3 1 1 "LV"\n', f"line 1: '1 1 2 3 1 1 \"LV\"' {NOT_SNAP}"),
        ("a.label", '1.5 1 2 3 1 1 1 "LV"\n', f"line 1: '1.5' {WHOLE}"),
        ("a.label", '1 1 2 3 1 1 1 ""\n', "line 1: label 1 is called ''; give it a name of printable characters"),
        ("a.label", '5000000000 1 2 3 1 1 1 "LV"\n', f"line 1: label 'LV' is 5000000000; {FROM_ONE}"),
        ("a.csv", "# x\nname,value\nLV,1\n\nLA,two\n", f"line 5: 'two' {WHOLE}"),
        ("a.csv", "name,value\nLV,-1\n", f"line 2: label 'LV' is -1; {FROM_ONE}"),
        ("a.csv", "name,value\nLV,010\n", f"line 2: '010' {WHOLE}"),
        ("a.csv", "name,value\nLV,1_0\n", f"line 2: '1_0' {WHOLE}"),
        ("a.csv", "name,value\nLV,1.5\n", f"line 2: '1.5' {WHOLE}"),
        ("a.csv", "name,value\nLV,1\n# LA,2\n", f"line 3: {HASH}"),
        ("a.csv", "name,value\nLV,1\n#3 LA,2\n", f"line 3: {HASH}"),
        ("a.csv", "name,value\nLV\n", f"line 2: '' {WHOLE}"),
        ("a.csv", "name,value\nLV,0\n", f"line 2: label 'LV' is 0; {FROM_ONE}"),
        ("a.csv", "name,value,colour\nLV,1,red\n", f"line 2: label 'LV' has the colour 'red'; {HEXADECIMAL}"),
        ("a.csv", "LV,1\nLA,4\n", f"line 1: no column name or value among 'LV', '1' {HEADING}"),
        ("a.csv", "source,target", f"line 1: no column name or value among 'source', 'target' {HEADING}"),
        ("a.csv", 'name,value\n"LV,1\nLA,2\n', "line 2: not CSV: unexpected end of data; correct the quotes"),
        ("a.csv", "", NO_LABELS),
        ("a.yaml", "labels:\n  LV: 1\n  LA: two\n", f"line 3: label 'LA' is 'two', {NOT_WHOLE}"),
        ("a.yaml", "LV: 1\nLA: yes\n", f"line 2: label 'LA' is 'yes', {NOT_WHOLE}"),
        ("a.yaml", "LV: 1\nLA: 1\n", "line 2: labels 'LV' (line 1) and 'LA' are both 1; remove one"),
        ("a.yaml", f"LV: {'9' * 500}\n", f"line 1: label 'LV' is '{'9' * 79}, {NOT_WHOLE}"),
        (
            "a.yaml",
            "labels:\n  LV_BP_label: 1\nRV_BP_label: 3\n",
            "line 3: 'RV_BP_label' is beside 'labels', not below it; indent the line",
        ),
        ("a.yaml", "\nlabels: [LV]\n", "line 2: labels must hold names and integers, such as 'labels: {wall: 1}'"),
        ("a.yaml", "LV: 1\nLV: 2\n", "line 1: not valid YAML: key 'LV' is given twice"),
        ("a.yaml", "{}\n", NO_LABELS),
        ("a.json", '{"LV": 1,\n "LV": 2}', "not valid JSON: key 'LV' is given twice"),
        ("a.json", '{"LV": 1,\n "LA" 4}', "line 2: not valid JSON: Expecting ':' delimiter"),
        ("a.json", "[1, 2]", "not a mapping; write lines of the form 'name: integer'"),
        ("a.yaml", "RPV1: 010\n", f"line 1: label 'RPV1' is '010', {NOT_WHOLE}"),
        ("a.yaml", "LV: 1:30\n", f"line 1: label 'LV' is '1:30', {NOT_WHOLE}"),
        ("a.yaml", "LV: 0x10\n", f"line 1: label 'LV' is '0x10', {NOT_WHOLE}"),
        ("a.yaml", "010: LV\n", f"line 1: '010' {NAMED}"),
        ("a.yaml", "1.5: LV\n", f"line 1: 1.5 {NAMED}"),
        ("a.json", '{"LV": NaN}', "not valid JSON: NaN is not a number"),
        ("a.json", '{"a": {"LV": 1}}', f"line 1: label 'a' is {{'LV': 1}}, {NOT_WHOLE}"),
        ("a.txt", "Dear all,\nplease find attached\n", NO_TABLE),
        ("a.nrrd", "NRRD0004\ntype: uint8\n", NO_TABLE),
    ],
)
def test_malformed_files(save: Save, name: str, text: str, expected: str) -> None:
    assert refusal(save(name, text)) == expected


def test_files_that_are_no_text(tmp_path: Path, save: Save) -> None:
    assert refusal(tmp_path / "none.csv") == "no such file; check the path"
    assert refusal(tmp_path).startswith("is a folder; give a table of labels")
    binary = tmp_path / "a.ctbl"
    binary.write_bytes(b"\x80\xff\x00")
    assert refusal(binary) == "cannot read it as text; give a table of labels, saved as UTF-8"
    assert refusal(save("b.csv", "x" * 1_000_001)) == "larger than 1,000,000 bytes; give a table of labels"
    assert refusal(save("deep.json", "[" * 100_000)).startswith("not valid JSON: ")


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(["a.txt", "a.ctbl", "a.label", "a.csv", "a.json", "a.yaml"]), text=st.text())
def test_no_text_is_too_strange(save: Save, name: str, text: str) -> None:
    path = save(name, text.encode(errors="replace").decode())
    with suppress(DocumentError):
        assert read_label_file(path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_written_table_is_the_tool_s_own(tmp_path: Path, kind: Kind) -> None:
    path = tmp_path / "heart.ctbl"
    write_label_table([LA, LV], path, kind)
    slicer = SLICER.replace("/home/someone/Segmentation-label_ColorTable", "heart").replace("# 4", "# 3")
    assert path.read_text() == (SNAP if kind == "itksnap" else slicer)
    assert read_label_file(path) == (LV, LA)


NAMES = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="\"'"), min_size=1, max_size=30)
NAMES = NAMES.filter(lambda name: name != "(none)")
COLOURS = st.builds("#{:06x}".format, st.integers(0, 2**24 - 1))
ROWS = st.lists(
    st.builds(LabelRow, st.integers(1, 65_534), NAMES, COLOURS), min_size=1, unique_by=lambda row: row.value
)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS)
def test_names_and_colours_survive(tmp_path: Path, kind: Kind, rows: list[LabelRow]) -> None:
    path = tmp_path / "table.txt"
    write_label_table(rows, path, kind)
    assert list(read_label_file(path)) == sorted(rows, key=lambda row: row.value)


def test_spaces_in_a_name(tmp_path: Path) -> None:
    row = LabelRow(4, "  left \t atrium ", "#e0703a")
    assert row.name == "left atrium"
    write_label_table([row], tmp_path / "a.label", "itksnap")
    assert read_label_file(tmp_path / "a.label") == (row,)
    write_label_table([row], tmp_path / "a.ctbl", "slicer")
    assert read_label_file(tmp_path / "a.ctbl") == (LA,)


@pytest.mark.parametrize("kind", KINDS)
def test_a_label_without_a_colour_gets_one_of_its_own(tmp_path: Path, kind: Kind) -> None:
    path = tmp_path / "a.txt"
    write_label_table([LabelRow(value, f"label {value}") for value in range(1, 31)], path, kind)
    colours = [row.colour for row in read_label_file(path)]
    assert len(set(colours)) == 30
    before = path.read_bytes()
    write_label_table([LabelRow(value, f"label {value}") for value in range(1, 31)], path, kind)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("rows", "kind", "expected"),
    [
        ([LV, evolve(LA, value=1)], "slicer", "labels 'LV' and 'left_atrium' are both 1; remove one"),
        (
            [evolve(LV, value=65_535)],
            "itksnap",
            "ITK-SNAP cannot load the integer 65535 of 'LV'; give it one up to 65534",
        ),
        (
            [evolve(LV, value=10**6 + 1)],
            "slicer",
            "3D Slicer cannot load the integer 1000001 of 'LV'; give it one up to 1000000",
        ),
        ([evolve(LV, name='"LV"')], "itksnap", f"ITK-SNAP cannot load the name '\"LV\"' (label 1); {QUOTES}"),
        ([evolve(LV, name="'LV'")], "slicer", f"3D Slicer cannot load the name \"'LV'\" (label 1); {QUOTES}"),
        ([LV], "csv", "unknown kind of table 'csv'; use one of slicer, itksnap"),
    ],
)
def test_what_a_tool_could_not_load_is_not_written(tmp_path: Path, rows: Any, kind: Any, expected: str) -> None:
    path = tmp_path / "a.txt"
    path.write_text("before")
    with pytest.raises(OutputError) as refused:
        write_label_table(rows, path, kind)
    assert str(refused.value) == f"{path}: {expected}"
    assert path.read_text() == "before"


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.ctbl"
    path.write_text("before")

    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OutputError) as refused:
        write_label_table([LV], path, "slicer")
    assert str(refused.value) == (
        f"{path}: cannot be written: No space left on device; check the folder and its free space"
    )
    assert [file.name for file in tmp_path.iterdir()] == ["a.ctbl"]
    assert path.read_text() == "before"


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="No such file or directory; check the folder and its free space"):
        write_label_table([LV], tmp_path / "none" / "a.ctbl", "slicer")
    with pytest.raises(OutputError, match="directory; check the folder and its free space"):
        write_label_table([LV], tmp_path, "slicer")


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    link = tmp_path / "link.ctbl"
    link.symlink_to(tmp_path / "real.ctbl")
    write_label_table([LV], link, "slicer")
    assert link.is_symlink()
    assert read_label_file(tmp_path / "real.ctbl") == (LV,)


@pytest.mark.parametrize("value", [0, -1, 2**32, 1.0, "1", True, None])
def test_a_row_has_an_integer_from_one(value: Any) -> None:
    with pytest.raises(LabelError) as refused:
        LabelRow(value, "LV")
    assert str(refused.value) == f"label 'LV' is {value!r}; labels are integers from 1 to 4294967295"


@pytest.mark.parametrize("colour", ["red", "#ff00", "#FF0000", "#ff00000", None])
def test_a_row_s_colour(colour: Any) -> None:
    with pytest.raises(LabelError) as refused:
        LabelRow(1, "LV", colour)
    assert str(refused.value) == f"label 'LV' has the colour {colour!r}; {HEXADECIMAL}"


def test_names_to_integers() -> None:
    assert labels_of([LV, LA]) == {"LV": 1, "left_atrium": 4}
    with pytest.raises(LabelError) as refused:
        labels_of([LV, LabelRow(4, "LV")])
    assert str(refused.value) == "labels 1 and 4 are both 'LV'; rename one"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("map.csv", "# renumber\nsource,target\n1.0,LV\nLA,2\n3,0\n"),
        ("map.tsv", "From\tTo\tnote\n1\tLV\t\nLA\t2\t\n\n3\t0\tdeleted\n"),
        ("map.txt", '"old";"new"\n"1";"LV"\n"LA";"2"\n3;0\n'),
    ],
)
def test_a_mapping(save: Save, name: str, text: str) -> None:
    assert read_mapping_file(save(name, text)) == {1: "LV", "LA": 2, 3: 0}


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("m.csv", "# x\nsource,target\n1,2\n1,3\n", "line 4: source 1 is also on line 3; remove one"),
        (
            "m.csv",
            "source,target\n1,\n",
            "line 2: source or target is empty; give an integer or a name (0 deletes)",
        ),
        ("m.csv", "source,target\n", "the mapping is empty; give old and new labels"),
        ("m.csv", "source,target\n#3 LA,23\n", f"line 2: {HASH}"),
        (
            "m.csv",
            "source,target\n010,23\n",
            f"line 2: '010' {OR_NAME}",
        ),
        ("m.csv", "1,2\n", f"line 1: no column source or target among '1', '2' {HEADING}"),
        ("m.csv", "name,value\nLV,1\n", f"line 1: no column source or target among 'name', 'value' {HEADING}"),
        ("m.ctbl", SLICER, "not a mapping of labels; give CSV or TSV with the columns source,target"),
    ],
)
def test_malformed_mappings(save: Save, name: str, text: str, expected: str) -> None:
    assert refusal(save(name, text), read_mapping_file) == expected


def test_from_files_to_other_integers(save: Save) -> None:
    mapping = read_mapping_file(save("map.csv", "source,target\nLV,left_atrium\nleft_atrium,LV\n7,0\n"))
    labels = labels_of(read_label_file(save("heart.label", SNAP)))
    remapper = LabelRemapper.named(mapping, labels, delete=True)
    assert remapper.apply(np.array([0, 1, 4, 7, 9])).tolist() == [0, 4, 1, 0, 9]
    negative = read_mapping_file(save("wrong.csv", "source,target\n-3,5\n"))
    with pytest.raises(LabelError, match="-3 is negative"):
        LabelRemapper.named(negative, labels)
