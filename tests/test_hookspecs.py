"""Each hook is documented by an example, and each example is a plugin that works."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from pathlib import Path
from textwrap import dedent
from typing import get_args, get_origin, get_type_hints

import pytest
from plugin_packages import built_in, fake_site

from pycemrg_core.api.hookspecs import PROJECT, HookSpecs
from pycemrg_core.api.kinds import HOOKS, KINDS
from pycemrg_core.api.records import Recipe, Schematic, Step
from pycemrg_core.plugins.catalogue import load_catalogue
from pycemrg_core.plugins.loading import Policy, State
from pycemrg_core.recipes.flatten import flatten

SPECS = {name: spec for name, spec in vars(HookSpecs).items() if hasattr(spec, f"{PROJECT}_spec")}


def example(hook: str) -> str:
    """The indented block after ``Example::`` in a spec's docstring."""
    text = inspect.getdoc(SPECS[hook]) or ""
    _, marker, block = text.partition("Example::\n")
    assert marker, f"{hook} has no example"
    lines = block.splitlines()
    until = next((i for i, line in enumerate(lines) if line and not line.startswith(" ")), len(lines))
    return dedent("\n".join(lines[:until]))


def test_every_hook_has_a_spec_and_every_spec_a_hook() -> None:
    assert list(SPECS) == list(HOOKS)
    assert {name for name in vars(HookSpecs) if not name.startswith("_")} == set(HOOKS)
    assert list(HOOKS.values()) == [kind.record for kind in KINDS]


@pytest.mark.parametrize("hook", HOOKS)
def test_a_spec_takes_nothing_and_says_what_it_returns(hook: str) -> None:
    assert list(inspect.signature(SPECS[hook]).parameters) == ["self"]
    returned = get_type_hints(SPECS[hook])["return"]
    assert (get_origin(returned), get_args(returned)) == (Iterable, (HOOKS[hook],))
    options = getattr(SPECS[hook], f"{PROJECT}_spec")
    assert not options["firstresult"]
    assert not options["historic"]
    with pytest.raises(NotImplementedError):
        SPECS[hook](HookSpecs())


@pytest.mark.parametrize("hook", HOOKS)
def test_a_spec_begins_with_one_line_on_what_it_is(hook: str) -> None:
    first, second = (inspect.getdoc(SPECS[hook]) or "").splitlines()[:2]
    assert re.fullmatch(r"[A-Z].*\.", first)
    assert second == ""


@pytest.mark.parametrize("hook", HOOKS)
def test_the_example_is_a_whole_plugin(tmp_path: Path, hook: str) -> None:
    with fake_site(tmp_path) as site:
        site.install("my-heart", example(hook))
        catalogue = site.catalogue()
        (plugin,) = catalogue.plugins
        assert (plugin.state, plugin.reason) == (State.LOADED, "")
        assert {type(record) for record in plugin.records} == {HOOKS[hook]}
        for record in plugin.records:
            assert catalogue.get(HOOKS[hook], record.name) is record
            assert record.summary


@pytest.mark.slow
def test_all_examples_together_fit_the_built_in_catalogue(tmp_path: Path) -> None:
    with fake_site(tmp_path) as site:
        for hook in HOOKS:
            site.install(f"{hook.replace('_', '-')}-example", example(hook))
        catalogue = load_catalogue(Policy(), found=[*built_in(), *site.discover()])
        assert catalogue.failures() == ()
        assert list(catalogue.conflicts()) == []
        for contribution in catalogue.all(Recipe):
            recipe = catalogue.get(Recipe, contribution.name)
            for step in flatten(recipe, catalogue):
                schematic = catalogue.get(Schematic, step.schematic)
                assert catalogue.get(Step, schematic.step)
