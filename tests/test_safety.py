"""Nothing that a file or a plugin says reaches further than it should."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from command_line import contents, pycemrg, small_heart

import pycemrg_core
import schematics_builtin

ROOT = Path(pycemrg_core.__file__).parent.parent
SOURCES = sorted(
    path
    for folder in (Path(pycemrg_core.__file__).parent, Path(schematics_builtin.__file__).parent, ROOT / "plugins")
    for path in folder.rglob("*.py")
    if "tests" not in path.relative_to(folder).parts
)
SUSPECT = re.compile(r"pickle|marshal|shelve|dill|joblib|eval|exec|unsafe_load|full_load")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_unpickled_or_evaluated(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if not SUSPECT.search(text):  # to read the words is much quicker than to read the code
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            named = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            assert not {"pickle", "marshal", "shelve", "dill", "joblib"} & {name.split(".")[0] for name in named}
        if isinstance(node, ast.Call):
            called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            assert called not in {"eval", "exec", "unsafe_load", "full_load"}, f"line {node.lineno}"
            if called == "load" and isinstance(node.func, ast.Attribute) and ast.unparse(node.func) == "np.load":
                assert not any(keyword.arg == "allow_pickle" for keyword in node.keywords)


NAMES = ["../escape", "/etc/escape", "a/b", "..", ".hidden", "a\\b", "a:b", ""]


@pytest.mark.slow(every=4)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("section", ["schematics", "recipes", "label_schemes"])
def test_a_name_in_yaml_cannot_leave_the_output(tmp_path: Path, section: str, name: str) -> None:
    body = {
        "schematics": "{step: create, labels: {A: 1}}",
        "recipes": "{steps: [mitral_valve]}",
        "label_schemes": "{summary: '', labels: {A: 1}}",
    }
    folder = tmp_path / "inside"
    folder.mkdir()
    plugin = folder / "names.yaml"
    plugin.write_text(f"{section}:\n  {name!r}: {body[section]}\n", encoding="utf-8")
    heart = small_heart(folder)
    before = contents(tmp_path)
    stderr = pycemrg("run", name or "x", heart, "-o", folder / "out", "--keep-steps", "--plugin", plugin, code=1).stderr
    assert "must be 1 to 80 letters, digits, '_', '-' or '.'" in stderr
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: &a [x, x]\nb: [*a, *a]\n", "aliases are not allowed"),
        ("a: !!python/object/apply:os.system ['touch HERE']\n", "tags such as !!int are not allowed"),
        ("recipes: {" + "a: {" * 2000 + "}" * 2000 + "}", "nested too deeply"),
        ("#" * 1_000_001, "larger than 1,000,000 bytes"),
    ],
    ids=["aliases", "objects", "depth", "size"],
)
def test_yaml_that_would_do_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, reason: str) -> None:
    monkeypatch.chdir(tmp_path)
    plugin = tmp_path / "harm.yaml"
    plugin.write_text(text, encoding="utf-8")
    before = contents(tmp_path)
    assert reason in pycemrg("list-recipes", "--plugin", plugin).stderr
    assert contents(tmp_path) == before
