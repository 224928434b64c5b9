"""Connected components in many boxes of a map at once: the boxes are stacked along z and read in one pass."""

from __future__ import annotations

import attrs
import numpy as np
from attrs import frozen

from pycemrg_core.api import Components, LabelArray, as_region, find_components, runs_in
from schematics_builtin.manifold.working_map import Bools, Ints


@frozen(eq=False)
class BoxStack:
    """Boxes of a map, from ``low`` to before ``high``, stacked along z with an empty plane after each.

    Box k begins at plane ``top[k]`` of the stack. ``connected`` are the components in the stack; none reaches from
    one box to the next.
    """

    low: Ints
    high: Ints
    top: Ints
    connected: Components

    @classmethod
    def of_whole(cls, array: LabelArray) -> BoxStack:
        """One box that is the whole map, with everything in it, the background too."""
        shape = np.array(array.shape)[None]
        connected = find_components(runs_in(array, as_region(slice(0, n) for n in array.shape)), 6)
        return cls(0 * shape, shape, np.zeros(1, np.int64), connected)

    @classmethod
    def of(cls, array: LabelArray, low: Ints, high: Ints, labels: Ints) -> BoxStack:
        """Boxes in which only some labels are looked at; 0, the background, can be one of them."""
        size = high - low
        top = np.cumsum(size[:, 0] + 1) - size[:, 0] - 1
        depth, (height, width) = int(size[:, 0].sum()) + len(size), size[:, 1:].max(axis=0).tolist()
        code = np.zeros(int(array.max()) + 1, np.uint8)
        code[labels] = np.arange(1, len(labels) + 1)
        stack = np.zeros((depth, height, width), np.uint8)
        for start, a, b in zip(top.tolist(), low.tolist(), high.tolist(), strict=True):
            box = code[array[a[0] : b[0], a[1] : b[1], a[2] : b[2]]]
            stack[start : start + box.shape[0], : box.shape[1], : box.shape[2]] = box
        runs = runs_in(stack, as_region(slice(0, n) for n in stack.shape))
        runs = runs.take(runs.label > 0)
        runs = attrs.evolve(runs, label=labels[runs.label - 1])
        return cls(low, high, top, find_components(runs, 6))

    def component_at(self, places: Ints, box: Ints) -> Ints:
        """The component of each voxel of the map, as seen in a box; -1 where none of the labels looked at is."""
        runs = self.connected.runs
        z, y, x = (places - self.low[box]).T
        _, height, width = runs.shape
        flat = ((z + self.top[box]) * height + y) * width + x
        begin = runs.line * width + runs.start
        run = np.searchsorted(begin, flat, side="right") - 1  # -1 is before the first run
        inside = (run >= 0) & (flat - begin[run] < runs.voxels[run])
        found: Ints = np.where(inside, self.connected.of_run[run], -1)
        return found

    def places(self, chosen: Bools) -> tuple[Ints, Ints]:
        """The voxels of some components, as indices of the map, and the component of each."""
        places, component = self.connected.places(chosen)
        box = np.searchsorted(self.top, places[:, 0], side="right") - 1
        places[:, 0] -= self.top[box]
        return places + self.low[box], component

    def reaching(self, shape: Ints) -> tuple[Bools, Bools]:
        """Which components reach a side of their box that is a side of the map, and which another side."""
        runs = self.connected.runs
        z, y = runs.place()
        box = np.searchsorted(self.top, z, side="right") - 1
        low, size = self.low[box], (self.high - self.low)[box]
        begin = np.stack([z - self.top[box], y, runs.start], axis=1)
        end = np.stack([z - self.top[box] + 1, y + 1, runs.stop], axis=1)
        first, last = begin == 0, end == size
        low_border, high_border = (low == 0), (low + size == shape)
        at_border = (first & low_border | last & high_border).any(axis=1)
        beyond = (first & ~low_border | last & ~high_border).any(axis=1)
        found = np.zeros((2, len(self.connected.voxels)), np.bool_)
        found[0, self.connected.of_run[at_border]] = True
        found[1, self.connected.of_run[beyond]] = True
        return found[0], found[1]
