"""When is each point of the tissue activated? Solve it on a mesh of ``pycemrg mesh``, and write a picture.

    python activation.py heart.vtu --tags 2 --away-from 201 203 -o activation.vtu --picture activation.png

The tissue with the ``--tags`` is activated from one place at one speed. So the activation time of a point is the length
of the shortest way to it through the tissue, divided by the speed: the eikonal equation |grad T| = 1 / speed, T = 0 at
the place. That are the points within 2 mm of the one that is farthest ``--away-from`` the tissue with other tags, such
as the apex, seen from the valves.

The solver is the fast iterative method on tetrahedra: Z. Fu, R. M. Kirby, R. T. Whitaker, "A fast iterative method for
solving the eikonal equation on tetrahedral domains", SIAM Journal on Scientific Computing 35(5), 2013. It needs numpy,
scipy, and for the files and the picture meshio and pyvista.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from time import perf_counter

import meshio
import numpy as np
from scipy import sparse

Array = np.ndarray

LATER = 1e30
"""The time of a point that the activation has not reached yet."""

NODES = np.array([(1, 2, 3, 0), (0, 2, 3, 1), (0, 1, 3, 2), (0, 1, 2, 3)])
"""The three nodes of a tetrahedron that activate the fourth."""


def activation_times(points: Array, tetrahedra: Array, start: Array, speed: float) -> Array:
    """The activation time (ms) of each point.

    ``points`` (n, 3) are in mm, ``tetrahedra`` (m, 4) are indices of points, ``start`` the indices of the points that
    are activated at 0 ms, ``speed`` is in mm/ms (m/s). Raises ``ValueError`` when a point cannot be reached.
    """
    count = len(tetrahedra)
    ones = np.ones(4 * count, np.bool_)
    around = sparse.csr_array((ones, (tetrahedra.ravel(), np.repeat(np.arange(count), 4))), shape=(len(points), count))
    times = np.full(len(points), LATER)  # as lengths, at the speed 1
    times[start] = 0.0
    changed = np.asarray(start)
    while len(changed):
        rows = tetrahedra[np.unique(around[changed].indices)][:, NODES].reshape(-1, 4)
        rows = rows[times[rows[:, 3]] > times[rows[:, :3]].min(axis=1)]
        before = times.copy()
        np.minimum.at(times, rows[:, 3], arrivals(points[rows], times[rows[:, :3]]))
        changed = np.flatnonzero(before - times > 1e-6)
    if (times >= LATER).any():
        raise ValueError("a part of the tissue has no connection with the start; give tags of one piece")
    return times / speed


def arrivals(corners: Array, times: Array) -> Array:
    """When a wave of speed 1 through the first three corners of tetrahedra, (n, 4, 3), reaches the fourth.

    ``times`` (n, 3) are those of the first three. The wave comes through their face, along an edge of it, or from a
    corner, whichever is first. It is a plane wave, whose slope has the length 1.
    """
    sides = corners[:, :3] - corners[:, 3:]  # seen from the fourth
    squares = np.einsum("nai,nbi->nab", sides, sides)
    found = (times + np.sqrt(squares[:, [0, 1, 2], [0, 1, 2]])).min(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        for a, b in ((0, 1), (0, 2), (1, 2)):
            found = np.fmin(
                found, along_edge(squares[:, a, a], squares[:, a, b], squares[:, b, b], times[:, a], times[:, b])
            )
        return np.fmin(found, through_face(squares, times))


def along_edge(aa: Array, ab: Array, bb: Array, first: Array, second: Array) -> Array:
    """When a wave through an edge reaches a point, from the products of the ends seen from it; NaN if it passes by."""
    length = aa - 2 * ab + bb  # squared, as are the next two
    slope = (second - first) / length
    across = 1 - slope**2 * length
    height = (aa * bb - ab**2) / length
    foot = (aa - ab) / length
    share = foot - slope * np.sqrt(height / across)  # of the second end, where the wave came from
    arrival = first + slope * length * foot + np.sqrt(across * height)
    return np.where((share >= 0) & (share <= 1), arrival, np.nan)


def through_face(squares: Array, times: Array) -> Array:
    """The same of the face, with the products (n, 3, 3) of its corners."""
    aa, ab, ac = squares[:, 0, 0], squares[:, 0, 1], squares[:, 0, 2]
    # The two sides of the face from its first corner, and the way from there to the point.
    uu, uv = squares[:, 1, 1] - 2 * ab + aa, squares[:, 1, 2] - ab - ac + aa
    vv, up, vp = squares[:, 2, 2] - 2 * ac + aa, aa - ab, aa - ac
    area = uu * vv - uv**2
    later, latest = times[:, 1] - times[:, 0], times[:, 2] - times[:, 0]
    slope = (vv * later - uv * latest) / area, (uu * latest - uv * later) / area
    foot = (vv * up - uv * vp) / area, (uu * vp - uv * up) / area
    across = 1 - slope[0] * later - slope[1] * latest
    height = np.maximum(aa - foot[0] * up - foot[1] * vp, 0)
    back = np.sqrt(height / across)
    shares = foot[0] - slope[0] * back, foot[1] - slope[1] * back
    inside = (shares[0] >= 0) & (shares[1] >= 0) & (shares[0] + shares[1] <= 1)
    arrival = times[:, 0] + later * foot[0] + latest * foot[1] + np.sqrt(across * height)
    return np.where(inside, arrival, np.nan)


def tissue(mesh: meshio.Mesh, tags: list[int]) -> tuple[Array, Array, Array]:
    """The points and tetrahedra with some tags, and the number of each point in the whole mesh."""
    chosen = mesh.cells_dict["tetra"][np.isin(mesh.cell_data_dict["tag"]["tetra"], tags)]
    if not len(chosen):
        raise ValueError(f"no tetrahedron has a tag of {', '.join(map(str, tags))}")
    used, tetrahedra = np.unique(chosen, return_inverse=True)
    return mesh.points[used], tetrahedra.reshape(chosen.shape), used


def farthest(points: Array, others: Array, radius: float = 2.0) -> Array:
    """The indices of the points within ``radius`` mm of the one that is farthest from the middle of other points."""
    middle = points[np.argmax(((points - others.mean(axis=0)) ** 2).sum(axis=1))]
    return np.flatnonzero(((points - middle) ** 2).sum(axis=1) <= radius**2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mesh", type=Path, help="a .vtu of pycemrg mesh")
    parser.add_argument("--tags", type=int, nargs="+", required=True, help="the tissue that is activated")
    parser.add_argument("--away-from", type=int, nargs="+", required=True, help="tags far from the start")
    parser.add_argument("--speed", type=float, default=0.6, help="in m/s (0.6)")
    parser.add_argument("-o", "--output", type=Path, help="write the tissue with its times, .vtu")
    parser.add_argument("--picture", type=Path, help="write a picture, .png")
    options = parser.parse_args()
    whole = meshio.read(options.mesh)
    points, tetrahedra, _ = tissue(whole, options.tags)
    start = farthest(points, tissue(whole, options.away_from)[0])
    began = perf_counter()
    times = activation_times(points, tetrahedra, start, options.speed)
    took = perf_counter() - began
    print(f"{len(points):,} points, {len(tetrahedra):,} tetrahedra: the last is activated at {times.max():.1f} ms")
    print(f"solved in {took:.1f} s")
    if options.output:
        meshio.Mesh(points, [("tetra", tetrahedra)], point_data={"activation_ms": times}).write(options.output)
    if options.picture:
        draw(points, tetrahedra, times, options.picture)


def draw(points: Array, tetrahedra: Array, times: Array, picture: Path) -> None:
    """A picture of the tissue from outside and cut open, with a line every 10 ms."""
    import pyvista as pv

    grid = pv.UnstructuredGrid({pv.CellType.TETRA: tetrahedra}, points)
    grid.point_data["activation, ms"] = times
    outside, half = (part.extract_surface(algorithm="dataset_surface") for part in (grid, grid.clip(normal="-y")))
    plotter = pv.Plotter(off_screen=True, shape=(1, 2), window_size=(1000, 500), border=False)
    for column, shown in enumerate((outside, half)):
        plotter.subplot(0, column)
        colours = {"cmap": "viridis", "clim": (0, times.max()), "show_scalar_bar": column == 1}
        plotter.add_mesh(shown, scalar_bar_args={"fmt": "%.0f", "color": "black", "position_y": 0.01}, **colours)
        plotter.add_mesh(shown.contour(np.arange(10, times.max(), 10)), color="white", line_width=2)
        plotter.view_xz()
        plotter.camera.zoom(1.1)
    plotter.screenshot(picture)


if __name__ == "__main__":
    main()
