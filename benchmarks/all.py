"""Measure everything that has a budget, and print one table.

    pip install -r benchmarks/requirements.txt        (into an environment of its own, with this tree)
    python benchmarks/all.py [--only NAME,...] [--turns 5] [--markdown | --json] [--reference PYTHON]

A row says what is measured, the floor that it is compared with, and the value: a ratio of CPU seconds taken in turns in
the same process, unless another unit is given. "met" compares the value with the budget; "aim" is what we would like.
"same" says whether the floor came to the same result, where it does the same work.

Each row is measured in a process of its own; a library that is missing costs only the rows that need it. Rows go to
stdout as they become known (as JSON: at the end), progress to stderr. The exit code is 1 when a budget is not met.

To add a row: write a function ``measure(turns) -> Measured`` in a module of this folder, with the helpers of
``measuring.py`` (``ratio(ours, floor, turns)`` does most of it), list it there in ``ROWS = (Row(...), ...)``, and add
the module to ``MODULES`` below. Import what only the benchmark needs inside the function.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from measuring import ONE_THREAD, PYTHON, Measured, Row, say

MODULES = ("steps", "command", "certificate", "islands", "fusing", "opencarp", "intensities", "metrics", "libraries")
COLUMNS = ("what", "compared with", "ours, s", "floor, s", "value", "budget", "aim", "met", "same")
PACKAGES = ("pycemrg-core", "numpy", "scipy", "SimpleITK", "edt", "connected-components-3d")


def rows() -> Iterator[Row]:
    """Every row of the table."""
    for module in MODULES:
        yield from importlib.import_module(module).ROWS


def in_a_process(row: Row, turns: int) -> dict[str, Any]:
    """The row with what was measured, as plain data; ``error`` is why it could not be measured."""
    say(f"{row.name} ...")
    command = [sys.executable, __file__, "--measure", row.name, "--turns", str(turns)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | ONE_THREAD)
    told = {name: value for name, value in asdict(row).items() if name != "measure"}
    if done.returncode:
        return {**told, "error": (done.stderr.strip().splitlines() or ["failed"])[-1], "met": None}
    measured = json.loads(done.stdout.splitlines()[-1])
    met = None if row.budget is None else measured["value"] <= row.budget and measured["same"] is not False
    return {**told, **measured, "met": met}


def cells(row: dict[str, Any]) -> list[str]:
    """The cells of one row."""
    if "error" in row:
        values = ["", "", "not measured"]
    else:
        values = ["" if row[name] is None else f"{row[name]:.3g}" for name in ("ours", "floor")]
        values.append(f"{row['value']:.3g}{row['unit']}")
    limits = ["" if row[name] is None else f"{row[name]:g}" for name in ("budget", "aim")]
    answers = [{True: "yes", False: "NO", None: ""}[row.get(name)] for name in ("met", "same")]
    return [row["what"], row["against"], *values, *limits, *answers]


def shown(columns: list[str], widths: list[int], markdown: bool) -> str:
    """One line of the table."""
    if markdown:
        return f"| {' | '.join(columns)} |"
    return "  ".join(text.ljust(width) for text, width in zip(columns, widths, strict=True)).rstrip()


def about() -> str:
    """The machine and the versions."""
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores; {', '.join(found)}"


def measure(name: str, turns: int) -> Measured:
    """Measure one row in this process."""
    row = next(row for row in rows() if row.name == name)
    if "SimpleITK" in sys.modules:
        sys.modules["SimpleITK"].ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    return row.measure(turns)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="NAME,...", help="some rows; --list prints their names")
    parser.add_argument("--list", action="store_true", help="print the names of the rows")
    parser.add_argument("--turns", type=int, default=5, help="turns of each row (default 5)")
    parser.add_argument("--markdown", action="store_true", help="a Markdown table, as in docs/performance.md")
    parser.add_argument("--json", action="store_true", help="plain data")
    parser.add_argument("--reference", metavar="PYTHON", help="an interpreter with pycemrg-image-analysis, for its row")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(asdict(measure(options.measure, options.turns))))
        return
    if options.reference:
        os.environ[PYTHON] = options.reference
    known = {row.name: row for row in rows()}
    names = options.only.split(",") if options.only else list(known)
    if unknown := set(names) - set(known):
        parser.error(f"no such row: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    if options.list:
        print("\n".join(known))
        return
    widths = [
        max(len(getattr(row, field)) for row in known.values()) if field else width
        for field, width in (("what", 0), ("against", 0), *(("", size) for size in (8, 8, 14, 6, 5, 3, 4)))
    ]
    found = []
    if not options.json:
        print(shown(list(COLUMNS), widths, options.markdown))
        print(shown(["---"] * 2 + ["---:"] * 5 + ["---"] * 2, widths, options.markdown) if options.markdown else "")
    for name in names:
        found.append(in_a_process(known[name], options.turns))
        if not options.json:
            print(shown(cells(found[-1]), widths, options.markdown), flush=True)
    if options.json:
        print(json.dumps({"about": about(), "turns": options.turns, "rows": found}, indent=2))
    else:
        print(f"\n{options.turns} turns; {about()}")
        for row in found:
            if note := row.get("error") or row["note"]:
                print(f"{row['name']}: {note}")
    sys.exit(any(row["met"] is False for row in found))


if __name__ == "__main__":
    main()
