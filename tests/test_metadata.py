"""Our reader of entry points gives the answer of ``importlib.metadata``, at a fraction of its cost."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plugin_packages import FakeSite, fake_site, schematics_source

from pycemrg_core.plugins import loading
from pycemrg_core.plugins.loading import Policy, State
from pycemrg_core.plugins.metadata import EntryPoint, entry_points


def expected(points: Iterable[importlib.metadata.EntryPoint]) -> tuple[EntryPoint, ...]:
    """The standard library's answer in our terms: we leave out extras, ``module [extra]``."""
    return tuple(
        sorted(
            EntryPoint(
                point.dist.name, point.dist.version, point.group, point.name, point.value.partition("[")[0].strip()
            )
            for point in points
            if point.dist is not None
        )
    )


@pytest.fixture
def site(tmp_path: Path) -> FakeSite:
    return FakeSite(tmp_path / "site")


def read(*folders: object, prefix: str = "pycemrg.v") -> list[EntryPoint]:
    return list(entry_points(prefix, [str(folder) for folder in folders]))


HEART = EntryPoint("heart", "1.0", "pycemrg.v1", "heart", "heart")


@pytest.mark.slow
def test_all_groups_of_this_environment() -> None:
    groups = importlib.metadata.entry_points().groups
    ours = entry_points("")
    assert ours == expected(point for group in groups for point in importlib.metadata.entry_points(group=group))
    assert len(ours) > 5


def test_our_group_of_this_environment() -> None:
    installed = importlib.metadata.entry_points(group="pycemrg.v1")
    assert entry_points("pycemrg.v1") == expected(installed)
    assert "builtin" in {point.name for point in entry_points("pycemrg.v1")}


words = st.from_regex(r"[A-Za-z][A-Za-z0-9_.-]{0,8}", fullmatch=True)
space = st.sampled_from(["", " ", "  ", "\t"])
lines = st.one_of(
    st.builds(
        "{0}{2}{1}={1}{3}:{4}{5}{0}".format,
        space,
        space,
        words,
        words,
        words,
        st.sampled_from(["", " [x,y]", "[x]"]),
    ),
    words.map("[{}]".format),
    st.sampled_from(["", "   ", "# a comment = none", "#[commented]"]),
)


@pytest.mark.slow
@given(st.lists(lines, max_size=12), st.sampled_from(["\n", "\r\n"]))
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_spacing_and_comments(tmp_path: Path, lines: list[str], newline: str) -> None:
    folder = tmp_path / "any"
    shutil.rmtree(folder, ignore_errors=True)
    info = FakeSite(folder).install("heart")
    # What stands before the first group belongs to none, so it is left out of the comparison.
    text = newline.join(["[first]", *lines])
    (info / "entry_points.txt").write_text(text, encoding="utf-8", newline="")
    theirs = [p for d in importlib.metadata.distributions(path=[str(folder)]) for p in d.entry_points]
    assert entry_points("", [str(folder)]) == expected(theirs)


def test_lines_before_any_group_are_no_entry_points(site: FakeSite) -> None:
    site.install("heart", entry_points="stray = heart\n[pycemrg.v1]\nheart = heart\n")
    assert read(site.folder, prefix="") == [HEART]


def test_a_prefix_picks_groups(site: FakeSite) -> None:
    site.install(
        "heart",
        entry_points="[pycemrg.v1]\nheart = heart\n\n[pycemrg.v2]\nnext = heart.next\n[gui_scripts]\nx=heart:main",
    )
    assert [(p.group, p.name, p.value) for p in read(site.folder)] == [
        ("pycemrg.v1", "heart", "heart"),
        ("pycemrg.v2", "next", "heart.next"),
    ]
    assert read(site.folder, prefix="pycemrg.v1") == [HEART]


def test_extras_are_left_out(site: FakeSite) -> None:
    site.install("heart", entry_points="[pycemrg.v1]\nheart = heart [fast, pretty]\n")
    assert read(site.folder) == [HEART]


def test_the_first_on_the_path_wins(tmp_path: Path) -> None:
    first, second = FakeSite(tmp_path / "first"), FakeSite(tmp_path / "second")
    first.install("My_Heart.tools", version="2.0", plugin="heart")
    second.install("my-heart-tools", version="1.0", plugin="heart")
    assert [(p.distribution, p.version) for p in read(first.folder, second.folder)] == [("My_Heart.tools", "2.0")]
    assert [(p.distribution, p.version) for p in read(second.folder, first.folder)] == [("my-heart-tools", "1.0")]
    assert len(read(first.folder, first.folder)) == 1


def test_the_first_on_the_path_wins_even_without_a_plugin(tmp_path: Path) -> None:
    first, second = FakeSite(tmp_path / "first"), FakeSite(tmp_path / "second")
    first.install("heart", version="2.0", entry_points="")
    second.install("heart", version="1.0")
    assert read(first.folder, second.folder) == []


def test_the_current_folder(site: FakeSite, monkeypatch: pytest.MonkeyPatch) -> None:
    site.install("heart")
    monkeypatch.chdir(site.folder)
    assert read("") == [HEART]


def test_egg_info_folders(site: FakeSite) -> None:
    for name in ("heart.egg-info", "lungs-3.1-py3.11.egg-info"):
        info = site.folder / name
        info.mkdir()
        short = name[:5]
        (info / "PKG-INFO").write_text(f"Name: {short}\nVersion: 3.1\n")
        (info / "entry_points.txt").write_text(f"[pycemrg.v1]\n{short} = {short}.plugin\n")
    (site.folder / "old-1.0.egg-info").write_text("Name: old\nVersion: 1.0\n")
    assert [(p.distribution, p.version, p.value) for p in read(site.folder)] == [
        ("heart", "3.1", "heart.plugin"),
        ("lungs", "3.1", "lungs.plugin"),
    ]


def test_metadata_that_lacks_its_headers(site: FakeSite) -> None:
    info = site.install("heart")
    (info / "METADATA").write_text("Metadata-Version: 2.1\n\nVersion: not this one\n")
    assert [(p.name, p.version) for p in read(site.folder)] == [("heart", "unknown")]
    (info / "METADATA").unlink()
    assert [(p.name, p.version) for p in read(site.folder)] == [("heart", "unknown")]


def test_a_zipped_distribution(tmp_path: Path) -> None:
    with fake_site(tmp_path) as site:
        info = site.install("zipped-heart", schematics_source("from_a_zip"))
        archive = tmp_path / "packages.zip"
        with zipfile.ZipFile(archive, "w") as packed:
            for file in (site.folder / "zipped_heart.py", *info.iterdir()):
                packed.write(file, file.relative_to(site.folder))
        shutil.rmtree(info)
        (site.folder / "zipped_heart.py").unlink()
        sys.path.insert(0, str(archive))
        try:
            found = loading.discover([str(archive)])
            assert [(one.name, one.version) for one in found] == [("zipped-heart", "1.0")]
            (loaded,) = loading.load(found, Policy())
            assert (loaded.state, [record.name for record in loaded.records]) == (State.LOADED, ["from_a_zip"])
        finally:
            sys.path.remove(str(archive))


@pytest.mark.parametrize("reader", ["importlib.metadata", "importlib_metadata"])
def test_a_zipped_distribution_without_a_name(tmp_path: Path, site: FakeSite, reader: str) -> None:
    # Once imported, the backport answers for archives in place of the standard library.
    pytest.importorskip(reader, reason="the backport is not installed")
    site.install("heart")
    archive = tmp_path / "packages.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("nameless-1.0.dist-info/METADATA", "Version: 1.0\n")
        packed.writestr("nameless-1.0.dist-info/entry_points.txt", "[pycemrg.v1]\na = b\n")
    assert HEART in read(archive, site.folder)


def test_what_is_no_folder_of_packages_is_passed_over(tmp_path: Path, site: FakeSite) -> None:
    site.install("heart")
    junk = tmp_path / "junk.zip"
    junk.write_bytes(b"not a zip")
    assert read(tmp_path / "missing", junk, site.folder) == [HEART]


def test_an_unreadable_folder_is_passed_over(tmp_path: Path, site: FakeSite, monkeypatch: pytest.MonkeyPatch) -> None:
    site.install("heart")
    other = tmp_path / "other"
    other.mkdir()
    listdir = os.listdir
    for error in (PermissionError, FileNotFoundError, OSError):

        def refuse(folder: str, error: type[OSError] = error) -> list[str]:
            if folder == str(other):
                raise error(folder)
            return listdir(folder)

        monkeypatch.setattr("os.listdir", refuse)
        assert read(other, site.folder) == [HEART]


def test_one_broken_metadata_file_costs_only_its_own_distribution(site: FakeSite) -> None:
    site.install("heart")
    (site.install("a-folder") / "entry_points.txt").unlink()
    (site.folder / "a_folder-1.0.dist-info" / "entry_points.txt").mkdir()
    (site.install("latin-one") / "entry_points.txt").write_bytes(b"[pycemrg.v1]\n\xe9 = latin_one\n")
    assert HEART in read(site.folder)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="whoever runs the tests may read everything")
def test_an_unreadable_metadata_file_is_passed_over(site: FakeSite) -> None:
    site.install("heart")
    (site.install("secret") / "entry_points.txt").chmod(0)
    assert read(site.folder) == [HEART]
