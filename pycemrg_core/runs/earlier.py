"""What an earlier run left in a folder, and what of it a new run may replace.

A file belongs to a run if ``run.json`` has its SHA-256, or if it says that it shows the voxels of that run. All other
files belong to the user.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pycemrg_core.api.records import Output
from pycemrg_core.errors import DocumentError, OutputError, PycemrgError
from pycemrg_core.images import image_files
from pycemrg_core.plugins.catalogue import Catalogue, Contribution
from pycemrg_core.runs.run_folder import IMAGE, RECORD, STEPS, Source, require_folder
from pycemrg_core.text.files import name_of, same_file
from pycemrg_core.text.structured import load_json

PROGRESS = "progress.json"
"""The file in the folder ``steps`` that lists its images."""
_STEP = re.compile(r"\d{2,}_[A-Za-z0-9_.-]+\.nrrd")
_INSTEAD = "choose another folder, or replace it with --force"


def require_place(
    folder: str | os.PathLike[str],
    source: Source,
    catalogue: Catalogue,
    chosen: Iterable[Contribution[Output]] = (),
    *,
    force: bool = False,
    keep_steps: bool = False,
) -> tuple[str, ...]:
    """Refuse, before anything runs, a folder where the result would replace something that is not its own.

    That is the input; the result of another heart; and a file of the user that has the name of a file of this run, or
    would look like an output of it. ``force`` allows all but the first. Returns notes for the user.
    """
    folder = Path(folder)
    require_folder(folder)
    written = [IMAGE, RECORD, *(contribution.record.file for contribution in chosen)]
    _require_input(folder, source, [*written, *leftovers(folder, catalogue)])
    if force:
        return ()
    earlier = _earlier(folder)
    notes = _require_same_heart(folder, source, earlier) if earlier else ()
    if earlier is None or keep_steps:
        _require_steps(folder, source, earlier, keep_steps)
    names = dict.fromkeys([*written, *leftovers(folder, catalogue)])
    if foreign := [name for name in names if os.path.lexists(folder / name) and not _is_own(folder, name, earlier)]:
        files = ", ".join(foreign)
        what = f"{files}, which no run wrote there" if earlier is None else f"{files}, not as its run wrote it"
        raise OutputError(f"{name_of(folder)}: holds {what}; move it, {_INSTEAD}")
    return notes


def require_not_of_a_run(output: Path) -> None:
    """Refuse to write a file that a run wrote, and that is as it wrote it. Raises :class:`OutputError`."""
    path = Path(os.path.realpath(output))
    earlier = None
    with suppress(OutputError, OSError):  # not the record of a run
        earlier = _earlier(path.parent)
    if _is_own(path.parent, path.name, earlier):
        raise OutputError(
            f"{name_of(output)}: belongs to the result of a run, as {RECORD} beside it says; choose another name,"
            " or delete it"
        )


def leftovers(folder: Path, catalogue: Catalogue) -> tuple[str, ...]:
    """The files in a folder that outputs wrote, or that have the name of an output's file."""
    names = {contribution.record.file for contribution in catalogue.all(Output)}
    with suppress(DocumentError, KeyError, TypeError, AttributeError):
        names |= {str(saved["file"]) for saved in load_json(folder / RECORD)["outputs"]}
    return tuple(sorted(name for name in names if Path(name).name == name and (folder / name).is_file()))


def step_images(steps: Path) -> dict[str, str]:
    """The images that ``progress.json`` in a folder of steps lists and that are as they were written, with hashes."""
    found = {}
    with suppress(PycemrgError, OSError, KeyError, TypeError, AttributeError):
        for number, saved in enumerate(load_json(steps / PROGRESS)["steps"], 1):
            name = step_image(number, str(saved["name"]))
            if _STEP.fullmatch(name) and saved["image_sha256"] == image_files.file_sha256(steps / name):
                found[name] = str(saved["image_sha256"])
    return found


def step_image(number: int, name: str) -> str:
    """The name of the image after a step."""
    return f"{number:02d}_{name}.nrrd"


def step_leftovers(folder: Path) -> tuple[str, ...]:
    """The files of an earlier run in the folder ``steps``, as paths inside ``folder``."""
    if not (folder / STEPS / PROGRESS).is_file():
        return ()
    return tuple(f"{STEPS}/{name}" for name in (*step_images(folder / STEPS), PROGRESS))


def _require_input(folder: Path, source: Source, names: Iterable[str]) -> None:
    path = os.path.realpath(source.path)
    if any(same_file(folder / name, source.path) for name in names):
        raise OutputError(f"{name_of(source.path)}: the result would overwrite its input; choose another folder")
    if os.path.dirname(path) == os.path.realpath(folder / STEPS):
        raise OutputError(
            f"{name_of(source.path)}: the result would replace the folder of its input; choose another folder"
        )


def _earlier(folder: Path) -> Mapping[str, Any] | None:
    """The parts of ``run.json`` that are needed here; None if there is no such file."""
    if not os.path.lexists(folder / RECORD):
        return None
    try:
        data = load_json(folder / RECORD)
        return {
            "input": {key: str(data["input"][key]) for key in ("path", "sha256")},
            "voxels_sha256": str(data["output"]["voxels_sha256"]),
            "files": {
                IMAGE: data["output"].get("sha256"),
                **{str(saved["file"]): saved["sha256"] for saved in data.get("outputs", ())},
            },
        }
    except DocumentError as error:
        raise OutputError(f"{error}; {_INSTEAD}") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise OutputError(f"{name_of(folder / RECORD)}: not the record of a run; {_INSTEAD}") from error


def _require_same_heart(folder: Path, source: Source, earlier: Mapping[str, Any]) -> tuple[str, ...]:
    """Refuse the folder of another heart. A file whose content has changed is the same heart, corrected."""
    if earlier["input"]["sha256"] == source.sha256:
        return ()
    then = earlier["input"]["path"]
    if os.path.realpath(folder / then) != os.path.realpath(source.path):
        raise OutputError(f"{name_of(folder)}: holds the result of another heart, {Path(then).name}; {_INSTEAD}")
    return (f"{name_of(source.path)} has changed since the run in {name_of(folder)}, whose result is replaced",)


def _require_steps(folder: Path, source: Source, earlier: Mapping[str, Any] | None, keep_steps: bool) -> None:
    """Refuse steps of another heart, and images in ``steps`` that no run wrote there."""
    steps = folder / STEPS
    then = source.sha256
    with suppress(DocumentError, KeyError, TypeError):
        then = load_json(steps / PROGRESS)["run"]["sha256"]
    if earlier is None and then != source.sha256:
        raise OutputError(f"{steps}: holds the steps of another heart; {_INSTEAD}")
    if keep_steps and steps.is_dir():
        images = sorted(path.name for path in steps.iterdir() if _STEP.fullmatch(path.name))
        if foreign := [name for name in images if name not in step_images(steps)]:
            raise OutputError(f"{steps}: holds {', '.join(foreign)}, which no run wrote there; move it, {_INSTEAD}")


def _is_own(folder: Path, name: str, earlier: Mapping[str, Any] | None) -> bool:
    """Whether a file was written by the earlier run, or shows its result."""
    if earlier is None:
        return False
    if name == RECORD:
        return True
    path = folder / name
    if not path.is_file():
        return False
    return earlier["files"].get(name, "") in (None, image_files.file_sha256(path)) or (
        name != IMAGE and _mentions(path, earlier["voxels_sha256"])
    )


def _mentions(path: Path, text: str) -> bool:
    """Whether a file holds a text; it is read in pieces."""
    wanted, before = text.encode(), b""
    with path.open("rb") as file:
        for piece in _pieces(file):
            if wanted in (joined := before + piece):
                return True
            before = joined[-len(wanted) :]
    return False


def _pieces(file: Any) -> Iterator[bytes]:
    while piece := file.read(1 << 20):
        yield piece
