"""Files, folders, patterns and tables to cases, and everything that is wrong with them at once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cohort_lab import hearts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pycemrg_cohort.cases import EXTENSIONS, Case, read_cases
from pycemrg_cohort.memory import voxel_bytes

from pycemrg_core import ImageError, PlanError, read_image

KNOWN = {"parameters": {"LA_WT", "RA_WT"}, "schemes": {"cemrg", "acdc"}}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    hearts(tmp_path / "in", 3, size=8)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def problems(*inputs: str) -> list[str]:
    with pytest.raises(PlanError) as caught:
        read_cases(inputs, **KNOWN)
    assert caught.value.title == "the cohort cannot be used:"
    return list(caught.value.problems)


def test_files_folders_and_patterns_are_one(folder: Path) -> None:
    (folder / "in" / "notes.txt").write_text("no image")
    (folder / "in" / ".hidden.nrrd").write_text("no image")
    by_folder = read_cases(["in"], **KNOWN)
    assert [(case.id, case.path) for case in by_folder] == [(f"h0{n}", f"in/h0{n}.nrrd") for n in range(3)]
    assert by_folder[1].file == str(folder / "in" / "h01.nrrd")
    assert read_cases(["in/*.nrrd"], **KNOWN) == by_folder
    assert read_cases(["**/h*.nrrd"], **KNOWN) == by_folder
    assert read_cases(["in/h02.nrrd", "in/h00.nrrd", "in/h01.nrrd"], **KNOWN) == by_folder


def test_folders_of_masks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without images holds the folders of the cases; one with the masks of a heart is no cohort."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "all").mkdir()
    for name in ("p1", "p2", ".hidden"):
        hearts(tmp_path / "all" / name, 2, size=8)
    by_folder = read_cases(["all"], **KNOWN)
    assert [(case.id, case.path) for case in by_folder] == [("p1", "all/p1"), ("p2", "all/p2")]
    assert read_cases(["all/*"], **KNOWN) == by_folder
    assert voxel_bytes("all/p1") == 2 * voxel_bytes("all/p1/h00.nrrd") > 0
    with pytest.raises(PlanError) as caught:
        read_cases(["all/p1"], **KNOWN, is_structure=lambda name: name in ("h00", "h01"))
    assert caught.value.problems == (
        "all/p1: its images are the structures of one heart; give the folder that it is in, or a pattern in quotes,"
        " such as 'hearts/*'",
    )


def test_the_extensions_are_those_that_are_read(tmp_path: Path) -> None:
    (tmp_path / "heart.xyz").write_text("")
    with pytest.raises(ImageError) as caught:
        read_image(tmp_path / "heart.xyz")
    assert str(caught.value).rpartition("one of ")[2] == ", ".join(EXTENSIONS)


def test_a_stem_has_no_extension(folder: Path) -> None:
    (folder / "two.nii.gz").write_text("")
    (folder / "a.b.nrrd").write_text("")
    assert [case.id for case in read_cases(["two.nii.gz", "a.b.nrrd"], **KNOWN)] == ["a.b", "two"]


@pytest.mark.parametrize(("name", "comma"), [("cohort.csv", ","), ("cohort.tsv", "\t")])
def test_a_table(folder: Path, name: str, comma: str) -> None:
    rows = [["path", "LA_WT", "id", "scheme"], ["h00.nrrd", "2.5", "first", ""], [], ["../in/h01.nrrd", "", "", "acdc"]]
    (folder / "in" / name).write_text("\ufeff" + "\n".join(comma.join(row) for row in rows), encoding="utf-8")
    first, second = read_cases([f"in/{name}"], scheme="cemrg", **KNOWN)
    assert (first.id, first.path, first.scheme, first.parameters) == ("first", "in/h00.nrrd", "cemrg", {"LA_WT": 2.5})
    assert (second.id, second.path, second.scheme, second.parameters) == ("h01", "in/h01.nrrd", "acdc", {})


def test_all_that_is_wrong_with_a_table_is_said_with_its_line(folder: Path) -> None:
    (folder / "t.csv").write_text(
        "path,id,LA_WT,scheme\n"
        "in/h00.nrrd,a,2,\n"
        "in/missing.nrrd,,3,acdcc\n"
        "\n"
        "in/h01.nrrd,A,x\n"
        "in/h01.nrrd,A b,thick,\n"
        "in/h02.nrrd,A,2,cemrg\n"
        ",x,,\n"
    )
    assert problems("t.csv") == [
        "t.csv, line 3: no such file: in/missing.nrrd",
        "t.csv, line 3: no label scheme is called 'acdcc'; did you mean 'acdc'?",
        "t.csv, line 5: 3 cells for 4 columns",
        "t.csv, line 6: LA_WT is 'thick', not a number",
        "t.csv, line 8: no path",
        "t.csv, line 6: id 'A b' must be 1 to 80 letters, digits, '_', '-' or '.' and start with a letter or digit;"
        " give ids in a table",
        "2 cases have the id 'a': t.csv, line 2, t.csv, line 7; give different ids in a table",
    ]


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("image,id", "no column 'path'; the first line names the columns"),
        ("path,LA_WTT", "column 'LA_WTT' is not path, id, scheme or a parameter of the recipe; did you mean"),
        ("path,sex", "column 'sex' is not path, id, scheme or a parameter of the recipe; remove it"),
        ("path,id,id", "column 'id' appears 2 times"),
    ],
)
def test_a_header_that_is_wrong(folder: Path, header: str, told: str) -> None:
    (folder / "t.csv").write_text(f"{header}\nin/h00.nrrd,1,1\n")
    assert any(problem.startswith(f"t.csv, line 1: {told}") for problem in problems("t.csv"))


def test_inputs_that_are_wrong(folder: Path) -> None:
    (folder / "empty").mkdir()
    (folder / "other").mkdir()
    (folder / "other" / "h00.nrrd").write_text("")
    assert problems("nothing.nrrd", "no*.nrrd", "empty", "in", "other") == [
        "nothing.nrrd: no such file or folder",
        "no*.nrrd: no file matches",
        f"empty: no readable image in this folder ({', '.join(EXTENSIONS)}), and no folder of masks",
        "2 cases have the id 'h00': in/h00.nrrd, other/h00.nrrd; give different ids in a table",
    ]
    (folder / "t.csv").write_text("path\n")
    assert problems("t.csv") == ["the inputs contain no case"]


@pytest.mark.slow
@given(st.dictionaries(st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9_.-]{0,20}\Z"), st.floats(0.1, 9), min_size=1))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
def test_what_a_table_says_is_what_a_worker_gets(folder: Path, thickness: dict[str, float]) -> None:
    names = {name.casefold(): name for name in thickness}
    rows = [f"in/h00.nrrd,{name},{thickness[name]!r}" for name in names.values()]
    (folder / "t.csv").write_text("\n".join(["path,id,LA_WT", *rows]))
    cases = read_cases(["t.csv"], **KNOWN)
    assert {case.id: case.parameters["LA_WT"] for case in cases} == {name: thickness[name] for name in names.values()}
    for case in cases:
        assert re.match("t.csv, line ", case.where)
        sent = Case.from_json(case.as_json())
        assert (sent.id, sent.path, sent.file, sent.parameters) == (case.id, case.path, case.file, case.parameters)
