"""Fake installed distributions: a module file, and beside it the metadata folder that an installer writes."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pycemrg_core.plugins import loading
from pycemrg_core.plugins.catalogue import Catalogue, load_catalogue
from pycemrg_core.plugins.loading import Found, Policy


def schematics_source(*names: str) -> str:
    """A plugin module that contributes schematics of these names."""
    return f"""
from pycemrg_core.api.hookspecs import hookimpl
from pycemrg_core.api.records import Schematic

@hookimpl
def pycemrg_schematics():
    for name in {names!r}:
        yield Schematic(name=name, step="create", labels={{"LV_BP_label": 1}}, summary=f"{{name}} of {{__name__}}")
"""


class FakeSite:
    """A folder of installed distributions."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def install(
        self,
        distribution: str,
        source: str = "",
        *,
        version: str = "1.0",
        plugin: str = "",
        group: str = loading.GROUP,
        entry_points: str | None = None,
    ) -> Path:
        """Write the module and its metadata; returns the metadata folder.

        The module is called like the distribution, with ``_`` for ``-``; the plugin likewise, unless named.
        """
        module = distribution.replace("-", "_")
        (self.folder / f"{module}.py").write_text(source, encoding="utf-8")
        info = self.folder / f"{module}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n\nName: not this one\n",
            encoding="utf-8",
        )
        if entry_points is None:
            entry_points = f"[{group}]\n{plugin or distribution} = {module}\n"
        (info / "entry_points.txt").write_text(entry_points, encoding="utf-8")
        importlib.invalidate_caches()
        return info

    def forget(self) -> None:
        """Forget what was imported from this folder and from the one that it is in."""
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", None) or "").startswith(str(self.folder.parent)):
                del sys.modules[name]
        importlib.invalidate_caches()

    def discover(self) -> tuple[Found, ...]:
        """The plugins of this folder, and of no other."""
        return loading.discover([str(self.folder)])

    def catalogue(self, policy: Policy | None = None, local: Iterable[Path] = ()) -> Catalogue:
        """A catalogue of the plugins of this folder, and of no other."""
        return load_catalogue(policy or Policy(), local=local, found=self.discover())


@contextmanager
def fake_site(tmp_path: Path) -> Iterator[FakeSite]:
    """A site first on ``sys.path``; whatever was imported from below ``tmp_path`` is forgotten afterwards."""
    site = FakeSite(tmp_path / "site")
    sys.path.insert(0, str(site.folder))
    try:
        yield site
    finally:
        sys.path.remove(str(site.folder))
        site.forget()


def built_in() -> tuple[Found, ...]:
    """The plugins that come with the core."""
    return tuple(found for found in loading.discover() if found.built_in)


def run_python(
    code: str, *arguments: str, path: Iterable[Path] = (), cwd: Path, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter with these folders on its path."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("PYCEMRG_", "PYTHONPATH"))}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**inherited, "PYTHONPATH": os.pathsep.join(map(str, path)), **(environment or {})},
        cwd=cwd,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


_TELL_MODULES = """
import sys
code = None
try:
    {work}
except SystemExit as exit:
    code = exit.code
names = sorted(sys.modules)
import json  # only now, so that it does not count
sys.stderr.write("\\n" + json.dumps([code, names]))
"""


def modules_after(work: str, *arguments: str, path: Iterable[Path] = (), cwd: Path) -> tuple[Any, set[str], str]:
    """The exit code of some work, the names in ``sys.modules`` after it, and what it printed."""
    done = run_python(_TELL_MODULES.format(work=work), *arguments, path=path, cwd=cwd)
    code, names = json.loads(done.stderr.rpartition("\n")[2])
    return code, set(names), done.stdout
