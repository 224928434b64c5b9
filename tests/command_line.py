"""The command line called in this process, the folders it leaves, and local plugins for it."""

from __future__ import annotations

import itertools
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from phantom import heart_phantom

from pycemrg_core.testing import run_command as pycemrg
from schematics_builtin.demo import heart_file

HEART = heart_file()

__all__ = ["HEART", "contents", "local_plugin", "pycemrg", "small_heart", "voxels"]

_numbers = itertools.count(1)


def small_heart(folder: Path, name: str = "small.nrrd", size: int = 48) -> Path:
    """Write a phantom that every recipe runs on in a moment; 1.6 mm make it a small child's heart."""
    path = folder / name
    sitk.WriteImage(heart_phantom(size, (1.6, 1.6, 1.6)), str(path), useCompression=True)
    return path


def voxels(path: Path) -> np.ndarray[Any, Any]:
    """The voxels (z, y, x) of an image file."""
    array: np.ndarray[Any, Any] = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    return array


def contents(folder: Path) -> dict[str, bytes | None]:
    """Every file below a folder with its bytes, and every folder, but what Python keeps of modules there."""
    found = sorted(path for path in folder.rglob("*") if "__pycache__" not in path.parts)
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in found}


def local_plugin(folder: Path, run: str, *, recipe: str = "mine", steps: str = "'la_myocardium', 'paint'") -> Path:
    """Write a local plugin with a step kind ``painted``; ``run`` is the body of its function.

    The schematic ``paint`` turns LA_BP_label into Paint_label (77) by it. The file has a name of its own,
    since a module is imported once in a process.
    """
    path = folder / f"local_{next(_numbers)}.py"
    head = f"""
        import os
        import time
        from pathlib import Path

        from attrs import frozen

        from pycemrg_core.api import Edit, Label, Recipe, Ref, Schematic, Step, hookimpl, include, reads, writes


        @frozen(kw_only=True)
        class PaintContract:
            source: Label = reads("SOURCE_NAME")
            target: Label = writes("TARGET_NAME")


        @hookimpl
        def pycemrg_steps():
            yield Step(
                name="painted",
                summary="paint a label",
                run=Ref(f"{{__name__}}:run"),
                contract=Ref(f"{{__name__}}:PaintContract"),
            )


        @hookimpl
        def pycemrg_schematics():
            yield Schematic(
                name="paint",
                step="painted",
                labels={{"LA_BP_label": 4, "Paint_label": 77}},
                semantic_map={{"SOURCE_NAME": "LA_BP_label", "TARGET_NAME": "Paint_label"}},
            )


        @hookimpl
        def pycemrg_recipes():
            yield Recipe(name={recipe!r}, steps=({steps},))


        def paint(volume, contract):
            region = volume.region(contract.source.value)
            return [Edit(region, volume.mask(contract.source.value, region), contract.target.value)]


        def run(volume, contract):
    """
    body = textwrap.indent(textwrap.dedent(run).strip("\n"), " " * 4)
    path.write_text(f"{textwrap.dedent(head).strip()}\n{body}\n", encoding="utf-8")
    return path
