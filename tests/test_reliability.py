"""The page of promises: each has its tests, and the tests exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
PROMISES = {part.partition("\n")[0]: part for part in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]}
PROMISES.pop("Counts", None)
TESTS = re.findall(r"`((?:tests|plugins)/\S+?\.py)::(\w+)`", PAGE)


@cache
def functions(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize(("file", "name"), TESTS)
def test_a_test_that_is_named_exists(file: str, name: str) -> None:
    assert name in functions(file)


@pytest.mark.parametrize("promise", PROMISES)
def test_a_promise_says_what_how_and_what_not(promise: str) -> None:
    text = PROMISES[promise]
    places = [text.index(part) for part in ("**Promise.**", "**Tested by** `", "**Not promised.**")]
    assert places == sorted(places)
