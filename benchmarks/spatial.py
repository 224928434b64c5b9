"""Measure the time of queries between meshes and images, and print Markdown tables.

    python benchmarks/spatial.py [IMAGE]

The first table samples a million random points in the real heart in the package (or IMAGE), compared with a loop
over the function of SimpleITK, measured on ten thousand points and extrapolated. The second table voxelises a mesh
of hexahedra made from the voxels of the heart, and samples it by majority; both must reproduce the image. Its unit
is the time of a million linear samples.
"""

import argparse
import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import numpy as np
import pyvista as pv
import SimpleITK as sitk
from pycemrg_spatial.at_mesh import sample_cells
from pycemrg_spatial.geometry import index_to_point
from pycemrg_spatial.queries import nearest_label
from pycemrg_spatial.sampling import sample_label, sample_linear, sample_nearest
from pycemrg_spatial.voxels import voxelise_cells

from pycemrg_core.images.image_files import read_labels, voxel_array

HEART = Path(str(files("schematics_builtin"))) / "demo" / "data" / "rodero01_1.0mm.nrrd"
MANY, FEW = 1_000_000, 10_000


def seconds(call: Callable[[], object], repeat: int = 3) -> float:
    """The median of some turns, without the first, which fills caches."""
    turns = []
    for _ in range(repeat + 1):
        start = time.perf_counter()
        call()
        turns.append(time.perf_counter() - start)
    return float(np.median(turns[1:]))


def voxels_as_hexahedra(image: sitk.Image) -> pv.UnstructuredGrid:
    """One hexahedron per labelled voxel, with its label as ``tag``."""
    array = voxel_array(image)
    grid = pv.ImageData(dimensions=np.array(image.GetSize()) + 1).cast_to_unstructured_grid()
    grid.cell_data["tag"] = array.ravel()
    cells = grid.extract_cells(np.flatnonzero(array))
    cells.points = index_to_point(image, np.asarray(cells.points, float) - 0.5)
    return cells


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("image", nargs="?", type=Path, default=HEART)
    image, _ = read_labels(parser.parse_args().image)
    size = np.array(image.GetSize())
    points = index_to_point(image, np.random.default_rng(0).uniform(0, size - 1, (MANY, 3)))
    few = points[:FEW].tolist()

    def loop(interpolator: int) -> float:
        return seconds(lambda: [image.EvaluateAtPhysicalPoint(point, interpolator) for point in few]) * MANY / FEW

    nearest, linear, label = (
        seconds(lambda by=by: by(image, points)) for by in (sample_nearest, sample_linear, sample_label)
    )
    itk_nearest, itk_linear = loop(sitk.sitkNearestNeighbor), loop(sitk.sitkLinear)
    print("| sampling | 1,000,000 points, s | loop over SimpleITK, s | loop / ours |")
    print("| --- | ---: | ---: | ---: |")
    print(f"| nearest | {nearest:.3f} | {itk_nearest:.2f} | {itk_nearest / nearest:.0f}x |")
    print(f"| linear | {linear:.3f} | {itk_linear:.2f} | {itk_linear / linear:.0f}x |")
    print(f"| label, against ITK's linear | {label:.3f} | {itk_linear:.2f} | {itk_linear / label:.0f}x |")

    grid = voxels_as_hexahedra(image)
    tags = np.asarray(grid.cell_data["tag"]).astype(np.int64)
    result = voxelise_cells(grid, tags, image)
    assert (voxel_array(result) == voxel_array(image)).all()
    assert (sample_cells(grid, image).values == tags).all()
    print(f"\n| the heart's {grid.n_cells:,} voxels | s | against 1,000,000 linear samples |")
    print("| --- | ---: | ---: |")
    for name, call in (
        ("voxelised as hexahedra", lambda: voxelise_cells(grid, tags, image)),
        ("sampled on those by majority", lambda: sample_cells(grid, image)),
        ("nearest label of 100,000 points", lambda: nearest_label(points[: MANY // 10], image)),
    ):
        ours = seconds(call, 1)
        print(f"| {name} | {ours:.2f} | {ours / linear:.1f}x |")


if __name__ == "__main__":
    main()
