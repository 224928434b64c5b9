"""The checks of a certificate; each yields the findings of one kind of fault."""

from pycemrg_core.api import Heart, Severity


def severity_in(heart: Heart, label: int) -> Severity:
    """A fault of a lumen that the recipe leaves open, and so does not model, is only a warning."""
    return Severity.WARNING if label in heart.blueprint.open else Severity.ERROR
