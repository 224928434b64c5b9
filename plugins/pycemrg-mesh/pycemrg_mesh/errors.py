"""The errors of this plugin."""

from __future__ import annotations

from pycemrg_core.api import PycemrgError


class MeshingError(PycemrgError):
    """A heart cannot be meshed, or an engine is unknown or not installed."""
