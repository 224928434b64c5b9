"""Configuration folders: ``labels.yaml``, ``parameters.json`` and ``semantic_maps/*.json``.

The format is that of ``pycemrg-image-analysis``, so its folders load without changes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pycemrg_core.api import contracts, documents
from pycemrg_core.api.contracts import Use
from pycemrg_core.api.records import Recipe, Schematic, Step
from pycemrg_core.errors import DocumentError, OutputError, PycemrgError, RefError
from pycemrg_core.plugins.catalogue import Catalogue
from pycemrg_core.recipes.flatten import flatten
from pycemrg_core.recipes.settings import Settings
from pycemrg_core.runs.run_folder import relative_path, staged
from pycemrg_core.text.files import name_of
from pycemrg_core.text.label_tables import read_labels_file
from pycemrg_core.text.structured import as_yaml, load_json

LABELS = "labels.yaml"
PARAMETERS = "parameters.json"
MAPS = "semantic_maps"


def read_config(folder: str | os.PathLike[str], catalogue: Catalogue) -> Settings:
    """What a configuration folder sets: labels, parameters and schematics.

    Raises :class:`DocumentError` naming the file that is missing or wrong.
    """
    folder = Path(folder)
    if not folder.is_dir():
        name = name_of(folder)
        raise DocumentError(f"{name}: no such folder; make it with 'pycemrg init {name} --recipe ...'")
    labels = read_labels_file(folder / LABELS)
    parameters: dict[str, float] = {}
    if (folder / PARAMETERS).exists():
        loaded = load_json(folder / PARAMETERS)
        try:
            parameters = documents.from_data(loaded, dict[str, float], "parameters")
        except DocumentError as error:
            raise DocumentError(f"{name_of(folder / PARAMETERS)}: {error}") from error
    schematics = {}
    for path in sorted((folder / MAPS).glob("*.json")):
        schematic = _schematic(path, labels, parameters, catalogue)
        if schematic is not None:
            schematics[path.stem] = schematic
    return Settings(configured=labels, defaults=parameters, schematics=schematics)


def _schematic(
    path: Path, labels: Mapping[str, int], parameters: Mapping[str, float], catalogue: Catalogue
) -> Schematic | None:
    semantic_map = load_json(path)
    if not semantic_map:
        return None  # 'myo_push_steps' has no map: here, pushes are schematics of the catalogue
    known = any(c.answers_to(path.stem) for c in catalogue.all(Schematic))
    base = catalogue.get(Schematic, path.stem) if known else None
    step = base.step if base else _step_with_roles(path, set(semantic_map), catalogue)
    used = {name: labels[name] for name in _texts(semantic_map) if name in labels}
    try:
        return Schematic(
            name=path.stem,
            step=step,
            summary=base.summary if base else f"from {path.name}",
            labels={**used, **(base.labels if base else {})},
            parameters={**(base.parameters if base else {}), **parameters},
            semantic_map=semantic_map,
        )
    except PycemrgError as error:
        raise DocumentError(f"{name_of(path)}: {error}") from error


def _texts(data: Any) -> Iterator[str]:
    """All texts in a semantic map."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, (dict, list)):
        for one in data.values() if isinstance(data, dict) else data:
            yield from _texts(one)


def _step_with_roles(path: Path, keys: set[str], catalogue: Catalogue) -> str:
    """The step kind that has exactly the roles of the map, which may leave out choices."""
    matches = []
    for contribution in catalogue.all(Step):
        try:
            roles = contracts.roles(contribution.record.contract.load())
        except (RefError, TypeError):
            continue  # skip a step that cannot be used; the code that needs it reports why
        known = {role.key for role in roles}
        needed = {role.key for role in roles if role.use is not Use.CHOICE}
        if needed <= keys <= known:
            matches.append(contribution.qualified_name)
    if len(matches) != 1:
        found = f"several step kinds ({', '.join(matches)})" if matches else "no step kind"
        raise DocumentError(
            f"{name_of(path)}: its roles {', '.join(sorted(keys))} fit {found}; see 'pycemrg list-steps'"
        )
    return matches[0]


_SCRIPT = '''"""Run {recipe} with the settings in this folder: python run.py IMAGE OUTPUT_FOLDER"""

import subprocess
import sys
from pathlib import Path

if len(sys.argv) != 3:
    sys.exit(__doc__)
config = Path(__file__).resolve().parent
command = ["run", "{recipe}", sys.argv[1], "--config", str(config), "-o", sys.argv[2]]
for plugin in {plugins!r}:
    command += ["--plugin", str(config / plugin)]
sys.exit(subprocess.call([sys.executable, "-m", "pycemrg_core", *command]))
'''


def write_config(
    folder: str | os.PathLike[str],
    recipe: str | Recipe,
    catalogue: Catalogue,
    local: Iterable[str | Path] = (),
    *,
    schematics: Mapping[str, Schematic] | None = None,
    force: bool = False,
) -> tuple[str, ...]:
    """Write the configuration of a recipe's schematics and a script that runs the recipe; return the file names.

    ``local`` are the plugin files that the script needs. ``schematics`` replace those of the catalogue with the same
    name. ``force`` replaces files of an earlier configuration; semantic maps of other schematics stay.

    Raises :class:`OutputError` when one of the files exists already, or the folder cannot be written.
    """
    folder = Path(folder)
    record = recipe if isinstance(recipe, Recipe) else catalogue.get(Recipe, recipe)
    steps = list(flatten(record, catalogue))
    own = schematics or {}
    used = [own.get(step.schematic) or catalogue.get(Schematic, step.schematic) for step in steps]
    labels = {name: value for schematic in used for name, value in schematic.labels.items()}
    parameters = {name: value for schematic in used for name, value in schematic.parameters.items()}
    parameters |= {name: value for step in steps for name, value in step.parameters.items()}
    ordered = dict(sorted(labels.items(), key=lambda item: item[1]))
    files: dict[str, str] = {
        LABELS: as_yaml({"labels": ordered}),
        PARAMETERS: _json(parameters),
        "run.py": _SCRIPT.format(recipe=record.name, plugins=[relative_path(path, folder) for path in local]),
        **{f"{MAPS}/{schematic.name}.json": _json(schematic.semantic_map) for schematic in used},
    }
    existing = sorted({name.split("/")[0] for name in files if (folder / name.split("/")[0]).exists()})
    if existing and not force:
        held = f"{name_of(folder)}: already holds {', '.join(existing)}"
        raise OutputError(f"{held}; choose another folder, or replace them with --force, in Python force=True")
    for name in files:
        if (folder / name).is_dir():
            raise OutputError(f"{name_of(folder / name)}: is a folder; remove it or choose another folder")
    # The maps move to their folder one by one, since others may be there.
    with staged(folder) as inner, staged(folder / MAPS) as maps:
        for name, text in files.items():
            place = maps / name.removeprefix(f"{MAPS}/") if name.startswith(f"{MAPS}/") else inner / name
            place.write_text(text, encoding="utf-8")
    return tuple(files)


def _json(data: Mapping[str, Any]) -> str:
    return json.dumps(dict(data), indent=2) + "\n"
