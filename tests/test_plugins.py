"""Finding and loading plugins: states, policy, conflicts, and that a broken plugin costs only itself."""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from plugin_packages import FakeSite, built_in, fake_site, run_python, schematics_source

from pycemrg_core.api.records import Metric, Recipe, Schematic, Step, include
from pycemrg_core.errors import NameConflictError, PlanError, PluginError, UnknownNameError
from pycemrg_core.plugins import loading
from pycemrg_core.plugins.catalogue import Catalogue, load_catalogue
from pycemrg_core.plugins.loading import GROUP, LOCAL_FILE, Found, Plugin, Policy, State
from pycemrg_core.recipes.runner import run_recipe

HOOKS = "from pycemrg_core.api.hookspecs import hookimpl\nfrom pycemrg_core.api.records import *\n"
ONE_SCHEMATIC = "Schematic(name='a', step='create', labels={'LV': 1})"


@pytest.fixture(autouse=True)
def _default_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYCEMRG_PLUGINS", raising=False)
    monkeypatch.delenv("PYCEMRG_STRICT", raising=False)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[FakeSite]:
    with fake_site(tmp_path) as site:
        yield site


def names(catalogue: Catalogue) -> list[str]:
    return [contribution.name for contribution in catalogue.contributions]


def states(catalogue: Catalogue) -> dict[str, State]:
    return {plugin.found.name: plugin.state for plugin in catalogue.plugins}


def only(catalogue: Catalogue, name: str) -> Plugin:
    (plugin,) = (plugin for plugin in catalogue.plugins if plugin.found.name == name)
    return plugin


def telling(file: Path) -> str:
    """A module that leaves a file behind when it is imported."""
    return f"from pathlib import Path\nPath({str(file)!r}).write_text('imported')\n"


# --- discovery and states


def test_discovery_imports_nothing_and_is_sorted(site: FakeSite, tmp_path: Path) -> None:
    told = tmp_path / "told"
    site.install("z-heart", telling(told), version="2.0", plugin="zed")
    site.install("a-heart", telling(told), plugin="ay", group="pycemrg.v2")
    assert site.discover() == (
        Found("ay", "a-heart", "1.0", "pycemrg.v2", "a_heart"),
        Found("zed", "z-heart", "2.0", GROUP, "z_heart"),
    )
    assert not told.exists()
    assert [str(found) for found in site.discover()] == ["ay (a-heart 1.0)", "zed (z-heart 2.0)"]


def test_other_groups_are_not_ours(site: FakeSite) -> None:
    site.install("elsewhere", entry_points="[console_scripts]\npycemrg.v1 = elsewhere\n[pycemrg_v1]\na = elsewhere\n")
    assert site.discover() == ()


def test_the_core_has_built_in_plugins() -> None:
    names = ("builtin", "certificate", "demo", "fusing", "labels", "pictures", "readers")
    assert [(found.name, found.distribution, found.group) for found in built_in()] == [
        (name, "pycemrg-core", GROUP) for name in names
    ]
    catalogue = load_catalogue(Policy(), found=built_in())
    assert states(catalogue) == dict.fromkeys(names, State.LOADED)
    assert {c.name for c in catalogue.all(Step)} >= {"create", "valve", "ring", "push"}


def test_a_loaded_plugin(site: FakeSite) -> None:
    site.install("heart", schematics_source("one", "two"), version="3.1")
    catalogue = site.catalogue()
    plugin = only(catalogue, "heart")
    assert (plugin.state, plugin.reason) == (State.LOADED, "")
    assert [record.name for record in plugin.records] == ["one", "two"]
    assert catalogue.find(Schematic, "one").provider == Found("heart", "heart", "3.1", GROUP, "heart")
    assert catalogue.failures() == ()


def test_another_api_version_is_never_imported(site: FakeSite, tmp_path: Path) -> None:
    told = tmp_path / "told"
    site.install("future", telling(told), group="pycemrg.v2")
    site.install("sound", schematics_source("sound"))
    catalogue = site.catalogue()
    assert not told.exists()
    assert states(catalogue) == {"future": State.INCOMPATIBLE, "sound": State.LOADED}
    assert only(catalogue, "future").reason == (
        "written for plugin API pycemrg.v2, but this is pycemrg.v1; install a matching version"
    )
    assert [plugin.found.name for plugin in catalogue.failures()] == ["future"]


# What a module says, and the reason that is given.
BROKEN = {
    "import error": (
        "import nowhere_at_all",
        "importing 'broken': ModuleNotFoundError: No module named 'nowhere_at_all'",
    ),
    "syntax error": ("def (:", "importing 'broken': SyntaxError: invalid syntax (broken.py:1)"),
    "exit at import": ("raise SystemExit('bye')", "importing 'broken': SystemExit: bye"),
    "silent error": ("raise RuntimeError", "importing 'broken': RuntimeError"),
    "long error": ("raise ValueError('first\\nsecond')", "importing 'broken': ValueError: first"),
    "wrong record at import": (
        f"{HOOKS}Schematic(name='../up', step='create', labels={{}})",
        "Schematic: name '../up' must be 1 to 80 letters, digits, '_', '-' or '.' and start with ",
    ),
    "error of ours with lines": (
        "from pycemrg_core.errors import PlanError\nraise PlanError('no', ['a', 'b'])",
        "no",
    ),
    "error of a class of its own": (
        "class Stop(BaseException):\n    pass\nraise Stop('here')",
        "importing 'broken': Stop: here (broken.py:3, in <module>)",
    ),
    "error without words": (
        "class Mute(Exception):\n    def __str__(self):\n        return 1 / 0\nraise Mute",
        "importing 'broken': Mute, whose text cannot be shown: its __str__ raises ZeroDivisionError "
        "(broken.py:4, in <module>)",
    ),
    "endless hook": (
        f"{HOOKS}from itertools import count\n@hookimpl\ndef pycemrg_steps():\n    return count()",
        "pycemrg_steps returns more than 10,000 records; does it end? (broken.py:4, in pycemrg_steps)",
    ),
    "deep in a hook": (
        f"{HOOKS}def deep():\n    return [][0]\n@hookimpl\ndef pycemrg_steps():\n    return deep()",
        "pycemrg_steps failed: IndexError: list index out of range (broken.py:4, in deep)",
    ),
    "raising hook": (
        f"{HOOKS}@hookimpl\ndef pycemrg_steps():\n    raise OSError('no disk')",
        "pycemrg_steps failed: OSError: no disk",
    ),
    "exiting hook": (
        f"{HOOKS}@hookimpl\ndef pycemrg_steps():\n    raise SystemExit(3)",
        "pycemrg_steps failed: SystemExit: 3",
    ),
    "generator that fails late": (
        f"{HOOKS}@hookimpl\ndef pycemrg_schematics():\n    yield {ONE_SCHEMATIC}\n    1 / 0",
        "pycemrg_schematics failed: ZeroDivisionError: division by zero",
    ),
    "wrong record in a hook": (
        f"{HOOKS}@hookimpl\ndef pycemrg_recipes():\n    yield Recipe(name='', steps=())",
        "pycemrg_recipes failed: Recipe: name '' must be 1 to 80 letters, digits, '_', '-' or '.' "
        "and start with a letter or digit",
    ),
    "record of another type": (
        f"{HOOKS}@hookimpl\ndef pycemrg_recipes():\n    return [{ONE_SCHEMATIC}]",
        "pycemrg_recipes must return Recipe records, not Schematic(name='a', ",
    ),
    "record of a subclass": (
        f"{HOOKS}class Mine(Schematic):\n    pass\n"
        "@hookimpl\ndef pycemrg_schematics():\n    yield Mine(name='a', step='create', labels={})",
        "pycemrg_schematics must return Schematic records, not Mine(name='a', ",
    ),
    "no record": (
        f"{HOOKS}@hookimpl\ndef pycemrg_recipes():\n    return 'ab'",
        "pycemrg_recipes must return Recipe records, not 'a'",
    ),
    "nothing returned": (
        f"{HOOKS}@hookimpl\ndef pycemrg_recipes():\n    pass",
        "pycemrg_recipes returned None; yield Recipes or return a list of them",
    ),
    "one record, not in a list": (
        f"{HOOKS}@hookimpl\ndef pycemrg_schematics():\n    return {ONE_SCHEMATIC}",
        "pycemrg_schematics returned one Schematic; yield Schematics or return a list of them",
    ),
    "misspelt hook": (
        f"{HOOKS}@hookimpl\ndef pycemrg_schematic():\n    return []",
        "unknown hook 'pycemrg_schematic'; did you mean 'pycemrg_schematics'",
    ),
    "misspelt specname": (
        f"{HOOKS}@hookimpl(specname='pycemrg_step')\ndef mine():\n    return []",
        "unknown hook 'pycemrg_step'; did you mean 'pycemrg_steps'",
    ),
    "misspelt optional hook": (
        f"{HOOKS}@hookimpl(optionalhook=True)\ndef pycemrg_step():\n    return []",
        "unknown hook 'pycemrg_step'; did you mean 'pycemrg_steps'",
    ),
    "unmarked hook": (
        f"{HOOKS}def pycemrg_schematics():\n    return []",
        "pycemrg_schematics is not marked with @hookimpl",
    ),
    "unmarked hook beside a marked one": (
        f"{HOOKS}@hookimpl\ndef pycemrg_recipes():\n    return []\ndef pycemrg_schematics():\n    return []",
        "pycemrg_schematics is not marked with @hookimpl",
    ),
    "unmarked and misspelt hook beside a marked one": (
        f"{HOOKS}@hookimpl\ndef pycemrg_recipes():\n    return []\ndef pycemrg_schematic():\n    return []",
        "pycemrg_schematic is not marked with @hookimpl; did you mean 'pycemrg_schematics'",
    ),
    "hook with an argument": (
        f"{HOOKS}@hookimpl\ndef pycemrg_schematics(config):\n    return []",
        "pycemrg_schematics takes no arguments, but asks for 'config'",
    ),
    "first in line": (
        f"{HOOKS}@hookimpl(tryfirst=True)\ndef pycemrg_schematics():\n    return []",
        "pycemrg_schematics asks for an order or wraps other hooks; remove that, hooks only return records",
    ),
    "last in line": (
        f"{HOOKS}@hookimpl(trylast=True)\ndef pycemrg_schematics():\n    return []",
        "pycemrg_schematics asks for an order or wraps other hooks; remove that, hooks only return records",
    ),
    "wrapper": (
        f"{HOOKS}@hookimpl(wrapper=True)\ndef pycemrg_schematics():\n    return (yield)",
        "pycemrg_schematics asks for an order or wraps other hooks; remove that, hooks only return records",
    ),
    "old wrapper": (
        f"{HOOKS}@hookimpl(hookwrapper=True)\ndef pycemrg_schematics():\n    yield",
        "pycemrg_schematics asks for an order or wraps other hooks; remove that, hooks only return records",
    ),
    "one name twice": (
        f"{HOOKS}@hookimpl\ndef pycemrg_schematics():\n    return [{ONE_SCHEMATIC}, {ONE_SCHEMATIC}]",
        "pycemrg_schematics returns the name 'a' twice",
    ),
    "no hook": ("answer = 42", "module 'broken' implements no hook; mark functions with @hookimpl"),
    "hook of another project": (
        "import pluggy\n@pluggy.HookimplMarker('pytest')\ndef pycemrg_schematics():\n    return []",
        "pycemrg_schematics is not marked with @hookimpl",
    ),
}


@pytest.mark.slow(every=4)
@pytest.mark.parametrize(("source", "reason"), BROKEN.values(), ids=BROKEN)
def test_a_broken_plugin_costs_only_itself(site: FakeSite, source: str, reason: str) -> None:
    site.install("broken", source)
    site.install("a-sound", schematics_source("first"))
    site.install("sound", schematics_source("second"))
    catalogue = site.catalogue()
    assert states(catalogue) == {"a-sound": State.LOADED, "broken": State.FAILED, "sound": State.LOADED}
    assert names(catalogue) == ["first", "second"]
    broken = only(catalogue, "broken")
    assert broken.records == ()
    assert broken.reason.startswith(reason)
    if source != BROKEN["no hook"][0]:
        assert re.search(r" \(broken\.py:\d+(, in (<module>|\w+))?\)$", broken.reason)
    assert "\n" not in broken.reason
    assert len(broken.reason) < 300
    assert catalogue.failures() == (broken,)


@pytest.mark.parametrize("value", ["broken:attribute", "broken.deep", "not-a-module!", ""])
def test_an_entry_point_that_names_no_module(site: FakeSite, value: str) -> None:
    site.install("broken", entry_points=f"[{GROUP}]\nbroken = {value}\n")
    site.install("sound", schematics_source("sound"))
    catalogue = site.catalogue()
    assert states(catalogue) == {"broken": State.FAILED, "sound": State.LOADED}
    assert f"importing {value!r}: " in only(catalogue, "broken").reason


def test_an_interrupt_is_not_a_fault_of_the_plugin(site: FakeSite) -> None:
    site.install("slow", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        site.catalogue()


def test_a_distribution_may_hold_two_plugins(site: FakeSite) -> None:
    (site.folder / "second_module.py").write_text(schematics_source("two"))
    site.install(
        "heart",
        schematics_source("one"),
        entry_points=f"[{GROUP}]\nfirst = heart\nsecond = second_module\nagain = heart\n",
    )
    catalogue = site.catalogue()
    # The same module under two names would contribute everything twice.
    assert states(catalogue) == {"again": State.LOADED, "first": State.FAILED, "second": State.LOADED}
    assert only(catalogue, "first").reason == "module 'heart' is registered twice"
    assert names(catalogue) == ["one", "two"]


def test_two_functions_for_one_hook(site: FakeSite) -> None:
    source = HOOKS + "".join(
        f"@hookimpl(specname='pycemrg_schematics')\ndef part_{name}():\n"
        f"    yield Schematic(name='{name}', step='create', labels={{}})\n"
        for name in "ab"
    )
    site.install("heart", source)
    assert names(site.catalogue()) == ["a", "b"]


# --- policy


@pytest.mark.parametrize(
    ("environment", "policy"),
    [
        ({}, Policy()),
        ({"PYCEMRG_PLUGINS": "a,b"}, Policy(allow=frozenset("ab"))),
        ({"PYCEMRG_PLUGINS": " a , b,, "}, Policy(allow=frozenset("ab"))),
        ({"PYCEMRG_PLUGINS": ""}, Policy(allow=frozenset())),
        ({"PYCEMRG_PLUGINS": " "}, Policy(allow=frozenset())),
        ({"PYCEMRG_PLUGINS": "-c"}, Policy(block=frozenset("c"))),
        ({"PYCEMRG_PLUGINS": "a,-c"}, Policy(allow=frozenset("a"), block=frozenset("c"))),
        ({"PYCEMRG_STRICT": "1"}, Policy(strict=True)),
        ({"PYCEMRG_STRICT": "0"}, Policy()),
        ({"PYCEMRG_STRICT": ""}, Policy()),
    ],
)
def test_the_policy_is_read_from_the_environment(environment: dict[str, str], policy: Policy) -> None:
    assert Policy.from_environment(environment) == policy


def test_no_plugins_wins_over_the_list() -> None:
    policy = Policy.from_environment({"PYCEMRG_PLUGINS": "a", "PYCEMRG_STRICT": "1"}, no_plugins=True)
    assert policy == Policy(allow=frozenset(), strict=True)


POLICIES = {
    "all": (Policy(), {"builtin": "", "heart": "", "lungs": ""}),
    "none": (
        Policy(allow=frozenset()),
        {"builtin": "", "heart": "plugins are switched off", "lungs": "plugins are switched off"},
    ),
    "one by plugin": (
        Policy(allow=frozenset({"heart"})),
        {"builtin": "", "heart": "", "lungs": "not among the plugins allowed"},
    ),
    "one by distribution": (
        Policy(allow=frozenset({"lung-tools"})),
        {"builtin": "", "heart": "not among the plugins allowed", "lungs": ""},
    ),
    "all but one": (Policy(block=frozenset({"lungs"})), {"builtin": "", "heart": "", "lungs": "blocked by name"}),
    "all but one distribution": (
        Policy(block=frozenset({"heart-tools"})),
        {"builtin": "", "heart": "blocked by name", "lungs": ""},
    ),
    "not the built-in": (
        Policy(block=frozenset({"builtin"})),
        {"builtin": "blocked by name", "heart": "", "lungs": ""},
    ),
    "allowed and blocked": (
        Policy(allow=frozenset({"heart", "lungs"}), block=frozenset({"lungs"})),
        {"builtin": "", "heart": "", "lungs": "blocked by name"},
    ),
}


@pytest.mark.parametrize(("policy", "reasons"), POLICIES.values(), ids=POLICIES)
def test_policy_is_applied_before_import(
    site: FakeSite, tmp_path: Path, policy: Policy, reasons: dict[str, str]
) -> None:
    for name in ("heart", "lungs"):
        source = telling(tmp_path / name) + schematics_source(name)
        site.install("lung-tools" if name == "lungs" else "heart-tools", source, plugin=name)
    (first,) = (found for found in built_in() if found.name == "builtin")
    catalogue = load_catalogue(policy, found=[first, *site.discover()])
    for plugin in catalogue.plugins:
        reason = reasons.get(plugin.found.name, "")
        assert (plugin.reason, plugin.state) == (reason, State.BLOCKED if reason else State.LOADED)
        if not plugin.found.built_in:
            assert (tmp_path / plugin.found.name).exists() == (not reason)
    assert catalogue.failures() == ()
    assert bool(catalogue.all(Recipe)) == (not reasons["builtin"])


def test_a_blocked_plugin_of_another_api_is_no_failure(site: FakeSite) -> None:
    site.install("future", group="pycemrg.v2")
    assert states(site.catalogue(Policy(block=frozenset({"future"})))) == {"future": State.BLOCKED}


def test_the_environment_is_the_default_policy(site: FakeSite, monkeypatch: pytest.MonkeyPatch) -> None:
    site.install("heart", schematics_source("heart"))
    monkeypatch.setenv("PYCEMRG_PLUGINS", "")
    assert states(load_catalogue(found=site.discover())) == {"heart": State.BLOCKED}
    monkeypatch.setenv("PYCEMRG_PLUGINS", "heart")
    assert states(load_catalogue(found=site.discover())) == {"heart": State.LOADED}


def test_a_policy_that_names_nobody(site: FakeSite) -> None:
    site.install("my-heart", plugin="heart")
    policy = Policy.from_environment({"PYCEMRG_PLUGINS": "heart,my-heart,hart,-nobody"})
    assert list(policy.unknown(site.discover())) == [
        "no plugin is called 'hart'; did you mean 'heart' or 'my-heart'?",
        "no plugin is called 'nobody'",
    ]


@pytest.mark.parametrize(("source", "group"), [("import nowhere_at_all", GROUP), ("", "pycemrg.v2")])
def test_strict_makes_a_failure_fatal(site: FakeSite, source: str, group: str) -> None:
    site.install("broken", source, version="4.2", group=group)
    with pytest.raises(PluginError) as refused:
        site.catalogue(Policy(strict=True))
    assert str(refused.value).startswith("plugin broken (broken 4.2): ")
    assert str(refused.value).endswith("; fix it, or unset PYCEMRG_STRICT to go on")


def test_strict_minds_no_plugin_that_is_blocked_or_sound(site: FakeSite) -> None:
    site.install("broken", "import nowhere_at_all")
    site.install("sound", schematics_source("sound"))
    catalogue = site.catalogue(Policy(strict=True, block=frozenset({"broken"})))
    assert states(catalogue) == {"broken": State.BLOCKED, "sound": State.LOADED}


@pytest.mark.slow(every=3)
@pytest.mark.parametrize(
    ("environment", "arguments", "imported"),
    [
        ({}, (), True),
        ({}, ("--no-plugins",), False),
        ({"PYCEMRG_PLUGINS": ""}, (), False),
        ({"PYCEMRG_PLUGINS": "heart"}, (), True),
        ({"PYCEMRG_PLUGINS": "other"}, (), False),
        ({"PYCEMRG_PLUGINS": "-heart"}, (), False),
    ],
)
def test_the_command_line_decides_before_it_imports(
    site: FakeSite, tmp_path: Path, environment: dict[str, str], arguments: tuple[str, ...], imported: bool
) -> None:
    told = tmp_path / "told"
    site.install("heart", telling(told) + schematics_source("from_heart"))
    done = run_python(
        "from pycemrg_core.cli import main; main()",
        *arguments,
        "list-schematics",
        path=[site.folder],
        cwd=tmp_path,
        environment=environment,
    )
    assert done.returncode == 0, done.stderr
    assert told.exists() == imported
    assert ("from_heart" in done.stdout) == imported
    assert "lv_outflow" in done.stdout


# --- names


@pytest.fixture
def rivals(site: FakeSite) -> FakeSite:
    site.install("alpha-heart", schematics_source("shared", "mine"), plugin="alpha")
    site.install("beta-heart", schematics_source("shared", "yours"), version="2.5", plugin="beta")
    return site


CONFLICT = (
    "schematic 'shared' is provided by alpha (alpha-heart 1.0), beta (beta-heart 2.5); "
    "say which: alpha:shared or beta:shared"
)


def test_two_providers_of_one_name_poison_that_name_only(rivals: FakeSite) -> None:
    catalogue = rivals.catalogue()
    with pytest.raises(NameConflictError) as refused:
        catalogue.get(Schematic, "shared")
    assert str(refused.value) == CONFLICT
    assert list(catalogue.conflicts()) == [CONFLICT]
    assert catalogue.get(Schematic, "mine").summary == "mine of alpha_heart"
    assert catalogue.get(Schematic, "yours").summary == "yours of beta_heart"
    assert set(states(catalogue).values()) == {State.LOADED}


@pytest.mark.parametrize(("provider", "module"), [
    ("alpha", "alpha_heart"), ("alpha-heart", "alpha_heart"), ("beta", "beta_heart"), ("beta-heart", "beta_heart"),
])  # fmt: skip
def test_the_provider_settles_it(rivals: FakeSite, provider: str, module: str) -> None:
    catalogue = rivals.catalogue()
    assert catalogue.get(Schematic, f"{provider}:shared").summary == f"shared of {module}"
    (found,) = catalogue.named(f"{provider}:shared")
    assert found.provider.module == module


def test_without_a_rival_the_provider_may_still_be_named(rivals: FakeSite) -> None:
    assert rivals.catalogue().get(Schematic, "alpha:mine").name == "mine"
    with pytest.raises(UnknownNameError, match="no schematic is called 'beta:mine'"):
        rivals.catalogue().get(Schematic, "beta:mine")


def test_two_plugins_of_one_name_are_told_apart_by_distribution(site: FakeSite) -> None:
    site.install("alpha-heart", schematics_source("shared"), plugin="heart")
    site.install("beta-heart", schematics_source("shared"), plugin="heart")
    catalogue = site.catalogue()
    with pytest.raises(NameConflictError) as refused:
        catalogue.get(Schematic, "heart:shared")
    assert str(refused.value) == (
        "schematic 'heart:shared' is provided by heart (alpha-heart 1.0), heart (beta-heart 1.0); "
        "say which: alpha-heart:shared or beta-heart:shared"
    )
    assert catalogue.get(Schematic, "beta-heart:shared").summary == "shared of beta_heart"


def test_a_schematic_and_a_recipe_of_one_name_are_no_conflict(site: FakeSite) -> None:
    site.install("heart", schematics_source("atria"))
    site.install("other", f"{HOOKS}@hookimpl\ndef pycemrg_recipes():\n    yield Recipe(name='atria', steps=['atria'])")
    catalogue = site.catalogue()
    assert list(catalogue.conflicts()) == []
    assert {type(c.record) for c in catalogue.named("atria")} == {Schematic, Recipe}


def test_an_unknown_name_offers_close_ones_and_names_plugins_that_failed(rivals: FakeSite) -> None:
    with pytest.raises(UnknownNameError) as refused:
        rivals.catalogue().get(Schematic, "your")
    assert str(refused.value).startswith("no schematic is called 'your'; did you mean 'yours'")
    assert "not loaded" not in str(refused.value)

    rivals.install("broken", "import nowhere_at_all", version="0.3")
    rivals.install("future", group="pycemrg.v7")
    with pytest.raises(UnknownNameError) as refused:
        rivals.catalogue().get(Schematic, "zzzzz")
    assert str(refused.value) == (
        "no schematic is called 'zzzzz' (not loaded: broken (broken 0.3); future (future 1.0); see list-plugins)"
    )


def test_an_unknown_name_names_plugins_that_are_blocked(rivals: FakeSite) -> None:
    blocked = sorted(plugin.found.name for plugin in rivals.catalogue().plugins)
    with pytest.raises(UnknownNameError) as refused:
        rivals.catalogue(Policy(block=frozenset(blocked))).get(Schematic, "zzzzz")
    assert str(refused.value) == f"no schematic is called 'zzzzz' (blocked by name: {', '.join(blocked)})"


def test_names_of_another_kind_are_unknown(rivals: FakeSite) -> None:
    with pytest.raises(UnknownNameError, match="no metric is called 'mine'"):
        rivals.catalogue().get(Metric, "mine")


def test_order_of_installation_changes_nothing(rivals: FakeSite, tmp_path: Path) -> None:
    rivals.install("broken", "import nowhere_at_all")
    ours = built_in()
    # Every order of these and one of ours; all orders of all would be hundreds of thousands.
    found = [*rivals.discover(), *(one for one in ours if one.name == "builtin")]
    first, *others = [load_catalogue(Policy(), found=order) for order in itertools.permutations(found)]
    assert all(other == first for other in others)
    whole = [*rivals.discover(), *ours]
    assert load_catalogue(Policy(), found=whole) == load_catalogue(Policy(), found=whole[::-1])

    elsewhere = FakeSite(tmp_path / "elsewhere")
    elsewhere.install("gamma-heart", schematics_source("shared", "third"))
    folders = [str(rivals.folder), str(elsewhere.folder)]
    assert loading.discover(folders) == loading.discover(folders[::-1])


def test_listings_are_sorted_by_name_then_provider(rivals: FakeSite) -> None:
    assert [c.qualified_name for c in rivals.catalogue().all(Schematic)] == [
        "alpha:mine",
        "alpha:shared",
        "beta:shared",
        "beta:yours",
    ]


def test_two_catalogues_live_side_by_side(rivals: FakeSite) -> None:
    alpha = rivals.catalogue(Policy(allow=frozenset({"alpha"})))
    beta = rivals.catalogue(Policy(allow=frozenset({"beta"})))
    both = rivals.catalogue()
    assert alpha.get(Schematic, "shared").summary == "shared of alpha_heart"
    assert beta.get(Schematic, "shared").summary == "shared of beta_heart"
    assert names(alpha) == ["mine", "shared"]
    assert names(beta) == ["shared", "yours"]
    assert len(list(both.conflicts())) == 1


# --- plugins that are one file

MY_HEART = '''
"""Voxels of the blood pool near the wall become an endocardium."""

from attrs import frozen

from pycemrg_core.api import Label, Recipe, Ref, Schematic, Step, convert, hookimpl, reads, thickness, writes


@frozen(kw_only=True)
class LiningCreationContract:
    wall: Label = reads("WALL_NAME")
    blood: Label = reads("BLOOD_NAME")
    lining: Label = writes("LINING_NAME")
    thickness_mm: float = thickness("THICKNESS_PARAMETER_NAME")


def line(volume, contract):
    return convert(volume, contract.wall, contract.blood, contract.thickness_mm, contract.lining)


@hookimpl
def pycemrg_steps():
    yield Step(
        name="line",
        summary="line a blood pool",
        run=Ref(f"{__name__}:line"),
        contract=Ref(f"{__name__}:LiningCreationContract"),
    )


@hookimpl
def pycemrg_schematics():
    yield Schematic(
        name="lv_lining",
        step="line",
        summary="the left ventricle's endocardium",
        labels={"LV_BP_label": 1, "LV_myo_label": 2, "LV_lining_label": 90},
        parameters={"lining_WT": 1.0},
        semantic_map={
            "WALL_NAME": "LV_myo_label",
            "BLOOD_NAME": "LV_BP_label",
            "LINING_NAME": "LV_lining_label",
            "THICKNESS_PARAMETER_NAME": "lining_WT",
        },
    )


@hookimpl
def pycemrg_recipes():
    yield Recipe(name="lined", summary="a lined ventricle", steps=["lv_lining"])
'''


def ventricle() -> sitk.Image:
    """A blood pool of 4 x 4 x 4 voxels of 1 mm (label 1) in a wall one voxel thick (label 2)."""
    array = np.zeros((8, 8, 8), np.uint8)
    array[1:7, 1:7, 1:7] = 2
    array[2:6, 2:6, 2:6] = 1
    return sitk.GetImageFromArray(array)


def test_a_local_python_file_runs(site: FakeSite, tmp_path: Path) -> None:
    file = tmp_path / "my_local_heart.py"
    file.write_text(MY_HEART)
    catalogue = site.catalogue(local=[file])
    assert states(catalogue) == {"my_local_heart": State.LOADED}
    assert str(only(catalogue, "my_local_heart").found) == f"my_local_heart ({LOCAL_FILE})"

    result = run_recipe("lined", ventricle(), catalogue, parameters={"lining_WT": 1.0}, check=False)
    array = sitk.GetArrayFromImage(result.image)
    # All of the blood pool but its 2 x 2 x 2 core lies within 1 mm of the wall.
    assert {label: int((array == label).sum()) for label in (1, 2, 90)} == {1: 8, 2: 216 - 64, 90: 56}
    (step,) = result.record.steps
    assert [(entry.old_name, entry.new_name, entry.voxels) for entry in step.ledger] == [
        ("LV_BP_label", "LV_lining_label", 56)
    ]
    assert [provider.name for provider in result.record.providers] == ["my_local_heart"]


MY_YAML = """
schematics:
  thick_lv:
    step: create
    labels: {LV_myo_label: 2, LV_extra_label: 91}
    parameters: {extra_WT: 1}
    semantic_map:
      SOURCE_BLOOD_POOL_NAME: LV_myo_label
      TARGET_MYOCARDIUM_NAME: LV_extra_label
      WALL_THICKNESS_PARAMETER_NAME: extra_WT
      APPLICATION_STEPS: [{MODE: ADD, RULE_LABEL_NAMES: []}]
recipes:
  thick:
    steps: [thick_lv]
"""


@pytest.mark.parametrize("suffix", [".yaml", ".yml"])
def test_a_local_yaml_file_runs(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"thick_heart{suffix}"
    file.write_text(MY_YAML)
    catalogue = load_catalogue(Policy(), local=[str(file)], found=built_in())
    assert only(catalogue, "thick_heart").state is State.LOADED
    result = run_recipe("thick", ventricle(), catalogue, check=False)
    # One voxel of wall on each of six faces of 6 x 6 voxels.
    assert int((sitk.GetArrayFromImage(result.image) == 91).sum()) == 6 * 36
    assert [provider.name for provider in result.record.providers] == ["builtin", "thick_heart"]


def test_a_local_file_is_used_whatever_the_policy_says(site: FakeSite, tmp_path: Path) -> None:
    site.install("heart", schematics_source("heart"))
    file = tmp_path / "my_own.py"
    file.write_text(schematics_source("my_own"))
    catalogue = site.catalogue(Policy(allow=frozenset()), local=[file])
    assert states(catalogue) == {"heart": State.BLOCKED, "my_own": State.LOADED}


def test_a_local_file_takes_no_name_from_another_plugin(site: FakeSite, tmp_path: Path) -> None:
    site.install("heart", schematics_source("shared"))
    file = tmp_path / "my_rival.py"
    file.write_text(schematics_source("shared"))
    catalogue = site.catalogue(local=[file])
    with pytest.raises(NameConflictError) as refused:
        catalogue.get(Schematic, "shared")
    assert str(refused.value) == (
        "schematic 'shared' is provided by heart (heart 1.0), my_rival (local file); "
        "say which: heart:shared or my_rival:shared"
    )
    assert catalogue.get(Schematic, "my_rival:shared").summary == "shared of my_rival"


@pytest.mark.parametrize("name", ["missing.py", "missing.yaml"])
def test_a_local_file_that_is_missing(site: FakeSite, tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    with pytest.raises(PluginError) as refused:
        site.catalogue(local=[file])
    assert str(refused.value) == f"{file}: no such plugin file; give a .py or .yaml file that exists"


def test_a_folder_is_no_local_plugin(site: FakeSite, tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="no such plugin file"):
        site.catalogue(local=[tmp_path])


def test_a_local_file_of_another_kind(site: FakeSite, tmp_path: Path) -> None:
    file = tmp_path / "heart.nrrd"
    file.write_text("NRRD")
    with pytest.raises(PluginError) as refused:
        site.catalogue(local=[file])
    assert str(refused.value) == f"{file}: not a local plugin; give a .py or .yaml file"


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("wrong_python.py", "import nowhere_at_all", "ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("wrong_syntax.py", "def (:", "SyntaxError: invalid syntax"),
        ("without_hook.py", "answer = 42", "module 'without_hook' implements no hook"),
        ("json.py", "", "a module named 'json' is already imported; rename the file"),
        ("wrong.yaml", "schematics: {a: {step: create, labels: {LV: one}}}",
            "wrong.yaml: 'one' is not a whole number @ schematics.a.labels.LV"),
        ("broken.yaml", "a: [", "not valid YAML"),
        ("twins.yaml", "recipes: {a: {name: x, steps: [s]}, b: {name: x, steps: [s]}}", "'x'"),
        pytest.param("deep.yaml", "a: " + "[" * 5000, "not valid YAML: nested too deeply", marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_a_wrong_local_file_costs_only_itself(
    site: FakeSite, tmp_path: Path, name: str, content: str, reason: str
) -> None:
    site.install("heart", schematics_source("heart"))
    file = tmp_path / name
    file.write_text(content)
    catalogue = site.catalogue(local=[file])
    plugin = only(catalogue, file.stem)
    assert plugin.state is State.FAILED
    assert reason in plugin.reason
    assert "\n" not in plugin.reason
    assert names(catalogue) == ["heart"]
    with pytest.raises(PluginError, match=re.escape(f"plugin {file.stem} (local file): ")):
        site.catalogue(Policy(strict=True), local=[file])


def test_a_local_file_given_twice_is_one_plugin(site: FakeSite, tmp_path: Path) -> None:
    file = tmp_path / "given_twice.py"
    file.write_text(schematics_source("once"))
    catalogue = site.catalogue(local=[file, tmp_path / "." / "given_twice.py"])
    assert states(catalogue) == {"given_twice": State.LOADED}
    assert names(catalogue) == ["once"]
    assert len(catalogue.plugins) == 1


# --- a catalogue in use


def test_a_recipe_may_name_its_provider(rivals: FakeSite, tmp_path: Path) -> None:
    file = tmp_path / "lined_heart.py"
    file.write_text(MY_HEART)
    rival = tmp_path / "other_lined_heart.py"
    rival.write_text(MY_HEART)
    catalogue = rivals.catalogue(local=[file, rival])
    with pytest.raises(PlanError) as refused:
        run_recipe("lined", ventricle(), catalogue, check=False)
    assert refused.value.problems == (
        "recipe 'lined' is provided by lined_heart (local file), other_lined_heart (local file); "
        "say which: lined_heart:lined or other_lined_heart:lined",
    )
    recipe = Recipe(name="mine", steps=[include("lined_heart:lined")])
    with pytest.raises(PlanError, match="schematic 'lv_lining' is provided by"):
        run_recipe(recipe, ventricle(), catalogue, check=False)


def test_importing_a_plugin_leaves_the_path_alone(site: FakeSite, tmp_path: Path) -> None:
    before = list(sys.path)
    file = tmp_path / "path_checker.py"
    file.write_text(schematics_source("a"))
    site.catalogue(local=[file])
    assert sys.path == before
