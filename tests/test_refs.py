"""A reference is checked when it is made, and imports only when it is loaded."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from plugin_packages import fake_site

from pycemrg_core.api.refs import Ref, import_file
from pycemrg_core.errors import PluginError, PycemrgError, RefError


@pytest.mark.parametrize(
    "target", ["module:name", "a.b.c:d", "a:Class.method", "_a:_b", "m\u00f6dul:n\u00e4me", "a1:b2"]
)
def test_a_dotted_name_and_an_object_are_accepted(target: str) -> None:
    assert str(Ref(target)) == target


@pytest.mark.parametrize(
    "target",
    [
        "",
        "module",
        "module:",
        ":name",
        "a:b:c",
        "a b:c",
        "a.:b",
        ".a:b",
        "1a:b",
        "a:b ",
        "a:b\n",
        "a-b:c",
        "a:b()",
    ],
)
def test_any_other_text_is_refused_at_once(target: str) -> None:
    with pytest.raises(PycemrgError) as refused:
        Ref(target)
    assert str(refused.value) == f"{target!r} is not a reference; write it as 'package.module:object'"


@pytest.mark.parametrize("target", [None, 3, b"a:b", len])
def test_anything_but_text_is_refused(target: object) -> None:
    with pytest.raises(PycemrgError, match="is not a reference; write it as"):
        Ref(target)  # type: ignore[arg-type]


def test_references_are_values() -> None:
    assert Ref("a:b") == Ref("a:b")
    assert len({Ref("a:b"), Ref("a:b"), Ref("a:c")}) == 2
    with pytest.raises(AttributeError):
        Ref("a:b").target = "c:d"  # type: ignore[misc]


def test_making_a_reference_imports_nothing(tmp_path: Path) -> None:
    with fake_site(tmp_path) as site:
        (site.folder / "told_when_imported.py").write_text("class Outer:\n    class Inner:\n        value = 3\n")
        ref = Ref("told_when_imported:Outer.Inner.value")
        assert "told_when_imported" not in sys.modules
        assert ref.load() == 3


def test_a_module_that_is_not_there() -> None:
    with pytest.raises(RefError) as refused:
        Ref("nowhere_at_all.inner:thing").load()
    assert str(refused.value) == (
        "cannot import 'nowhere_at_all.inner' for 'nowhere_at_all.inner:thing': "
        "ModuleNotFoundError: No module named 'nowhere_at_all'"
    )


def test_a_module_that_fails(tmp_path: Path) -> None:
    with fake_site(tmp_path) as site:
        (site.folder / "divides.py").write_text("1 / 0\n")
        with pytest.raises(RefError, match="cannot import 'divides' for 'divides:x': ZeroDivisionError: division"):
            Ref("divides:x").load()


@pytest.mark.parametrize("qualified", ["nothing", "Path.nothing", "Path.cwd.nothing"])
def test_an_object_that_is_not_there(qualified: str) -> None:
    with pytest.raises(RefError) as refused:
        Ref(f"pathlib:{qualified}").load()
    assert str(refused.value) == f"module 'pathlib' has no {qualified!r} (from 'pathlib:{qualified}')"


def test_references_into_a_local_file_resolve(tmp_path: Path) -> None:
    file = tmp_path / "local_refs_target.py"
    file.write_text("value = 7\n")
    with fake_site(tmp_path):
        module = import_file(file)
        assert import_file(file) is module
        assert Ref("local_refs_target:value").load() == 7


def test_a_local_file_named_like_an_imported_module_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "json.py"
    file.write_text("")
    with pytest.raises(PluginError) as refused:
        import_file(file)
    assert str(refused.value) == f"{file}: a module named 'json' is already imported; rename the file"


def test_a_local_file_must_not_stand_in_for_a_module_that_is_imported_later(tmp_path: Path) -> None:
    file = tmp_path / "antigravity.py"
    file.write_text("")
    with fake_site(tmp_path), pytest.raises(PluginError, match=r"'antigravity'.*; rename the file"):
        import_file(file)


def test_a_local_file_that_fails_leaves_no_module_behind(tmp_path: Path) -> None:
    file = tmp_path / "fails_at_import.py"
    file.write_text("raise RuntimeError('no')\n")
    with pytest.raises(RuntimeError, match="no"):
        import_file(file)
    assert "fails_at_import" not in sys.modules
