"""Recipes of closed hearts on label maps: closed by flooding and by VTK, certified, and how long the steps took.

    python benchmarks/closed_heart.py [--recipe four_chamber_closed] [--turns 3] HEART...
    python benchmarks/closed_heart.py --structures HEART...

Times are seconds of CPU, the least of all turns; the ratio is that of the steps and of one distance transform of the
image, in the same run.

Flooding everything that is not meshed must give the outside and one component for each closed chamber, with 6 and
with 26 neighbours. The surface that VTK's SurfaceNets lays round the union of the meshed labels must have no boundary
edge and no edge of more than two triangles. Neither asks a check of ours. Needs vtk, pyvista and edt.

``--structures`` prints the voxels and mL of each structure of the first heart, and the smallest and the largest volume
of all hearts.
"""

import argparse
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pyvista as pv
import vtk
from scipy import ndimage
from vtk.util.numpy_support import numpy_to_vtk

from pycemrg_core import load_catalogue, read_volume, run_recipe
from pycemrg_core.api import LabelScheme, LabelType, Severity
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
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).astype(np.int64), axis=1)
    uses = np.unique(edges[:, 0] * mesh.n_points + edges[:, 1], return_counts=True)[1]
    surfaces = len(np.unique(mesh.connectivity().point_data["RegionId"]))
    return int((uses == 1).sum()), int((uses > 2).sum()), surfaces


def structures(paths: list[Path]) -> None:
    """A row for each structure of the results."""
    catalogue = load_catalogue()
    tags = catalogue.get(LabelScheme, "cemrg-mesh").labels
    results = [run_recipe(RECIPE, read_volume(path)[0], catalogue) for path in paths]
    sizes = [
        {label: np.count_nonzero(result.volume.array == label) for label in result.volume.boxes} for result in results
    ]
    ml = [result.volume.voxel_mm3 / 1000 for result in results]
    print(f"| structure | label | mesh tag | voxels, {paths[0].stem} | mL | mL, {len(paths)} maps |")
    print("|---|---:|---:|---:|---:|---:|")
    for label, voxels in sizes[0].items():
        name = results[0].blueprint.name(label)
        volumes = [size.get(label, 0) * each for size, each in zip(sizes, ml, strict=True)]
        across = f"{min(volumes):.2f} to {max(volumes):.2f}"
        cells = [
            name.removesuffix("_label"),
            label,
            tags.get(name, "-"),
            f"{voxels:,}",
            f"{voxels * ml[0]:.2f}",
            across,
        ]
        print(f"| {' | '.join(map(str, cells))} |")


def main() -> None:
    """Run, certify and flood every heart, and print its row."""
    parser = argparse.ArgumentParser(description="closed hearts from label maps; a Markdown table on stdout")
    parser.add_argument("--recipe", default=RECIPE, help=f"the recipe (default {RECIPE})")
    parser.add_argument("hearts", nargs="+", type=Path)
    parser.add_argument("--turns", type=int, default=1, help="timed runs of each heart (default 1)")
    parser.add_argument("--structures", action="store_true", help="a row for each structure")
    arguments = parser.parse_args()
    if arguments.structures:
        structures(arguments.hearts)
        return
    from measuring import in_turns, transform  # here, because a test imports this file alone
    from steps import steps_of

    catalogue, recipe = load_catalogue(), arguments.recipe
    columns = ["heart", "6", "26", "boundary", "non-manifold", "surfaces", "verdict", "steps, s", "certify, s"]
    columns += ["EDT, s", "ratio"]
    print(f"| {' | '.join(columns)} |\n|---|{'---:|' * (len(columns) - 1)}", flush=True)
    for path in arguments.hearts:
        volume, _ = read_volume(path)
        taken = in_turns(arguments.turns, edt=transform(volume.array, volume.spacing), steps=steps_of(recipe, volume))
        result = run_recipe(recipe, volume, catalogue)
        blood = result.blueprint.of_type(LabelType.LUMEN)
        union = (result.volume.array > 0) & ~np.isin(result.volume.array, blood)
        start = process_time()
        certificate = certify_result(result, catalogue)
        certified = process_time() - start
        cells = [path.stem, *flooded(union), *surface(union), certificate.verdict]
        cells += [f"{taken['steps']:.2f}", f"{certified:.2f}", f"{taken['edt']:.2f}"]
        cells += [f"{taken['steps'] / taken['edt']:.2f}"]
        print(f"| {' | '.join(map(str, cells))} |", flush=True)
        for finding in certificate.of(Severity.ERROR):
            print(f"    {finding.check}: {finding.what}", flush=True)


if __name__ == "__main__":
    main()
