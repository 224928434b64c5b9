"""What a recipe requires: met, missing, too old, not loaded; and what to install."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import pycemrg, small_heart
from plugin_packages import FakeSite, built_in, fake_site

from pycemrg_core.api.records import Recipe, include
from pycemrg_core.errors import RecordError
from pycemrg_core.plugins.catalogue import Catalogue, load_catalogue
from pycemrg_core.plugins.loading import Policy
from pycemrg_core.recipes.flatten import unmet

PART = """
from pycemrg_core.api import Recipe, hookimpl, include

@hookimpl
def pycemrg_recipes():
    yield Recipe(name="with_part", steps=[include("biventricular_basic")])
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[FakeSite]:
    with fake_site(tmp_path) as site:
        site.install("internal-part", PART, version="1.2")
        yield site


def catalogue(site: FakeSite, policy: Policy | None = None) -> Catalogue:
    return load_catalogue(policy or Policy(), found=[*built_in(), *site.discover()])


def problems(site: FakeSite, *requires: str, policy: Policy | None = None) -> list[str]:
    recipe = Recipe(name="mine", steps=("mitral_valve",), requires=requires)
    return list(unmet(recipe, catalogue(site, policy)))


@pytest.mark.parametrize(
    "requirement",
    ["internal-part", "internal-part>=1.0", "Internal_Part==1.2", "internal-part~=1.1,<2", "pycemrg-core>=0.1"],
)
def test_a_requirement_that_is_met(site: FakeSite, requirement: str) -> None:
    assert problems(site, requirement) == []


def test_a_marker_that_does_not_apply(site: FakeSite) -> None:
    assert problems(site, "nowhere-to-be-found; python_version < '3'") == []


@pytest.mark.parametrize(
    ("requirement", "text"),
    [
        (
            "nowhere-to-be-found>=1.0",
            "recipe 'mine' requires nowhere-to-be-found>=1.0, which is not installed;"
            " install it from where its authors publish it",
        ),
        (
            "internal-part>=2",
            "recipe 'mine' requires internal-part>=2; internal-part 1.2 is installed;"
            " install it from where its authors publish it",
        ),
        (
            "internal part >> 2",
            "recipe 'mine' requires 'internal part >> 2', which pip cannot read; write it as 'pycemrg-core>=0.1'",
        ),
    ],
)
def test_a_requirement_that_is_not_met(site: FakeSite, requirement: str, text: str) -> None:
    assert problems(site, requirement) == [text]


def test_installed_but_switched_off(site: FakeSite) -> None:
    policy = Policy(block=frozenset({"internal-part"}))
    assert problems(site, "internal-part", policy=policy) == [
        "recipe 'mine' requires internal-part, whose plugin internal-part is blocked: blocked by name"
    ]


def test_requirements_of_included_recipes_count(tmp_path: Path) -> None:
    text = """
recipes:
  inner: {steps: [mitral_valve], requires: [nowhere-to-be-found]}
  outer: {steps: [{recipe: inner}]}
  round: {steps: [{recipe: round}], requires: [nowhere-either]}
"""
    (tmp_path / "recipes.yaml").write_text(text, encoding="utf-8")
    found = load_catalogue(Policy(), local=[tmp_path / "recipes.yaml"], found=built_in())
    assert [problem[:38] for problem in unmet(found.get(Recipe, "outer"), found)] == [
        "recipe 'inner' requires nowhere-to-be-"
    ]
    # One that includes itself is reported by planning; asking for its requirements ends.
    assert len(list(unmet(found.get(Recipe, "round"), found))) == 1


def test_the_plan_says_what_to_install(tmp_path: Path) -> None:
    text = "recipes: {mine: {steps: [{recipe: biventricular_basic}], requires: ['nowhere-to-be-found>=1.0']}}"
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    result = pycemrg("plan", "mine", small_heart(tmp_path), "--plugin", tmp_path / "mine.yaml", code=1)
    assert "requires nowhere-to-be-found>=1.0, which is not installed" in result.stderr
    assert "install it from where its authors publish it" in result.stderr
    described = pycemrg("describe", "mine", "--plugin", tmp_path / "mine.yaml").stdout
    assert "requires: nowhere-to-be-found>=1.0" in described


@pytest.mark.parametrize(
    ("requires", "text"),
    [
        ("internal-part", "the distributions that a recipe requires are a list, not 'internal-part'"),
        ((7,), "the distributions that a recipe requires are names, not 7"),
        (("",), "the distributions that a recipe requires are names, not ''"),
    ],
)
def test_what_cannot_be_a_requirement(requires: object, text: str) -> None:
    with pytest.raises(RecordError) as caught:
        Recipe(name="r", steps=(include("a"),), requires=requires)  # type: ignore[arg-type]
    assert str(caught.value) == text
