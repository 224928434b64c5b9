"""The exceptions of pycemrg, and how a plugin's failure is reported.

Everything a user can correct derives from :class:`PycemrgError`; the command line prints its text and exits
with 1. Any other exception that reaches the user is a fault of our own code: what a plugin raises is caught where
the plugin is called, with :func:`blaming`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from types import FrameType

from pycemrg_core.guard import guarded


class PycemrgError(Exception):
    """Base of all errors. The text tells the user what is wrong, where, and what to do.

    ``blamed``: the text already says which plugin is at fault, and where. Code that passes the error on adds no place.
    """

    blamed = False


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
    """The catalogue has nothing with that name."""


class NameConflictError(PycemrgError):
    """Two providers contribute the same name, so the name alone is ambiguous."""


class ImageError(PycemrgError):
    """An image cannot be read, or is not a label map."""


class OutputError(PycemrgError):
    """A result cannot be written. Files that were there before are unchanged."""


class StepError(PycemrgError):
    """A step broke its contract while it ran."""


class MetricError(PycemrgError):
    """A metric cannot be computed for its input."""


class AugmentationError(PycemrgError):
    """An augmentation, or a pipeline of augmentations, failed."""


class NotApplicableError(AugmentationError):
    """The sample lacks what an augmentation changes, such as a structure or any contrast; a pipeline may skip it."""


class PlanError(PycemrgError):
    """The recipe cannot run on this image. ``problems`` holds every reason, not only the first."""

    def __init__(self, title: str, problems: Iterable[str]) -> None:
        self.title = title
        self.problems = tuple(problems)
        lines = [f"  {number}. {problem}" for number, problem in enumerate(self.problems, 1)]
        super().__init__("\n".join([title, *lines]))


# Libraries that a plugin calls. The place of its fault is the innermost frame outside these and outside Python itself.
_LIBRARIES = frozenset(
    ["pycemrg_core", "numpy", "scipy", "SimpleITK", "attr", "attrs", "cattr", "cattrs", "click", "pluggy", "yaml"]
)


NOBODYS_FAULT = (KeyboardInterrupt, MemoryError)
"""What code of a plugin may raise through no fault of its own; it is passed on as it is."""
_LONGEST = 1000  # characters of an exception's text that are shown


class blaming:  # noqa: N801 - it reads as a function
    """Call a plugin's ``function`` in this block. An exception becomes an error of ``kind`` that begins with ``who``.

    The text ends with the place, as in ``metric 'mass' of my-heart 1.0 failed: IndexError: list index out of range
    (metrics.py:13, in deep)``. If the plugin itself raises a :class:`PycemrgError`, that is a refusal: its text stays
    as it is, after ``refused`` if that is given. If the error was already blamed on code that this plugin called, no
    second place is added. ``KeyboardInterrupt`` and ``MemoryError``, which are no fault of a plugin, are passed on.
    What the block prints goes to stderr, and the working directory stays (see :class:`~pycemrg_core.guard.guarded`).
    """

    def __init__(self, kind: type[PycemrgError], who: str, function: object = None, *, refused: str = "") -> None:
        self.kind, self.who, self.function, self.refused = kind, who, function, refused or who
        self._guard = guarded()

    def __enter__(self) -> None:
        self._guard.__enter__()

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._guard.__exit__()
        if error is None or isinstance(error, NOBODYS_FAULT):
            return
        if not isinstance(error, PycemrgError):  # it may be SystemExit too, or a class of the plugin's own
            blamed = self.kind(f"{self.who} failed: {fault(error, self.function)}")
        elif _is_own(error):
            blamed = self.kind(f"{self.refused}: {_text(error)}")
        else:
            blamed = self.kind(f"{self.who}: {fault(error, self.function)}")
        blamed.blamed = True
        raise blamed from error


def fault(error: BaseException, function: object = None) -> str:
    """The text of an exception and the innermost place outside the core: file, line and function.

    ``IndexError: list index out of range (my_step.py:13, in deep)``. A :class:`PycemrgError` gives its whole text,
    without its type; any other exception gives its type and first line, shortened. If only the core was involved, the
    place is where ``function`` is defined. Call it where the exception is caught: only frames below that one are
    searched. The text of an error that was already blamed has its place. A ``MemoryError`` has none: whose turn it is
    when memory runs out says little.
    """
    if isinstance(error, MemoryError):
        what = str(error) or "no more can be had"
        return f"out of memory: {what}; end other programs, or give a smaller or coarser image"
    if _is_blamed(error):
        return _text(error)
    text, place = _text(error), _place(error)
    where = f" ({place})" if place else defined_at(function)
    return text if text.endswith(where) else text + where


def defined_at(function: object) -> str:
    """Where a function begins, as `` (my_step.py:10, in seal)``; empty if unknown."""
    code = getattr(getattr(function, "__wrapped__", function), "__code__", None)
    return f" ({os.path.basename(code.co_filename)}:{code.co_firstlineno}, in {code.co_name})" if code else ""


def returned_one(found: object, plural: str) -> str:
    """What to say of a plugin's function that returned None or one object where several were asked for."""
    what = "None" if found is None else f"one {type(found).__name__}"
    return f"returned {what}; yield {plural} or return a list of them"


def _text(error: BaseException) -> str:
    name = type(error).__name__
    try:
        text = str(error.msg if isinstance(error, SyntaxError) and error.filename else error).strip()
    except KeyboardInterrupt:
        raise
    except BaseException as again:
        return f"{name}, whose text cannot be shown: its __str__ raises {type(again).__name__}"
    if isinstance(error, PycemrgError):
        return text or name
    first = text.partition("\n")[0]
    if len(first) > _LONGEST:
        first = f"{first[:_LONGEST]}..."
    return f"{name}: {first}" if first else name


def _place(error: BaseException) -> str:
    if isinstance(error, SyntaxError) and error.filename and os.path.exists(error.filename):
        return f"{os.path.basename(error.filename)}:{error.lineno}"
    place = ""
    for frame, line in _frames(error):
        if (root := _root(frame)) not in _LIBRARIES and root not in sys.stdlib_module_names:
            place = f"{os.path.basename(frame.f_code.co_filename)}:{line}, in {frame.f_code.co_name}"
    return place


def _is_blamed(error: BaseException | None) -> bool:
    """Whether its text is that of an error which was blamed, or holds it."""
    if not isinstance(error, PycemrgError):
        return False
    cause = error.__cause__
    return error.blamed or (_is_blamed(cause) and cause is not None and _text(cause) in _text(error))


def _is_own(error: BaseException) -> bool:
    """Whether the plugin's own code raised it, and not the core that it called."""
    *_, last = [None, *(frame for frame, _ in _frames(error))]
    return last is not None and _root(last) != "pycemrg_core"


def _frames(error: BaseException) -> Iterator[tuple[FrameType, int]]:
    """The frames below the one that caught the error; that one is the first of the traceback."""
    trace = error.__traceback__.tb_next if error.__traceback__ else None
    while trace is not None:
        yield trace.tb_frame, trace.tb_lineno
        trace = trace.tb_next


def _root(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__")).partition(".")[0]


def debugging() -> bool:
    """Whether ``PYCEMRG_DEBUG`` asks for the full traceback of every error."""
    return os.environ.get("PYCEMRG_DEBUG", "") not in ("", "0")
