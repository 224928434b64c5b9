"""Implements a hook that does not exist: ``pycemrg_schematic`` without the s."""

from pycemrg_core.api import hookimpl


@hookimpl
def pycemrg_schematic():
    return []
