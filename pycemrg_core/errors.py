"""The exception family.

Everything a user can mend derives from :class:`PycemrgError`; the command line prints its text and exits
with 1. Any other exception that reaches the user is a fault of the code, ours or a plugin's.
"""

from __future__ import annotations

from collections.abc import Iterable


class PycemrgError(Exception):
    """Base of all errors whose text tells the user what is wrong, where, and what to do."""


class RefError(PycemrgError):
    """A reference ``package.module:object`` is misspelt or cannot be imported."""


class RecordError(PycemrgError, ValueError):
    """A record returned by a hook has a field that cannot be right."""


class LabelError(PycemrgError):
    """A label table is ambiguous, or a name or integer is not in it."""


class DocumentError(PycemrgError):
    """YAML or JSON does not describe the record it should; the text says where."""


class PluginError(PycemrgError):
    """A plugin failed and the policy says that a failure is fatal, or a local plugin cannot be read."""


class UnknownNameError(PycemrgError):
    """The catalogue holds nothing of that name."""


class NameConflictError(PycemrgError):
    """Two providers contribute the same name, so the bare name has no meaning."""


class ImageError(PycemrgError):
    """An image cannot be read, or is not a label map."""


class OutputError(PycemrgError):
    """A result cannot be written; whatever was there before is untouched."""


class StepError(PycemrgError):
    """A step broke its contract while it ran."""


class MetricError(PycemrgError):
    """A metric cannot be worked out for what it was given."""


class AugmentationError(PycemrgError):
    """An augmentation or a pipeline of them cannot be carried out."""


class PlanError(PycemrgError):
    """The recipe will not run on this image. ``problems`` holds every reason, not only the first."""

    def __init__(self, title: str, problems: Iterable[str]) -> None:
        self.title = title
        self.problems = tuple(problems)
        lines = [f"  {number}. {problem}" for number, problem in enumerate(self.problems, 1)]
        super().__init__("\n".join([title, *lines]))
