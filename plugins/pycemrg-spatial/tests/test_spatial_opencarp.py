"""openCARP text read many lines at once, against reading it line by line, and against numpy."""

from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from pycemrg_spatial import opencarp_blocks
from pycemrg_spatial.errors import MeshError
from pycemrg_spatial.meshes import read_mesh, write_mesh
from pycemrg_spatial.opencarp_blocks import elements_at_once, points_at_once
from pycemrg_spatial.opencarp_lines import KINDS, elements_by_line, points_by_line
from test_spatial_meshes import mixed

PATH = Path("m.elem")
# What a damaged file may hold, beside numbers as programs write them.
ODD = ["", "-", "+", "1_0", "nan", "inf", "1e999", "1e-400", ".5", "5.", "1-2", "1.2.3", "٣", "0x1", "1e", "-0", "+7"]
ODD += ["9223372036854775807", "9223372036854775808", "-9223372036854775808", "99999999999999999999", "Tt", "1,2"]
BLANKS = [" ", " ", " ", " ", "\t", "  ", "\n", "\x0b", "\xa0", "\x1c"]


def number(random: Random) -> str:
    plain = [str(random.randint(-9, 99))] * 3 + [repr(random.gauss(0, 10.0 ** random.randint(-9, 9)))]
    return random.choice([*plain, random.choice(ODD)])


def lines(random: Random, begin: list[str], blanks: list[str]) -> str:
    """One to four lines of nodes, or of elements of the kinds ``begin``; some with a number too many or too few."""
    rows, tag = [], random.randint(0, 1)
    whole = random.random() < 0.5
    for _ in range(random.randint(1, 4)):
        kind = random.choice(begin)
        size = (len(KINDS.get(kind, ((), (0,)))[1]) + tag if kind else 3) + random.choice([0] * 9 + [1, -1])
        words = [str(random.randint(0, 99)) if whole else number(random) for _ in range(size)]
        rows.append("".join(word + random.choice(blanks) for word in ([kind] if kind else []) + words))
    return "\n".join(rows).rstrip()


def same(one: Any, other: Any) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("blanks", [BLANKS[:6], BLANKS])
def test_lines_read_at_once_are_those_read_by_line(blanks: list[str]) -> None:
    at_once = 0
    for seed in range(500):
        text = lines(Random(seed), [""], blanks)
        nodes = points_at_once(text)
        assert nodes is None or same([nodes], [points_by_line(text.splitlines(), PATH)])
        text = lines(Random(seed), [*KINDS, *KINDS, "Xx", " Tt", "T"], blanks)
        elements = elements_at_once(text)
        assert elements is None or same(elements, elements_by_line(text.splitlines(), PATH))
        at_once += (nodes is not None) + (elements is not None)
    assert at_once > 20


def refuse(*_: object) -> None:
    raise MeshError("read by line")


@pytest.mark.parametrize("characters", [1, 40, 1 << 22])
@pytest.mark.parametrize("tagged", [True, False])
def test_what_programs_write_is_read_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, characters: int, tagged: bool
) -> None:
    monkeypatch.setattr(opencarp_blocks, "_BLOCK", characters)
    for name in ("points_by_line", "elements_by_line"):
        monkeypatch.setattr(f"pycemrg_spatial.opencarp.{name}", refuse)
    grid = mixed()
    grid.points = np.random.default_rng(0).normal(0, 1e4, grid.points.shape)
    write_mesh(grid, tmp_path / "m.elem")
    lines = (tmp_path / "m.elem").read_text().splitlines()
    if not tagged:
        (tmp_path / "m.elem").write_text("\n".join(line.rpartition(" ")[0] or line for line in lines))
    read = read_mesh(tmp_path / "m.elem")
    assert same([read.cells, read.celltypes], [grid.cells, grid.celltypes])
    assert (read.points == np.loadtxt(tmp_path / "m.pts", skiprows=1)).all()
    assert (read.cell_data["tag"] == (grid.cell_data["tag"] if tagged else 0)).all()


def test_text_of_any_number_of_nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pycemrg_spatial.opencarp._ROWS", 3)
    write_mesh(mixed(), tmp_path / "m.elem")
    text = (tmp_path / "m.pts").read_text()
    assert text == "".join(["8\n", *(" ".join(map(str, point)) + "\n" for point in mixed().points.tolist())])
