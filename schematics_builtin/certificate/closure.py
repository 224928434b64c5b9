"""Say of each lumen whether it is closed, and how it is open, in the words of the verdict."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from pycemrg_core.api import Heart
from schematics_builtin.certificate.cavities import cavities, may_be_open
from schematics_builtin.certificate.open_ends import open_ends


@frozen(kw_only=True)
class Closure:
    """The names of the lumens by what was found; each lumen is in one of the groups.

    - ``closed``: no part of it reaches the outside;
    - ``open_at_end``: open at one flat end, as the recipe asks;
    - ``left_open``: open, and the recipe closes it nowhere, although it makes a wall for it;
    - ``without_wall``: open, and the recipe makes no wall for it;
    - ``not_closed``: open, but it should be closed;
    - ``open_elsewhere``: open, but not at one flat end;
    - ``joined``: closed, but one cavity with another lumen that it should be apart from;
    - ``closed_in``: closed, but it should be open.

    ``spaces`` is the number of connected spaces without tissue, including the outside, for each number of neighbours
    of a voxel: 6 (through faces) and 26 (through edges and corners too).
    """

    closed: tuple[str, ...] = ()
    open_at_end: tuple[str, ...] = ()
    left_open: tuple[str, ...] = ()
    without_wall: tuple[str, ...] = ()
    not_closed: tuple[str, ...] = ()
    open_elsewhere: tuple[str, ...] = ()
    joined: tuple[str, ...] = ()
    closed_in: tuple[str, ...] = ()
    spaces: Mapping[int, int] = field(factory=dict)

    @property
    def statement(self) -> str:
        """What is closed and what is open, without what has no wall, which is open on all sides."""
        ends = "at its end" if len(self.open_at_end) == 1 else "at their ends"
        parts: list[tuple[str, tuple[str, ...], str]] = [
            ("not closed", self.not_closed, ""),
            ("open elsewhere than at an end", self.open_elsewhere, ""),
            ("joined in one cavity", self.joined, ""),
            ("closed in, but should be open", self.closed_in, ""),
            ("left open by the recipe", self.left_open, ""),
            ("closed", self.closed or ("no lumen",), ""),
            ("open", self.open_at_end, f" {ends}"),
        ]
        return "; ".join(f"{word}: {', '.join(map(_short, names))}{more}" for word, names, more in parts if names)

    @property
    def beside(self) -> str:
        """The number of spaces, and the lumens without a wall."""
        bare = f"; without a wall: {', '.join(map(_short, self.without_wall))}" if self.without_wall else ""
        return f"{self._counted}{bare}"

    @property
    def _counted(self) -> str:
        by_faces, by_corners = self.spaces.get(6, 0), self.spaces.get(26, 0)
        if by_faces == by_corners:
            return f"{by_faces:,} {'space' if by_faces == 1 else 'spaces'} without tissue"
        return f"{by_faces:,} spaces without tissue through faces, {by_corners:,} through corners"


def closure_of(heart: Heart) -> Closure:
    """What is closed and open in a heart."""
    found, allowed = cavities(heart), may_be_open(heart)
    walled = {wall.lumen for wall in heart.blueprint.walls}
    pairs = [pair for cavity in found.closed for pair in cavity.pairs(heart)]
    joined = {lumen for a, b, may_join in pairs if not may_join for lumen in (a, b)}
    groups: dict[str, list[str]] = {}
    for lumen in heart.lumens:
        if lumen not in found.outside.voxels:
            group = "closed_in" if lumen in heart.blueprint.open else "joined" if lumen in joined else "closed"
        elif lumen not in allowed:
            group = "not_closed"
        elif (ends := open_ends(heart).get(lumen)) is not None:
            group = "open_at_end" if len(ends) == 1 and ends[0].is_end else "open_elsewhere"
        else:
            group = "left_open" if lumen in walled else "without_wall"
        groups.setdefault(group, []).append(heart.name(lumen))
    return Closure(**{group: tuple(names) for group, names in groups.items()}, spaces=found.spaces)


def _short(name: str) -> str:
    """A lumen's name without its suffixes."""
    return name.removesuffix("_label").removesuffix("_BP")
