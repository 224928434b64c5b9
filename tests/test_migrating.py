"""docs/migrating.md has a row for every public name of pycemrg-image-analysis 0.2.0 and pycemrg 0.1.3.

The names are listed in ``data/reference_names.txt``, since those packages are not installed here.
"""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import click
import pytest
from test_docs import DOORS, PUBLIC

from pycemrg_core import Recipe, Schematic, load_catalogue
from pycemrg_core.api import Augmentation, Metric, Step
from pycemrg_core.cli import main

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "migrating.md").read_text(encoding="utf-8")
NAMES = ROOT / "tests" / "data" / "reference_names.txt"
# What a row says that names nothing of ours.
REASONS = ("keep theirs", "no counterpart: ", "nothing: ")


def listed() -> set[str]:
    """The names of the reference; ``_`` stands for a blank in a command."""
    lines = NAMES.read_text(encoding="utf-8").splitlines()
    found = {word for line in lines if not line.startswith("#") for word in line.partition(": ")[2].split()}
    return {word.replace("_", " ") if re.match("pycemrg(-ima)?_", word) else word for word in found}


def rows() -> list[tuple[set[str], str, str]]:
    """The names of the first cell of each row of the tables, and the two other cells."""
    found = []
    for line in PAGE.partition("## What everything is called")[2].splitlines():
        if not line.startswith("| ") or line.startswith("| before"):
            continue
        before, now, differs = (cell.strip() for cell in line.strip("|").split("|"))
        names: set[str] = set()
        last = ""
        for token in re.findall(r"`([^`]+)`", before):
            last = last if token.startswith(".") else token.partition(".")[0]
            names.add(f"{last}{token}" if token.startswith(".") else token)
        found.append((names, now, differs))
    return found


def test_every_name_has_one_row() -> None:
    every = [name for names, _, _ in rows() for name in names]
    assert len(every) == len(set(every))
    assert set(every) ^ listed() == set()
    assert len(listed()) > 151


def test_every_row_says_what_to_do() -> None:
    for names, now, _ in rows():
        assert re.search(r"`[^`]+`|\]\(", now) or now.startswith(REASONS), names


def ours() -> set[str]:
    """Every name of ours that a row can mean: behind a door, in a plugin of ours, or in the catalogue."""
    found = {name for door in (*DOORS, *PUBLIC) for name in import_module(door).__all__}
    for module in ("metrics.faces", "spatial.geometry", "spatial.sampling", "spatial.segsmooth"):
        found |= set(vars(import_module(f"pycemrg_{module}")))
    catalogue = load_catalogue()
    kinds = (Augmentation, Metric, Recipe, Schematic, Step)
    return found | {contribution.name for kind in kinds for contribution in catalogue.all(kind)}


# Commands, packages, fields of records, modes of application steps.
OTHERS = {*main.list_commands(click.Context(main)), "pycemrg", "pycemrg_core", "pycemrg_metrics", "schematics_builtin"}
OTHERS |= {"ADD", "REPLACE", "REPLACE_ONLY", "REPLACE_EXCEPT", "value", "name", "names_of", "semantic_map"}
OTHERS |= {"volume", "subprocess"}


def test_what_a_row_names_is_there() -> None:
    """Names of Python and of the catalogue, alone in backticks or called there; files and options are left out."""
    pytest.importorskip("pycemrg_metrics")
    pytest.importorskip("pycemrg_spatial")
    known = ours() | OTHERS
    unknown = []
    for names, now, _ in rows():
        for token in re.findall(r"`([^`]+)`", now):
            name = re.match(r"([A-Za-z_]\w*)(?=$|\(|\.)", token)
            if name and not token.endswith((".yaml", ".json")) and name[1] not in known:
                unknown.append((min(names), token))
    assert unknown == []


@pytest.mark.slow
def test_the_commands_of_the_rows_exist() -> None:
    for _, now, differs in rows():
        for token in re.findall(r"`(pycemrg [^`]+)`", f"{now} {differs}"):
            words = token.split()[1:]
            command: click.Command | None = main
            while isinstance(command, click.Group) and words and not words[0].startswith("-"):
                command = command.get_command(click.Context(main), words.pop(0))
            assert command is not None, token
            known = {option for parameter in command.params for option in parameter.opts}
            assert {word for word in words if re.match(r"--?[a-z]", word)} <= known, token
