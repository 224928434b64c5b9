"""Raises while it is imported."""

raise RuntimeError("this module cannot be imported\nand says so in two lines")
