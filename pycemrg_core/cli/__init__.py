"""The command line. Modules here import click and nothing heavy; command bodies import what they need."""

from pycemrg_core.cli.app import main

__all__ = ["main"]
