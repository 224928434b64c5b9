"""Recipes of closed hearts on label maps: closed by flooding and by VTK, certified, and how long the steps took.

    python benchmarks/closed_heart.py [--recipe four_chamber_closed] [--repeat 3] HEART...

Times are seconds of CPU; the ratio is that of the steps and of one distance transform of the image, in one run.

Flooding everything that is not meshed must give the outside and one component for each closed chamber, with 6 and
with 26 neighbours. The surface that VTK's SurfaceNets lays round the union of the meshed labels must have no boundary
edge and no edge of more than two triangles. Neither asks a check of ours. Needs vtk, pyvista and edt.
"""

import argparse
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

import edt
import numpy as np
import pyvista as pv
import vtk
from scipy import ndimage
from vtk.util.numpy_support import numpy_to_vtk

from pycemrg_core import Settings, load_catalogue, make_room, plan, prepare, read_volume, run_plan
from pycemrg_core.api import LabelType, LabelVolume, Severity
from schematics_builtin.certificate import certify_result

Array = np.ndarray[Any, Any]
RECIPE = "four_chamber_closed"


def flooded(union: Array) -> tuple[int, int]:
    """Components of what is not meshed, with 6 and with 26 neighbours."""
    outside = np.pad(~union, 2, constant_values=True)
    return ndimage.label(outside)[1], ndimage.label(outside, np.ones((3, 3, 3)))[1]


def surface(union: Array) -> tuple[int, int, int]:
    """Boundary edges, non-manifold edges and closed surfaces of the union."""
    union = np.pad(union, 2)
    image = vtk.vtkImageData()
    image.SetDimensions(*union.shape[::-1])
    values = numpy_to_vtk(union.astype(np.uint8).ravel(), deep=True)
    values.SetName("union")
    image.GetPointData().SetScalars(values)
    nets = vtk.vtkSurfaceNets3D()
    nets.SetInputData(image)
    nets.SetValue(0, 1)
    nets.SmoothingOff()
    nets.SetOutputMeshTypeToTriangles()
    nets.Update()
    mesh = pv.wrap(nets.GetOutput())
    faces = mesh.regular_faces
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    uses = np.unique(edges, axis=0, return_counts=True)[1]
    surfaces = len(np.unique(mesh.connectivity().point_data["RegionId"]))
    return int((uses == 1).sum()), int((uses > 2).sum()), surfaces


def transform(volume: LabelVolume) -> float:
    """CPU seconds of one distance transform of the whole image."""
    background = volume.array != 1
    start = process_time()
    edt.edt(background, anisotropy=volume.spacing, parallel=1)
    return process_time() - start


def main() -> None:
    """Run, certify and flood every heart, and print its row."""
    parser = argparse.ArgumentParser(description="closed hearts from label maps; a Markdown table on stdout")
    parser.add_argument("--recipe", default=RECIPE, help=f"the recipe (default {RECIPE})")
    parser.add_argument("hearts", nargs="+", type=Path)
    parser.add_argument("--repeat", type=int, default=1, help="timed runs of each heart (default 1)")
    arguments = parser.parse_args()
    catalogue, recipe = load_catalogue(), arguments.recipe
    columns = ["heart", "6", "26", "boundary", "non-manifold", "surfaces", "verdict", "steps, s", "EDT, s", "ratio"]
    print(f"| {' | '.join(columns)} |\n| --- |{' ---: |' * (len(columns) - 1)}", flush=True)
    for path in arguments.hearts:
        volume, _ = read_volume(path)
        settings = Settings()
        prepared = prepare(volume, catalogue, settings, recipe=recipe)
        planned = plan(recipe, catalogue, prepared.facts, settings)
        prepared = make_room(prepared, planned, settings)
        ratios = []
        for _ in range(arguments.repeat):
            one = transform(volume)
            start = process_time()
            *_, result = run_plan(planned, prepared)
            steps = process_time() - start
            ratios.append(steps / one)
        blood = result.blueprint.of_type(LabelType.LUMEN)
        union = (result.volume.array > 0) & ~np.isin(result.volume.array, blood)
        certificate = certify_result(result, catalogue)
        cells = [path.stem, *flooded(union), *surface(union), certificate.verdict]
        cells += [f"{steps:.2f}", f"{one:.2f}", f"{median(ratios):.2f}"]
        print(f"| {' | '.join(map(str, cells))} |", flush=True)
        for finding in certificate.of(Severity.ERROR):
            print(f"    {finding.check}: {finding.what}", flush=True)


if __name__ == "__main__":
    main()
