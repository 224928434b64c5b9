"""Commands that the built-in catalogue contributes."""
