"""Print constraints for pip: the lowest version of each dependency that a pyproject.toml of this tree allows.

python3 .ci/lowest.py > lowest.txt && python3 -m pip install -c lowest.txt -r requirements-dev.txt
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


lowest: dict[str, str] = {}
for file in (ROOT / "pyproject.toml", *sorted((ROOT / "plugins").glob("*/pyproject.toml"))):
    for requirement in tomllib.loads(file.read_text(encoding="utf-8"))["project"]["dependencies"]:
        name, bound = re.match(r"([\w.-]+)>=([\d.]+)", requirement).groups()  # type: ignore[union-attr]
        if not name.startswith("pycemrg"):
            lowest[name] = max(lowest.get(name, bound), bound, key=version)
print("\n".join(f"{name}=={bound}" for name, bound in sorted(lowest.items())))
