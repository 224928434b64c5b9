"""Mesh closed hearts: time, memory, number and quality of the tetrahedra; a Markdown table on stdout.

    python benchmarks/mesh.py [--recipe four_chamber_closed] [--engine cut] [--edge MM] HEART...

Each heart is grown by the recipe and meshed in a process of its own, so that memory is that of one heart: the largest
of the whole process, with the run of the recipe, or of the process of CGAL. Times are seconds of CPU: of the engine,
of the certificate of the mesh, and of writing a .vtu and openCARP files. ``volumes`` is the largest difference between
the volume of a label in the mesh and in its voxels. A heart whose certificate is FAIL is refused; with
``--uncertified`` it is meshed, and the faults of the mesh stand beside those of the label map.
"""

import argparse
import resource
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

from pycemrg_mesh import mesh_heart, write_mesh

from pycemrg_core import load_catalogue, read_volume, run_recipe
from pycemrg_core.api import Heart

COLUMNS = (
    "heart", "tetrahedra", "nodes", "mesh, s", "certify, s", "write, s", "GB", "worst", "median", "under 0.2",
    "volumes", "surfaces", "genus", "verdict",
)  # fmt: skip
FAULTS = ("heart", "edges, heart", "edges, mesh", "corners, heart", "nodes, mesh", "pieces, heart", "pieces, mesh")


def seconds() -> float:
    """The CPU of this process, and of those that it started and that have ended."""
    return process_time() + sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])


def meshed(path: Path, recipe: str, engine: str, edge_mm: float | None) -> list[str]:
    """The row of one heart."""
    catalogue = load_catalogue()
    heart = Heart(volume=run_recipe(recipe, read_volume(path)[0], catalogue).volume)
    times: dict[str, float] = {}
    made = mesh_heart(
        heart, catalogue, engine=engine, edge_mm=edge_mm, told=lambda text: times.setdefault(text, seconds())
    )
    times["made"] = seconds()
    with TemporaryDirectory() as folder:
        write_mesh(made, Path(folder) / "heart.vtu", carp=Path(folder) / "heart")
    first = [*times][[*times].index("certifying the heart") + 1]
    took = times["certifying the mesh"] - times[first]
    certified, written = times["made"] - times["certifying the mesh"], seconds() - times["made"]
    memory = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    found = made.certificate
    low = sum(found.scaled_jacobian.histogram[:4]) / found.tetrahedra
    off = max(abs(one.mm3 / one.voxels_mm3 - 1) for one in found.labels)
    shapes = [f"{found.scaled_jacobian.smallest:.2f}", f"{found.scaled_jacobian.median:.2f}", f"{100 * low:.1f} %"]
    return [
        path.stem, f"{found.tetrahedra:,}", f"{found.points:,}", f"{took:.1f}", f"{certified:.1f}", f"{written:.1f}",
        f"{memory / 1e6:.2f}", *shapes, f"{100 * off:.1f} %",
        str(len(found.surfaces)), str(found.surfaces[0].genus), found.verdict,
    ]  # fmt: skip


def faults(path: Path, recipe: str) -> list[str]:
    """The faults of a heart that need not pass, and those of its mesh."""
    catalogue = load_catalogue()
    heart = Heart(volume=run_recipe(recipe, read_volume(path)[0], catalogue, check=False).volume)
    made = mesh_heart(heart, catalogue, force=True, rounds=0)
    checks = {check.name: check for check in made.certificate.checks}
    counts = [
        0 if checks[name].passed else int(checks[name].what.split()[0].replace(",", "")) for name in ("edges", "nodes")
    ]
    pinches = heart.adjacency.pinches(heart.meshed)
    label = heart.components.label
    pieces = [(label == one.label).sum() for one in made.certificate.labels]
    agree = [int(n) for n in pieces] == [one.pieces for one in made.certificate.labels]
    total = sum(one.pieces for one in made.certificate.labels)
    return [
        path.stem, f"{pinches.edges:,}", f"{counts[0]:,}", f"{pinches.corners:,}", f"{counts[1]:,}",
        f"{int(sum(pieces)):,}", f"{total:,}{' (label by label)' if agree else ' (DIFFERENT)'}",
    ]  # fmt: skip


def main() -> None:
    """Print a row for each heart."""
    parser = argparse.ArgumentParser(description="time, memory and quality of meshes; a Markdown table on stdout")
    parser.add_argument("--recipe", default="four_chamber_closed", help="the recipe (default four_chamber_closed)")
    parser.add_argument("--engine", default="cut", help="cut (default) or cgal")
    parser.add_argument("--edge", type=float, help="the size of the voxels, or with cgal of the edges, in mm")
    parser.add_argument("--uncertified", action="store_true", help="compare the faults of heart and mesh")
    parser.add_argument("--row", action="store_true", help="print the row of one heart only")
    parser.add_argument("hearts", nargs="+", type=Path)
    given = parser.parse_args()
    if given.row:
        (path,) = given.hearts
        cells = (
            faults(path, given.recipe) if given.uncertified else meshed(path, given.recipe, given.engine, given.edge)
        )
        print(f"| {' | '.join(cells)} |")
        return
    columns = FAULTS if given.uncertified else COLUMNS
    print(f"| {' | '.join(columns)} |\n|---|{'---:|' * (len(columns) - 1)}", flush=True)
    words = [word for word in sys.argv[1:] if word not in map(str, given.hearts)]
    for path in given.hearts:
        subprocess.run([sys.executable, __file__, "--row", *words, str(path)], check=True)


if __name__ == "__main__":
    main()
