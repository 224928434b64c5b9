"""Measure whole commands on large images that are mostly air, and print a Markdown table.

    python benchmarks/scale.py [--sizes 512x512x600,900x900x900] [--turns 1]

The real heart at 0.5 mm stands in the middle of an image of background, and in an image of its own size. Each command
runs in a fresh process. Compared with a fresh process that imports SimpleITK and reads the same file:

- CPU seconds, the least of all turns, and their ratio to reading.
- memory: the resident memory at its highest; "beyond" is without the voxels of the image and without what Python and
  the imports of the same command need on the small image, in bytes for each voxel of the box of the heart.

The image of 900 x 900 x 900 voxels needs 4 GB of memory.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from measuring import MEBIBYTE, Spent, command, process, say

READ = "import sys\nimport SimpleITK as sitk\nimage = sitk.ReadImage(sys.argv[1])\n"
COPY = READ + "sitk.WriteImage(image, sys.argv[2], True)\n"
# In a process of its own, so that the one that measures stays small.
MAKE = f"""
import sys
sys.path.append({str(Path(__file__).resolve().parent)!r})
import numpy as np
from hearts import fine
from pycemrg_core.api import LabelVolume, write_volume
x, y, z = map(int, sys.argv[2].split("x"))
heart = fine()
array = np.zeros((z, y, x), np.uint8)
low = [(size - inner) // 2 for size, inner in zip(array.shape, heart.array.shape)]
array[tuple(slice(at, at + inner) for at, inner in zip(low, heart.array.shape))] = heart.array
write_volume(LabelVolume(array, heart.spacing), sys.argv[1])
"""
SMALL = "320x264x297"


def commands(image: Path, folder: Path) -> dict[str, list[str]]:
    """The command lines by name; the first is the floor."""
    closed = folder / "closed"
    return {
        "SimpleITK: read": [sys.executable, "-c", READ, str(image)],
        "SimpleITK: read, write": [sys.executable, "-c", COPY, str(image), str(folder / "copy.nrrd")],
        "run four_chamber_full": command("run", "four_chamber_full", image, "-o", folder / "run", "--force"),
        "run four_chamber_closed": command("run", "four_chamber_closed", image, "-o", closed, "--force"),
        "certify": command("certify", closed / "heart.nrrd"),
        "repair": command("repair", closed / "heart.nrrd", "-o", folder / "repaired.nrrd"),
        "report": command("report", closed, "-o", folder / "report.html"),
        "clean": command("clean", image, "-o", folder / "clean.nrrd", "--reassign-islands", "--fill-holes"),
    }


def measured(size: str, folder: Path, turns: int) -> dict[str, Spent]:
    """What each command used on an image of a size."""
    folder.mkdir(parents=True, exist_ok=True)
    image = folder / "heart.nrrd"
    process([sys.executable, "-c", MAKE, str(image), size])
    found = {}
    for name, line in commands(image, folder).items():
        say(f"{size}: {name}")
        spent = [process(line) for _ in range(turns)]
        found[name] = Spent(min(one.seconds for one in spent), min(one.peak for one in spent))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="512x512x600,900x900x900", help="x, y, z in voxels")
    parser.add_argument("--turns", type=int, default=1)
    options = parser.parse_args()
    crop = int(np.prod([int(size) for size in SMALL.split("x")]))
    print("| image | command | CPU, s | to reading | more than on the small image, s | peak, MiB | beyond |")
    print("|---|---|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        small = measured(SMALL, Path(folder) / SMALL, options.turns)
        for size in (SMALL, *options.sizes.split(",")):
            found = small if size == SMALL else measured(size, Path(folder) / size, options.turns)
            floor = found["SimpleITK: read"]
            voxels = int(np.prod([int(one) for one in size.split("x")]))
            for name, spent in found.items():
                more = spent.seconds - small[name].seconds
                beyond = (spent.peak - voxels - (small[name].peak - crop)) / crop
                cells = [size, name, f"{spent.seconds:.2f}", f"{spent.seconds / floor.seconds:.2f}"]
                cells += [f"{more:.2f}", f"{spent.peak / MEBIBYTE:,.0f}", f"{beyond:.1f}"]
                print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
