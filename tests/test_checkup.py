"""``list-plugins --check``: each fault of a contribution is named, with its plugin; the built-in has none."""

from __future__ import annotations

import hashlib
import itertools
import json
from pathlib import Path

import pytest
from command_line import pycemrg

pytestmark = pytest.mark.usefixtures("loaded_once")

_numbers = itertools.count(1)

HEAD = """
import attrs
import click
from attrs import frozen

from pycemrg_core.api import *



@frozen(kw_only=True)
class Contract:
    wall: Label = reads("WALL")
    target: Label = writes("TARGET")
    thickness_mm: float = thickness("THICKNESS")


@frozen(kw_only=True)
class Makes:
    wall: Label = reads("WALL")
    target: Label = writes("TARGET", label_type=LabelType.WALL)
    thickness_mm: float = thickness("THICKNESS")


@attrs.define(kw_only=True)
class Changeable:
    wall: Label = reads("WALL")


@frozen(kw_only=True)
class Bare:
    wall: Label


def run(volume, contract):
    return ()


def measure(structure, density=1.0):
    return 0.0


def augment(sample, rng, *, shift=(0, 1)):
    return sample, {}


def draw(run, made):
    return Made(b"")


command = click.Command("weigh")
number = 7
"""
MAP = "semantic_map={'WALL': 'MV', 'TARGET': 'Seal', 'THICKNESS': 'WT'}"
GOOD = {
    "steps": "Step(name='s', summary='', run=Ref('M:run'), contract=Ref('M:Contract'))",
    "schematics": f"Schematic(name='sc', step='s', labels={{'MV': 1, 'Seal': 2}}, parameters={{'WT': 2.0}}, {MAP})",
    "recipes": "Recipe(name='r', steps=('sc',))",
    "metrics": "Metric(name='m', summary='', measures=Measures.STRUCTURE, function=Ref('M:measure'))",
    "label_schemes": "LabelScheme(name='l', summary='', labels={'LV': 1}, groups={'g': ('LV',)})",
    "augmentations": "Augmentation(name='a', summary='', function=Ref('M:augment'))",
    "outputs": "Output(name='drawn', file='drawn.txt', summary='', function=Ref('M:draw'))",
    "commands": "Command(name='weigh', summary='', command=Ref('M:command'))",
}


def plugin(folder: Path, **changes: str) -> Path:
    """A local plugin with one good record of each kind, but for the changes."""
    name = f"checked{next(_numbers)}"
    text = HEAD
    for hook, records in {**GOOD, **changes}.items():
        text += f"\n\n@hookimpl\ndef pycemrg_{hook}():\n    return [{records.replace('M:', f'{name}:')}]\n"
    path = folder / f"{name}.py"
    path.write_text(text, encoding="utf-8")
    return path


def faults(path: Path) -> list[str]:
    shown = json.loads(pycemrg("list-plugins", "--check", "--json", "--plugin", path, code=1).stdout)
    (entry,) = (entry for entry in shown["plugins"] if entry["name"] == path.stem)
    assert [other["faults"] for other in shown["plugins"] if other is not entry and other["faults"]] == []
    return [fault.replace(path.stem, "M") for fault in entry["faults"]]


@pytest.mark.slow
def test_a_plugin_without_faults(tmp_path: Path) -> None:
    path = plugin(tmp_path)
    result = pycemrg("list-plugins", "--check", "--plugin", path)
    assert result.stdout.endswith("no faults found\n")
    assert path.stem in result.stdout


BROKEN = [
    (
        "metrics",
        ("'M:measure'))", "'M:measure'), parameters={'densty': 1.0})"),
        ["metric 'm': function must take 1 argument and densty: got an unexpected keyword argument 'densty'"],
    ),
    (
        "metrics",
        ("'M:measure'", "'M:run'"),
        ["metric 'm': function must take 1 argument: missing a required argument: 'contract'"],
    ),
    (
        "metrics",
        ("'M:measure'", "'M:nothing'"),
        ["metric 'm': module 'M' has no 'nothing' (from 'M:nothing')"],
    ),
    (
        "augmentations",
        ("M:augment", "json:dumps"),
        ["augmentation 'a': function must take 2 arguments: too many positional arguments"],
    ),
    (
        "augmentations",
        ("M:augment", "nowhere_at_all:augment"),
        [
            "augmentation 'a': cannot import 'nowhere_at_all' for 'nowhere_at_all:augment':"
            " ModuleNotFoundError: No module named 'nowhere_at_all'"
        ],
    ),
    ("commands", ("M:command", "M:number"), ["command 'weigh': M:number is 7, not a click command"]),
    (
        "label_schemes",
        ("('LV',)", "('LV', 'RV')"),
        ["label scheme 'l': group 'g' names 'RV', which is not a label of the scheme"],
    ),
    (
        "schematics",
        ("'WALL': 'MV', ", ""),
        [
            "schematic 'sc': sc: nothing fills the role 'WALL' of step 's'; add it to the semantic map",
            "recipe 'r': sc: nothing fills the role 'WALL' of step 's'; add it to the semantic map",
        ],
    ),
    (
        "schematics",
        ("{'WT': 2.0}", "{}"),
        [
            "schematic 'sc': sc: parameter 'WT' has no value; set it: --set WT=..., in Python parameters={'WT': ...}",
            "recipe 'r': sc: parameter 'WT' has no value; set it: --set WT=..., in Python parameters={'WT': ...}",
        ],
    ),
    ("recipes", ("('sc',)", "('scc',)"), ["recipe 'r': no schematic is called 'scc'; did you mean 'sc'?"]),
    ("recipes", ("('sc',)", "(include('r'),)"), ["recipe 'r': it includes itself: r > r"]),
    (
        "recipes",
        ("('sc',)", "('mitral_valve',), requires=('nowhere-at-all',)"),
        [
            "recipe 'r': recipe 'r' requires nowhere-at-all, which is not installed;"
            " install it from where its authors publish it"
        ],
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize(("hook", "change", "expected"), BROKEN)
def test_each_fault_is_named(tmp_path: Path, hook: str, change: tuple[str, str], expected: list[str]) -> None:
    assert change[0] in GOOD[hook]
    assert faults(plugin(tmp_path, **{hook: GOOD[hook].replace(*change)})) == expected


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("M:run", "M:rn"), "module 'M' has no 'rn' (from 'M:rn')"),
        (("M:run", "M:number"), "run is 7, not a function"),
        (("M:run", "M:measure"), None),
        (("M:run", "click:unstyle"), "run must take 2 arguments: too many positional arguments"),
        (
            ("M:Contract", "M:Changeable"),
            "contract M:Changeable can be changed after it is made; make it with attrs.frozen",
        ),
        (
            ("M:Contract", "M:Bare"),
            "Bare.wall has no role; declare it with reads(), writes(), thickness(), number(), changes(), choice(),"
            " application_steps(), reads_any(), writes_background() or snapshot()",
        ),
        (("M:Contract", "M:number"), "7 is not an attrs class"),
    ],
)
def test_each_fault_of_a_step_is_named(tmp_path: Path, change: tuple[str, str], expected: str | None) -> None:
    path = plugin(tmp_path, steps=GOOD["steps"].replace(*change))
    if expected is None:
        # measure(structure, density) takes two arguments as well.
        pycemrg("list-plugins", "--check", "--plugin", path)
    else:
        assert f"step 's': {expected}" in faults(path)


@pytest.mark.slow
def test_an_order_that_cannot_work(tmp_path: Path) -> None:
    # The ring needs the wall that only the next step makes.
    path = plugin(tmp_path, recipes="Recipe(name='r', steps=('svc_ring', 'ra_myocardium'))")
    (fault,) = faults(path)
    assert (
        "svc_ring reads RA_myo_label (105) before it is first written: it is not in the image, and only ra_myocardium"
        in fault
    )


def schematic_of(name: str, step: str, wall: str, target: str) -> str:
    labels = "{'MV': 1, 'Seal': 2, 'LV': 3}"
    semantic_map = f"{{'WALL': '{wall}', 'TARGET': '{target}', 'THICKNESS': 'WT'}}"
    return f"Schematic(name='{name}', step='{step}', labels={labels}, parameters={{'WT': 2.0}}, {semantic_map=!s})"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("step", "wall"),
    [
        ("s", "LV"),  # a step that writes the label without saying that it makes it
        ("makes", "Seal"),  # one that cannot run before the first, since it works on what that makes
        ("makes", "MV"),  # one that reads what it adds to
    ],
)
def test_a_label_that_is_read_before_it_is_added_to_is_no_fault(tmp_path: Path, step: str, wall: str) -> None:
    makes = "Step(name='makes', summary='', run=Ref('M:run'), contract=Ref('M:Makes'))"
    path = plugin(
        tmp_path,
        steps=f"{GOOD['steps']}, {makes}",
        schematics=f"{schematic_of('sc', 's', 'MV', 'Seal')}, {schematic_of('more', step, wall, 'MV')}",
        recipes="Recipe(name='r', steps=('sc', 'more'))",
    )
    assert pycemrg("list-plugins", "--check", "--plugin", path).stdout.endswith("no faults found\n")
    # Where the later step is declared to make the label and could run before, the order is wrong.
    path = plugin(
        tmp_path,
        steps=f"{GOOD['steps']}, {makes}",
        schematics=f"{schematic_of('sc', 's', 'MV', 'Seal')}, {schematic_of('more', 'makes', 'LV', 'MV')}",
        recipes="Recipe(name='r', steps=('sc', 'more'))",
    )
    assert faults(path) == [
        "recipe 'r': sc reads MV (1) before it is first written: it is not in the image, and only more writes it,"
        " later; move more before sc"
    ]


def an_output(name: str, **fields: object) -> str:
    given = "".join(f", {key}={value!r}" for key, value in fields.items())
    return f"Output(name='{name}', file='{name}.txt', summary='', function=Ref('M:draw'){given})"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        (
            [an_output("o", needs=("nobody",))],
            ["output 'o': it needs the output 'nobody': no output is called 'nobody'"],
        ),
        ([an_output("o", needs=("o",))], ["output 'o': it needs itself: M:o > M:o"]),
        ([an_output("o", uses=("o",))], ["output 'o': it needs itself: M:o > M:o"]),
        (
            [an_output("o", needs=("p",)), an_output("p", uses=("o",))],
            ["output 'o': it needs itself: M:o > M:p > M:o", "output 'p': it needs itself: M:p > M:o > M:p"],
        ),
        (
            [an_output("o").replace("o.txt", "run.json")],
            ["output 'o': it would write run.json, which is the run's own file"],
        ),
    ],
)
def test_what_an_output_needs(tmp_path: Path, outputs: list[str], expected: list[str]) -> None:
    found = faults(plugin(tmp_path, outputs=", ".join(outputs)))
    assert len(found) == len(expected)
    assert all(map(str.startswith, found, expected)), found


@pytest.mark.slow
def test_an_output_may_use_one_that_nobody_provides(tmp_path: Path) -> None:
    path = plugin(tmp_path, outputs=an_output("o", uses=("nobody",)))
    assert pycemrg("list-plugins", "--check", "--plugin", path).stdout.endswith("no faults found\n")


@pytest.mark.slow
def test_people_see_the_faults_too(tmp_path: Path) -> None:
    path = plugin(tmp_path, commands=GOOD["commands"].replace("M:command", "M:number"))
    shown = pycemrg("list-plugins", "--check", "--plugin", path, code=1).stdout
    fault = f"command 'weigh': {path.stem}:number is 7, not a click command"
    version = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    assert f"fault: plugin {path.stem} (local file {version}): {fault}" in shown
    # Without --check nothing is imported, and nothing is wrong.
    pycemrg("list-plugins", "--plugin", path)


@pytest.mark.slow
def test_failures_and_conflicts_count(tmp_path: Path) -> None:
    failing = tmp_path / f"failing{next(_numbers)}.py"
    failing.write_text("raise RuntimeError('no')\n", encoding="utf-8")
    assert "failed" in pycemrg("list-plugins", "--check", "--plugin", failing, code=1).stdout
    twice = plugin(tmp_path, recipes="Recipe(name='atria_full', steps=('sc',))")
    assert "conflict: recipe 'atria_full'" in pycemrg("list-plugins", "--check", "--plugin", twice, code=1).stdout
