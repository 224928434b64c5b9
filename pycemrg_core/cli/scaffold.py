"""A new plugin package, written from templates: it installs, passes its tests and shows up in the lists."""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from string import Template

from pycemrg_core import __version__
from pycemrg_core.errors import OutputError
from pycemrg_core.runs.run_folder import staged

_TEMPLATES = Path(__file__).parent / "templates"
_DISTRIBUTION = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")

# part: (names that its hook needs, class of the testing kit)
_PARTS = {
    "schematic": (("Schematic",), "SchematicConformance"),
    "recipe": (("Recipe", "include"), "RecipeConformance"),
    "step": (("Ref", "Step"), "StepConformance"),
    "metric": (("Measures", "Metric", "Ref"), "MetricConformance"),
}

# Parts with code of their own, and its module.
_HOMES = {"step": "steps", "metric": "metrics"}


def write_package(parent: Path, name: str, parts: Sequence[str]) -> list[str]:
    """Write a package into the new folder ``parent / name``, with one of each of ``parts``; returns its files.

    ``parts`` are among ``schematic``, ``recipe``, ``step`` and ``metric``. Raises :class:`OutputError` when the
    name is not one for a distribution, or the folder holds anything.
    """
    if not _DISTRIBUTION.fullmatch(name) or len(name) > 40:
        raise OutputError(f"{name!r} cannot name a package; use lower-case letters, digits and '-': my-heart-steps")
    module = name.replace("-", "_")
    if keyword.iskeyword(module) or module in sys.stdlib_module_names:
        raise OutputError(f"{name!r} is a name of Python itself; choose another, such as my-{name}")
    folder = parent / name
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(f"{folder}: is already there; choose another name, or remove it")
    files = _files(name, module, parts)
    with staged(folder) as inner:
        for path, text in files.items():
            (inner / path).parent.mkdir(exist_ok=True)
            (inner / path).write_text(text, encoding="utf-8")
    return list(files)


def _files(name: str, module: str, parts: Sequence[str]) -> dict[str, str]:
    with_step = "step" in parts
    schematic = f"{module}_mitral_seal" if with_step else f"{module}_rv_outflow"
    values = {
        "distribution": name,
        "module": module,
        "core": ".".join(__version__.split(".")[:2]),
        "parts": ", ".join(f"a {part}" for part in parts),
        "last": schematic if "schematic" in parts else "aortic_wall",
        "rows": "\n".join(_row(part, module, schematic) for part in parts),
        "commands": f"    pycemrg run {module}_heart HEART.nrrd -o out\n" if "recipe" in parts else "",
    }

    def filled(template: str) -> str:
        return Template((_TEMPLATES / f"{template}.txt").read_text(encoding="utf-8")).substitute(values)

    hooks = ["schematic_of_step" if part == "schematic" and with_step else part for part in parts]
    names = sorted({"hookimpl", *(needed for part in parts for needed in _PARTS[part][0])})
    plugin = f'"""What {name} contributes to pycemrg."""\n\n{_import("pycemrg_core.api", names)}'
    plugin += "".join(f"\n\n{filled(f'hook_{hook}')}" for hook in hooks)
    files = {
        "pyproject.toml": filled("pyproject.toml"),
        "README.md": filled("README.md"),
        f"{module}/__init__.py": "",
        f"{module}/plugin.py": plugin,
    }
    for part, module_name in _HOMES.items():
        if part in parts:
            files[f"{module}/{module_name}.py"] = filled(f"{module_name}.py")
            files[f"tests/test_{module_name}.py"] = filled(f"test_{module_name}.py")
    files["tests/test_contributions.py"] = _conformance(name, module, parts)
    return files


def _conformance(name: str, module: str, parts: Sequence[str]) -> str:
    """The tests that are inherited from the kit."""
    kits = ["PluginConformance", *(_PARTS[part][1] for part in parts)]
    text = f'"""What {name} contributes keeps the promises that pycemrg relies on."""\n\n'
    text += _import("pycemrg_core.testing", sorted(kits))
    text += f'\nPLUGIN = "{module}.plugin"\n'
    return text + "".join(
        f"\n\nclass Test{kit.removesuffix('Conformance')}({kit}):\n    plugin = PLUGIN\n" for kit in kits
    )


def _import(module: str, names: Sequence[str]) -> str:
    line = f"from {module} import {', '.join(names)}\n"
    if len(line) <= 88:
        return line
    return "".join([f"from {module} import (\n", *(f"    {name},\n" for name in names), ")\n"])


def _row(part: str, module: str, schematic: str) -> str:
    names = {"schematic": schematic, "recipe": f"{module}_heart", "step": f"{module}_seal", "metric": f"{module}_mass"}
    return f"| a {part} | `{names[part]}` | `{module}/{_HOMES.get(part, 'plugin')}.py` |"
