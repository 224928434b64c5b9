"""What can be doubtful about the parts of a heart, by the names under which it is accepted."""

from __future__ import annotations

DIFFERENT_SCANS = "different-scans"
VEIN_DOUBTS = (
    *("situs-inversus", "image-direction", "missing-vein", "deep-division", "wide-mouth", "appendage-among-veins"),
    "vein-order",
)
"""Those about the heart and its veins."""
DOUBTS = (DIFFERENT_SCANS, *VEIN_DOUBTS)
"""All of them."""
