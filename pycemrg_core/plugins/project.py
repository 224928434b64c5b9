"""``pycemrg.toml``: the local plugins of a working folder, used only when the user says so."""

from __future__ import annotations

import os
from typing import Any

from pycemrg_core.errors import DocumentError, PluginError
from pycemrg_core.text.files import read_text

FILE = "pycemrg.toml"


def project_plugins(folder: str, *, required: bool) -> tuple[str, ...]:
    """The plugin files that ``pycemrg.toml`` in ``folder`` lists, in its order. Empty if there is no such file.

    The file holds ``[plugins]`` with ``files = ["my_heart.py", "my_recipes.yaml"]``. Paths are relative to the file.
    Raises :class:`PluginError` when it is not TOML, has other content, or is ``required`` and missing.
    """
    import tomllib

    place = os.path.join(folder, FILE)
    if not os.path.lexists(place):
        if not required:
            return ()
        raise PluginError(f"no {FILE} in this folder; write one, or leave out --project")
    try:
        document = tomllib.loads(read_text(place, f"a {FILE}"))
    except DocumentError as error:
        raise PluginError(str(error)) from error
    except (ValueError, RecursionError) as error:
        raise PluginError(f"{FILE}: cannot read it: {error}; correct the file") from error
    files = _only(_only(document, "plugins", dict, ""), "files", list, "plugins.")
    for path in files:
        if not isinstance(path, str):
            raise PluginError(f"{FILE}: plugins.files holds {path!r}; give a list of paths")
    return tuple(os.path.join(folder, path) for path in files)


def _only(table: dict[str, Any], key: str, kind: type, where: str) -> Any:
    if unknown := sorted(table.keys() - {key}):
        raise PluginError(f"{FILE}: unknown key {', '.join(where + name for name in unknown)} (known: {where}{key})")
    if not isinstance(value := table.get(key), kind):
        raise PluginError(f'{FILE}: {where}{key} is missing or wrong; write [plugins] and files = ["my_heart.py"]')
    return value
