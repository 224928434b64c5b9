"""Tells that a module was imported."""

import os


def leave(name: str) -> None:
    """Add a line to the file that the environment names."""
    if path := os.environ.get("BROKEN_MARKER"):
        with open(path, "a", encoding="utf-8") as file:
            file.write(f"{name}\n")
