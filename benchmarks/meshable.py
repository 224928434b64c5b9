"""Fill gaps and weld labels of closed hearts, and print a Markdown table: what was in a mesher's way, and what is left.

    python benchmarks/meshable.py [--recipe four_chamber_closed] [--voxels 2] HEART...

Each heart is grown by the recipe and repaired with ``--gap`` of so many voxels, and ``--weld``.

- tunnels, narrow voxels, label contacts: what the checks ``tunnels``, ``narrow_gap`` and ``edge_contact`` (of single
  labels) count, before and after.
- spaces, surface: components of what is not meshed, with 6 and with 26 neighbours, and the boundary edges, non-manifold
  edges and closed surfaces that VTK's SurfaceNets lays round the tissue, after. They ask no check of ours.
- s: CPU seconds of the repair with its certificate, and those of the two rules alone: the same without them taken off.

Needs vtk, pyvista and edt.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from time import process_time

import attrs
import numpy as np
from closed_heart import flooded, surface
from skimage.measure import euler_number

from pycemrg_core import load_catalogue, read_volume, run_recipe
from pycemrg_core.api import LabelType, LabelVolume, Severity, volume_of
from schematics_builtin.certificate import Certificate, certify_image, repair

RECIPE = "four_chamber_closed"


def counts(certificate: Certificate) -> dict[str, int]:
    """Tunnels, narrow voxels and contacts of single labels."""
    found = dict.fromkeys(("tunnels", "narrow_gap", "edge_contact"), 0)
    for one in certificate.of(Severity.WARNING):
        if one.check == "tunnels":
            found["tunnels"] += int(one.what.split("have ")[1].split()[0].replace(",", ""))
        elif one.check in found:
            found[one.check] += one.voxels
    return found


def loops(volume: LabelVolume, spaces: int) -> int:
    """The tunnels of the tissue by scikit-image's Euler number; it is one piece."""
    tissue = (volume.array > 0) & ~np.isin(volume.array, volume.blueprint.of_type(LabelType.LUMEN))
    return 1 + spaces - 1 - int(euler_number(np.pad(tissue, 1), connectivity=3))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("hearts", nargs="+", type=Path)
    parser.add_argument("--recipe", default=RECIPE)
    parser.add_argument("--voxels", type=float, default=2.0)
    options = parser.parse_args()
    catalogue = load_catalogue()
    columns = ["heart", "gap, mm", "tunnels", "after", "narrow voxels", "after", "label contacts", "after", "filled"]
    columns += ["welded", "% of tissue", "verdict", "spaces", "surface", "s", "rules, s"]
    print(f"| {' | '.join(columns)} |\n|---|{'---:|' * (len(columns) - 1)}", flush=True)
    for path in options.hearts:
        grown = run_recipe(options.recipe, read_volume(path)[0], catalogue)
        gap = options.voxels * min(grown.volume.spacing)
        asked = attrs.evolve(grown.blueprint, edge_mm=gap)
        plain = process_time()
        mended = repair(grown.image, catalogue, asked)
        start = process_time()
        done = repair(grown.image, catalogue, asked, gap_mm=gap, weld=True)
        taken = process_time() - start
        before, after = counts(certify_image(mended.image, catalogue, asked)), counts(done.certificate)
        volume = volume_of(done.image).with_blueprint(asked)
        spaces = done.certificate.closure.spaces[6]
        through = sum(
            int(one.what.split()[0]) for one in done.certificate.of(Severity.EXPECTED) if one.check == "tunnels"
        )
        assert after["tunnels"] + through == loops(volume, spaces)
        tissue = (volume.array > 0) & ~np.isin(volume.array, asked.of_type(LabelType.LUMEN))
        changed = dict.fromkeys(("weld", "all"), 0)
        for entry in done.ledger:
            changed["weld" if entry.rule == "weld" else "all"] += entry.change.voxels
        share = 100 * sum(changed.values()) / tissue.sum()
        cells = [path.stem, f"{gap:g}"]
        for name in ("tunnels", "narrow_gap", "edge_contact"):
            cells += [f"{before[name]:,}", f"{after[name]:,}"]
        cells += [f"{changed['all']:,}", f"{changed['weld']:,}", f"{share:.2f}", done.certificate.verdict]
        cells += [" ".join(map(str, flooded(tissue))), " ".join(map(str, surface(tissue)))]
        cells += [f"{taken:.2f}", f"{taken - (start - plain):.2f}"]
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
