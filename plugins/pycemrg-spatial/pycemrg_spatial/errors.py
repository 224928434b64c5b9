"""The errors of this plugin."""

from __future__ import annotations

from pycemrg_core.api import PycemrgError


class MeshError(PycemrgError):
    """A mesh cannot be read, is of the wrong kind, or does not fit the image."""
