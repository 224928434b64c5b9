"""The one reader of text: files, numbers, YAML, JSON and tables. What it reads is what is written, or it refuses."""

from __future__ import annotations

import csv
import io
import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pycemrg_core.errors import DocumentError
from pycemrg_core.text.files import read_text
from pycemrg_core.text.label_tables import read_label_file, read_labels_file, read_mapping_file
from pycemrg_core.text.numbers import like_number, parse_number, whole_number
from pycemrg_core.text.structured import as_yaml, load_json, load_yaml, parse_json, parse_yaml
from pycemrg_core.text.tables import table_rows

# --- files


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_with_a_mark_and_all_line_ends(tmp_path: Path, encoding: str, end: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(f"näme,value{end}ñ,1{end}".encode(encoding))
    assert read_text(path) == "näme,value\nñ,1\n"


@pytest.mark.parametrize("order", ["le", "be"])
def test_utf_16_of_both_orders(tmp_path: Path, order: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("\ufeffname,value\nLV,1\n".encode(f"utf-16-{order}"))
    assert read_labels_file(path) == {"LV": 1}


@pytest.mark.parametrize("data", [b"\xff\xfe\xff", b"\x80", "LV".encode("utf-16-le")])
def test_bytes_that_are_no_text(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(data)
    with pytest.raises(DocumentError, match=r"a\.yaml: cannot read it as text: .*; save it as UTF-8$"):
        read_text(path)


READERS = {
    "yaml": load_yaml,
    "json": load_json,
    "labels": read_label_file,
    "mapping": read_mapping_file,
    "text": read_text,
}


@pytest.mark.slow(every=4)
@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("fifo", "not an ordinary file; give "),
        ("/dev/zero", "not an ordinary file; give "),
        ("folder", "is a folder; give "),
        ("none", "no such file; check the path"),
        ("n" * 5000, "cannot be read: File name too long; check the path"),
        ("with\0nul", "cannot be read: embedded null byte; check the path"),
        ("large", "larger than 1,000,000 bytes; give "),
    ],
)
def test_no_other_file_is_waited_for(tmp_path: Path, read: object, place: str, message: str) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    (tmp_path / "large").write_bytes(b"a" * 1_000_001)
    with pytest.raises(DocumentError) as refused:
        read(tmp_path / place)
    assert message in str(refused.value)
    assert "\0" not in str(refused.value)


@pytest.mark.slow
def test_a_run_does_not_wait_for_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "labels.yaml")
    (tmp_path / "heart.nrrd").write_bytes(b"never read")
    command = [sys.executable, "-m", "pycemrg_core", "run", "atria_full", "heart.nrrd", "-o", "out"]
    done = subprocess.run(
        [*command, "--labels", "labels.yaml"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert done.stderr == "error: labels.yaml: not an ordinary file; give a table of labels\n"


# --- numbers

ODD = [
    "010",
    "00",
    "1_0",
    "0x10",
    "0o7",
    "0b1",
    "1:30",
    "1e3",
    "1.5",
    "1,5",
    "\u0661",
    "\u00b2",
    "1 0",
    "+-1",
    "",
    "no",
    "½",
]


@pytest.mark.parametrize("text", ODD)
def test_what_is_no_whole_number(text: str) -> None:
    assert whole_number(text) is None


@pytest.mark.slow
@given(st.integers(-(10**19), 10**19))
def test_every_decimal_number_is_itself(value: int) -> None:
    assert whole_number(str(value)) == whole_number(f" {value}.0") == value
    assert like_number(str(value))


@pytest.mark.slow
@given(st.text(max_size=8))
@example("1_0")
def test_a_whole_number_is_what_everybody_reads(text: str) -> None:
    if (value := whole_number(text)) is not None:
        assert float(text) == value
        assert re.fullmatch(r"\s*[+-]?\d+(\.0*)?\s*", text)
        assert not re.match(r"\s*[+-]?0\d", text)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_read_to_the_last_digit(value: float) -> None:
    assert parse_number(repr(value)) == value


@pytest.mark.parametrize("text", ["1_0", "0x2", "nan", "inf", "1e999", "2,5", "", "1:30", "٢", "--1", "1e", "."])
def test_what_is_no_number(text: str) -> None:
    assert parse_number(text) is None


# --- YAML and JSON


@pytest.mark.parametrize(
    "text",
    [
        "010",
        "1_0",
        "0x10",
        "0b11",
        "1:30",
        "no",
        "yes",
        "on",
        "off",
        "y",
        "2024-01-01",
        ".inf",
        ".nan",
        "1e",
        "<<",
        "=",
    ],
)
def test_yaml_is_what_it_looks_like(text: str) -> None:
    assert parse_yaml(f"{text}: {text}", "a") == {text: text}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("10", 10), ("-3", -3), ("0", 0), ("1.0", 1.0), ("2.5e-3", 0.0025), (".5", 0.5), ("'010'", "010")),
        *(("true", True), ("False", False), ("null", None), ("~", None), ("", None)),
    ],
)
def test_plain_values(text: str, value: object) -> None:
    found = parse_yaml(f"a: {text}", "a")["a"]
    assert (found, type(found)) == (value, type(value))


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x85\u2028\u2029\ufeff"))
NUMBERS = st.one_of(st.integers(-(10**30), 10**30), st.floats(allow_nan=False, allow_infinity=False))
VALUES = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)


@pytest.mark.slow
@given(st.dictionaries(TEXTS, st.lists(VALUES, max_size=3)))
@example({"no": ["010", "1e3", "1:30", "~", "1_0", "true", "2024-01-01", "<<"]})
def test_what_is_written_comes_back_here_and_elsewhere(data: dict[str, object]) -> None:
    text = as_yaml(data)
    assert parse_yaml(text, "a") == data
    assert yaml.safe_load(text) == data, "YAML 1.1 reads the same"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: !!int '3'", "tags such as !!int are not allowed"),
        ("!!map {a: 1}", "tags such as !!int are not allowed"),
        ("a: !x 3", "tags such as !!int are not allowed"),
        ("a: &x 1\nb: *x", "aliases are not allowed"),
        ("a: 1\na: 2", "key 'a' is given twice"),
        ("a: 1\n---\nb: 2", "but found another document"),
    ],
)
def test_yaml_that_is_refused(text: str, why: str) -> None:
    with pytest.raises(DocumentError, match=why):
        parse_yaml(text, "a")


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_json_holds_numbers(constant: str) -> None:
    with pytest.raises(DocumentError, match=f"a: not valid JSON: {constant} is not a number"):
        parse_json(f'{{"a": {constant}}}', "a")


# --- tables


def rows(text: str) -> list[list[str]]:
    return [cells for _, cells in table_rows(text, "t.csv")]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_header_shows_the_separator(separator: str) -> None:
    text = "path,id\na.nrrd,one\n".replace(",", separator)
    assert rows(text) == [["path", "id"], ["a.nrrd", "one"]]


def test_a_line_of_excel_names_the_separator() -> None:
    assert rows("sep=;\npath\na,b\n") == [["path"], ["a,b"]]


def test_quotes_hold_separators_and_lines() -> None:
    assert [*table_rows('a,b\n\n"x,\n1","#y"\n"#z",2\n', "t")] == [
        (1, ["a", "b"]),
        (3, ["x,\n1", "#y"]),
        (5, ["#z", "2"]),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n#3 LA,23\n", "t.csv, line 2: begins with '#'; remove the line, or put its first cell in quotes"),
        ("a,b\n\n  # x\n", "t.csv, line 3: begins with '#'; remove the line, or put its first cell in quotes"),
        ('a,b\n"x,1\n2,3\n', "t.csv, line 2: not CSV: unexpected end of data; correct the quotes"),
        ('a,b\n"x"y,1\n', "t.csv, line 2: not CSV: ',' expected after '\"'; correct the quotes"),
        (f"a,b\n{'x' * 131_073},1\n", "t.csv, line 2: not CSV: field larger than field limit (131072); correct"),
    ],
)
def test_rows_that_would_vanish_or_be_misread(text: str, message: str) -> None:
    with pytest.raises(DocumentError, match=re.escape(message)):
        rows(text)


CELLS = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=6)


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.filter_too_much])
@given(st.integers(2, 4).flatmap(lambda n: st.lists(st.lists(CELLS, min_size=n, max_size=n), min_size=2, max_size=5)))
def test_what_the_library_writes_is_read(table: list[list[str]]) -> None:
    table = [["a", "b", "c", "d"][: len(table[0])], *table[1:]]
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(table)
    assert rows(text.getvalue()) == table


@pytest.mark.slow
@given(st.text())
def test_no_table_is_too_strange(text: str) -> None:
    with suppress(DocumentError):
        assert all(any(cells) for cells in rows(text))
