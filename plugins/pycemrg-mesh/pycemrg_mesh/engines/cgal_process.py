"""The process in which CGAL runs: meshes ``image.npz`` of a folder, and leaves ``mesh.npz``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np


def main(folder: Path, sizes: dict[str, float], options: dict[str, Any]) -> None:
    """Mesh the image in a folder. ``sizes`` are the largest circumradii by code, ``options`` those of pygalmesh."""
    import pygalmesh

    with np.load(folder / "image.npz") as image:
        x, y, z = map(float, image["spacing"][::-1])
        # Not generate_from_array: that of pygalmesh 0.10 gives seed and verbose to other parameters.
        pygalmesh.save_inr(image["codes"].transpose(2, 1, 0), (x, y, z), str(folder / "image.inr"))
    of_code = {int(code) if code.isdecimal() else code: size for code, size in sizes.items()}
    made = pygalmesh.generate_from_inr(str(folder / "image.inr"), max_cell_circumradius=of_code, **options)
    np.savez(
        folder / "mesh.npz",
        points=np.asarray(made.points, np.float64),
        tetrahedra=np.asarray(made.cells_dict.get("tetra", np.zeros((0, 4))), np.int32),
        codes=np.asarray(made.cell_data_dict["medit:ref"].get("tetra", np.zeros(0)), np.int64),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]), json.loads(sys.argv[3]))
