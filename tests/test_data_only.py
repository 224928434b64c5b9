"""Packages of YAML alone: found, listed, refused with a reason; nothing of them runs, ``--help`` stays light."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from plugin_packages import FakeSite, built_in, fake_site, modules_after

from pycemrg_core.api.records import LabelScheme, Recipe, Schematic
from pycemrg_core.plugins.catalogue import Catalogue, load_catalogue
from pycemrg_core.plugins.loading import Policy, State

RECIPES = """
schematics:
  svc_wall:
    step: create
    labels: {SVC_label: 13, SVC_wall: 113}
    parameters: {SVC_WT: 2.0}
    semantic_map:
      SOURCE_BLOOD_POOL_NAME: SVC_label
      TARGET_MYOCARDIUM_NAME: SVC_wall
      WALL_THICKNESS_PARAMETER_NAME: SVC_WT
      APPLICATION_STEPS: [{MODE: ADD, RULE_LABEL_NAMES: []}]
recipes:
  with_svc_wall: {summary: a wall round the SVC, steps: [svc_wall]}
label_schemes:
  our-scanner: {summary: what our scanner writes, labels: {LV_BP_label: 7}}
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[FakeSite]:
    with fake_site(tmp_path) as site:
        yield site


def install(site: FakeSite, value: str, text: str = RECIPES, *, init: str | None = None) -> None:
    package = site.folder / "paper_recipes"
    package.mkdir()
    (package / "recipes.yaml").write_text(text, encoding="utf-8")
    if init is not None:
        (package / "__init__.py").write_text(init, encoding="utf-8")
    site.install("paper-recipes-dist", entry_points=f"[pycemrg.v1]\npaper = {value}\n")


def catalogue(site: FakeSite) -> Catalogue:
    return load_catalogue(Policy(), found=[*built_in(), *site.discover()])


def test_a_package_of_yaml_contributes(site: FakeSite) -> None:
    install(site, "paper_recipes:recipes.yaml")
    found = catalogue(site)
    assert found.get(Schematic, "svc_wall").parameters == {"SVC_WT": 2.0}
    assert found.get(LabelScheme, "our-scanner").labels == {"LV_BP_label": 7}
    contribution = found.find(Recipe, "with_svc_wall")
    assert str(contribution.provider) == "paper (paper-recipes-dist 1.0)"


def test_nothing_of_the_package_runs(site: FakeSite) -> None:
    install(site, "paper_recipes:recipes.yaml", init="raise RuntimeError('it ran')")
    assert catalogue(site).get(Recipe, "with_svc_wall")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("paper_recipes:other.yaml", "package 'paper_recipes' has no file 'other.yaml'; add the file to its"),
        (
            "paper_recips:recipes.yaml",
            "'paper_recips' in 'paper_recips:recipes.yaml' is not an installed top-level package",
        ),
        ("os:recipes.yaml", "'os' in 'os:recipes.yaml' is not an installed top-level package"),
        (
            "a.b:recipes.yaml",
            "'a.b' in 'a.b:recipes.yaml' is not an installed top-level package; check the entry point",
        ),
    ],
)
def test_a_file_that_is_not_there(site: FakeSite, value: str, reason: str) -> None:
    install(site, value)
    (plugin,) = (plugin for plugin in catalogue(site).plugins if plugin.found.name == "paper")
    assert plugin.state is State.FAILED
    assert plugin.reason.startswith(reason)


def test_a_file_that_is_wrong(site: FakeSite) -> None:
    install(site, "paper_recipes:recipes.yaml", "recipes: {mine: {steps: [], stps: []}}")
    (plugin,) = (plugin for plugin in catalogue(site).plugins if plugin.found.name == "paper")
    assert plugin.state is State.FAILED
    assert (
        "recipes.yaml: unknown key 'stps'"
        " (known: name, summary, steps, requires, scheme, open, may_touch, needs) @ recipes.mine" in plugin.reason
    )


@pytest.mark.slow
def test_help_does_not_read_it(site: FakeSite, tmp_path: Path) -> None:
    install(site, "paper_recipes:recipes.yaml")
    run = "from pycemrg_core.cli import main; main()"
    _, modules, _ = modules_after(run, "--help", path=[site.folder], cwd=tmp_path)
    assert not {"yaml", "cattrs", "numpy"} & modules
    _, _, listed = modules_after(run, "list-recipes", path=[site.folder], cwd=tmp_path)
    assert "with_svc_wall" in listed
