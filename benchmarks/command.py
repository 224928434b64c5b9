"""Rows of ``all.py``: whole commands in fresh processes, what they import, and that a run is repeatable to the bit."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from hearts import FINE
from measuring import Measured, Row, command, least

RECIPE = "four_chamber_full"
HEAVY = ("numpy", "scipy", "SimpleITK", "cattrs")
TELLING = ("--help", "--version", "list-recipes", "list-schematics", "list-steps", "list-metrics", "list-schemes")
TELLING += ("list-augmentations", "list-plugins")
COPY = """
import sys
import SimpleITK as sitk
sitk.WriteImage(sitk.ReadImage(sys.argv[1]), sys.argv[2], useCompression=True)
"""
MODULES = """
import json, sys
sys.argv = ["pycemrg", *sys.argv[1:]]
from pycemrg_core.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
sys.stdout.flush()
print()
print(json.dumps(sorted(sys.modules)))
"""

# Plugins are always loaded in the order of their names. Here they come in the order of ``step``, and the last line
# says in which they were loaded.
LOADING = """
import json, sys
from pycemrg_core.plugins import loading
discover, load_one, order = loading.discover, loading._load_one, []
loading.discover = lambda *path: discover(*path)[::{step}]
def noted(manager, found, policy, known):
    if found not in known:
        order.append(found.module)
    return load_one(manager, found, policy, known)
loading._load_one = noted
sys.argv = ["pycemrg", *sys.argv[1:]]
from pycemrg_core.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print()
print(json.dumps(order))
"""
BACKWARDS = "plugins in the opposite order"


def whole_run(turns: int) -> Measured:
    """The command, and a process that only reads and writes the file."""
    with tempfile.TemporaryDirectory() as folder:
        ours, floor = least(
            turns,
            command("run", RECIPE, FINE, "-o", Path(folder) / "out"),
            [sys.executable, "-c", COPY, str(FINE), str(Path(folder) / "copy.nrrd")],
        )
        size, copied = ((Path(folder) / name).stat().st_size for name in ("out/heart.nrrd", "copy.nrrd"))
    note = f"heart.nrrd has {size / 1e3:,.0f} kB, the copy of its input {copied / 1e3:,.0f} kB"
    return Measured(value=ours.seconds / floor.seconds, ours=ours.seconds, floor=floor.seconds, note=note)


def modules_of(*arguments: str) -> list[str]:
    """What a command has imported at its end."""
    printed = subprocess.run(
        [sys.executable, "-c", MODULES, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True
    ).stdout
    return list(json.loads(printed.splitlines()[-1]))


def started(_: int) -> Measured:
    """The modules that commands import which only tell something, beyond what Python itself imports here."""
    bare = subprocess.run(
        [sys.executable, "-c", "import sys, json; print(json.dumps(sorted(sys.modules)))"],
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    counts = {}
    for name in TELLING:
        found = modules_of(name)
        heavy = [module for module in HEAVY if module in found]
        assert not heavy, f"{name} imports {', '.join(heavy)}"
        counts[name] = len(set(found) - set(json.loads(bare)))
    most = max(counts, key=counts.__getitem__)
    return Measured(value=counts[most], note=f"most at {most}, with all plugins of this environment")


def loaded(launcher: str, *arguments: str | Path, **variables: str) -> list[str]:
    """Run a command, and return the modules of the plugins in the order in which it loaded them."""
    printed = subprocess.run(
        [sys.executable, "-c", launcher, *map(str, arguments)],
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    return list(json.loads(printed.splitlines()[-1]))


def repeated(_: int) -> Measured:
    """How many of several runs differ from the first one in a voxel."""
    ways: dict[str, dict[str, str]] = {
        "again": {},
        "1 thread": {"ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        "4 threads": {"ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "4", "OMP_NUM_THREADS": "4", "OPENBLAS_NUM_THREADS": "4"},
        "another hash seed": {"PYTHONHASHSEED": "7"},
        BACKWARDS: {},
    }
    hashes, orders = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for recipe in (RECIPE, "four_chamber_closed"):
            for way, variables in ways.items():
                out, launcher = Path(folder) / recipe / way, LOADING.format(step=-1 if way == BACKWARDS else 1)
                orders[way] = loaded(launcher, "run", recipe, FINE, "-o", out, **variables)
                hashes[recipe, way] = hashlib.sha256((out / "heart.nrrd").read_bytes()).hexdigest()
    assert orders[BACKWARDS] == orders["again"][::-1], "the plugins were not loaded in the opposite order"
    other = [" ".join(key) for key, found in hashes.items() if found != hashes[key[0], "again"]]
    last, *_, first = orders["again"]
    told = f"{len(hashes)} runs: {', '.join(ways)} ({len(orders['again'])} of them, from {first} to {last})"
    return Measured(value=len(other), note="; ".join(other) or told)


ROWS = (
    Row(
        name="run",
        what="whole command run four_chamber_full, 0.5 mm",
        against="a process: import SimpleITK, read, write compressed",
        measure=whole_run,
        budget=2.5,
        aim=2,
        unit="x",
    ),
    Row(
        name="start",
        what="--help, --version, any list-*: none of numpy, scipy, SimpleITK, cattrs",
        against="Python's own start",
        measure=started,
        budget=149,
        unit=" modules",
    ),
    Row(
        name="repeatable",
        what="a run twice, other thread counts, other order of plugins",
        against="the first run, to the bit",
        measure=repeated,
        budget=0,
        unit=" differ",
    ),
)
