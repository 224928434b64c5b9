"""Break this tree on purpose, one way at a time, and see that the safeguard for it says so; by hand, in a copy.

python .ci/breaks.py
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def tests(name: str) -> tuple[str, ...]:
    return ("-m", "pytest", "-q", "-n", "0", "-m", "not slow", f"tests/test_{name}.py")


ARCHITECTURE = tests("architecture")
CORE, KERNEL = "pycemrg_core/images/boxes.py", "pycemrg_core/images/dilation.py"
PLUGIN = "plugins/pycemrg-spatial/pycemrg_spatial/geometry.py"

# What is broken, the file, a text in it ("" is its end) and the text for it, the check, and what the check must say.
BREAKS = [
    ("lint", CORE, "", "import sys\n", ("-m", "ruff", "check", "."), "E402"),
    ("layout", CORE, "", "ONE=1\n", ("-m", "ruff", "format", "--check", "."), "would be reformatted"),
    ("spelling", "README.md", "", "teh heart\n", ("-m", "codespell_lib"), "teh ==> the"),  # codespell:ignore teh
    ("types", CORE, "", 'ONE: int = "one"\n', ("-m", "mypy"), "Incompatible types in assignment"),
    ("a result", KERNEL, "radius_mm + slack(spacing)", "radius_mm + 0.1", tests("ball"), "failed"),
    ("a message", "pycemrg_core/recipes/planner.py", "no step uses the parameter", "a", tests("planner"), "failed"),
    ("a heading of a document", "docs/steps.md", "### ring", "### rings", tests("docs"), "failed"),
    ("what is written twice", "pyproject.toml", '3.13",', '3.12",', tests("repository"), "test_python_versions_agree"),
    ("a direction", CORE, "", "def f():\n    from pycemrg_core.recipes import planner\n", ARCHITECTURE, "one_way"),
    ("a cycle", CORE, "", "def f():\n    from pycemrg_core.images import label_volume\n", ARCHITECTURE, "one_way"),
    ("a door", PLUGIN, "", "from pycemrg_core.images import boxes\n", ARCHITECTURE, "doors_only"),
    ("a light start", "pycemrg_core/cli/lists.py", "", "import numpy\n", ARCHITECTURE, "is_light"),
    ("the home of a library", CORE, "", "import SimpleITK\n", ARCHITECTURE, "one_home"),
    ("a dependency", PLUGIN, "", "import pandas\n", ARCHITECTURE, "not_declared"),
    ("anatomy in the core", CORE, "", "atrium = 1\n", ARCHITECTURE, "no_anatomy"),
    ("a plugin's name in the core", CORE, "", 'ONE = "pycemrg_spatial"\n', ARCHITECTURE, "names_no_plugin"),
    ("a second reader of text", CORE, "", 'def f():\n    return open("a").read()\n', ARCHITECTURE, "reads_all_text"),
]  # fmt: skip


def main() -> int:
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "tree"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", "__pycache__", ".*_cache", ".hypothesis"))
        for title, name, old, new, command, expected in BREAKS:
            file = copy / name
            text = file.read_text(encoding="utf-8")
            assert old in text, (title, old)
            file.write_text(text.replace(old, new, 1) if old else text + new, encoding="utf-8")
            done = subprocess.run([sys.executable, *command], cwd=copy, capture_output=True, text=True, check=False)
            file.write_text(text, encoding="utf-8")
            caught = done.returncode != 0 and expected in done.stdout + done.stderr
            missed += not caught
            print(f"{'caught' if caught else 'MISSED'}  {title}: {name}", flush=True)
    print(f"{len(BREAKS) - missed} of {len(BREAKS)} caught")
    return missed > 0


if __name__ == "__main__":
    sys.exit(main())
