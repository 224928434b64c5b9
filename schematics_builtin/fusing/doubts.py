"""What can be doubtful about the parts of a heart, and be accepted by name."""

from __future__ import annotations

from attrs import frozen


@frozen
class Doubt:
    """A reason not to go on, unless the user knows better and accepts ``name``."""

    name: str
    text: str


DOUBTS = (
    "different-scans",
    "situs-inversus",
    "image-direction",
    "missing-vein",
    "deep-division",
    "wide-mouth",
    "appendage-among-veins",
    "vein-order",
)
"""All of them."""
