"""Throw-away environments with wheels built from this tree, without the network.

A pytest plugin, so that wheels are built once for all modules: ``pytest_plugins = ("wheelhouse",)``. Third-party
libraries are not installed but lent by the environment that runs the tests.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import time
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
OURS = ("pycemrg", "schematics_builtin", "__editable__", "_editable_impl", "__pycache__")

_ANSWERS = """
import json, sys
from pycemrg_core.testing import run_command
print(json.dumps([run_command(*words, code=int(sys.argv[2])).stdout for words in json.loads(sys.argv[1])]))
"""

Done = subprocess.CompletedProcess[str]


def projects() -> dict[str, Path]:
    """The folders of this tree that are distributions, by name: the core, our plugins, the examples."""
    plugins = (path.parent for path in (ROOT / "plugins").glob("**/pyproject.toml"))
    return {"pycemrg-core": ROOT, **{folder.name: folder for folder in plugins}}


def outcome(*command: object, cwd: Path, environment: dict[str, str] | None = None, code: int = 0) -> Done:
    """Run a program, which must end with this exit code; no setting of Python or pycemrg is passed on."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "PYCEMRG_"))}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**kept, "PIP_DISABLE_PIP_VERSION_CHECK": "1", **(environment or {})},
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert done.returncode == code, f"{command}: {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Wait until no other process holds this lock: the workers of one run share a folder."""
    while True:
        try:
            os.close(os.open(file, os.O_CREAT | os.O_EXCL))
            break
        except (FileExistsError, PermissionError):  # Windows says the latter while the file is being removed
            time.sleep(0.1)
    try:
        yield
    finally:
        file.unlink()


class House:
    """A folder of wheels, each built by the first process that asks for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)

    def provide(self, *names: object) -> None:
        """Build the projects of this tree among ``names`` that are not there yet."""
        with locked(self.folder / "lock"):
            built = {wheel.name.partition("-")[0].replace("_", "-") for wheel in self.folder.glob("*.whl")}
            missing = {name: folder for name, folder in projects().items() if name in set(names) - built}
            if missing:
                pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-index", "--no-deps")
                how = ("--no-build-isolation", "--wheel-dir", self.folder)
                outcome(*pip, *how, *missing.values(), cwd=self.folder)


class Environment:
    """A virtual environment in ``folder``; what is installed comes from wheels of this tree."""

    def __init__(self, folder: Path, house: House, libraries: Path) -> None:
        venv.create(folder, symlinks=os.name != "nt")
        self.folder, self.house = folder, house
        places = {"base": str(folder), "platbase": str(folder)}
        self.programs = Path(sysconfig.get_path("scripts", "venv", places))
        (Path(sysconfig.get_path("purelib", "venv", places)) / "libraries.pth").write_text(f"{libraries}\n")

    def install(self, *words: object) -> None:
        """Install distributions of this tree by name, wheel files, or projects with ``-e`` and their folder."""
        self.house.provide(*words)
        offline = ("--no-index", "--no-deps", "--no-build-isolation", "--find-links", self.house.folder)
        self._pip("install", "--quiet", "--no-compile", *offline, *words)

    def uninstall(self, *names: str) -> None:
        self._pip("uninstall", "--quiet", "--yes", *names)

    def python(self, *words: object, cwd: Path | None = None) -> str:
        """What the environment's Python prints; it must succeed."""
        return outcome(self.programs / "python", *words, cwd=cwd or self.folder).stdout

    def pytest(self, *words: object, cwd: Path) -> str:
        """What pytest prints of the tests in a folder; they must pass. As for an author, it has no plugins."""
        words = ("-m", "pytest", "-q", "-p", "no:cacheprovider", *words)
        alone = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        return outcome(self.programs / "python", *words, cwd=cwd, environment=alone).stdout

    def pycemrg(self, *words: object, code: int = 0, cwd: Path | None = None, **environment: str) -> Done:
        """Run the program ``pycemrg``; it must end with this exit code, and never with a traceback."""
        program = self.programs / "pycemrg"
        done = outcome(program, *words, cwd=cwd or self.folder, environment=environment, code=code)
        assert "Traceback" not in done.stderr, f"{words}\n{done.stderr}"
        return done

    def answers(self, *commands: tuple[str, ...], code: int = 0) -> list[str]:
        """What several commands print, asked in one process; each must end with this exit code."""
        return json.loads(self.python("-c", _ANSWERS, json.dumps(commands), code))  # type: ignore[no-any-return]

    def names(self, *kinds: str) -> list[dict[str, str]]:
        """What each ``list-KIND`` lists: the provider by name."""
        lists = map(json.loads, self.answers(*((f"list-{kind}", "--json") for kind in kinds)))
        return [{entry["name"]: entry["provider"] for entry in listed} for listed in lists]

    def plugins(self, *words: str, **environment: str) -> dict[str, Any]:
        """What ``list-plugins`` lists, by name."""
        listed = json.loads(self.pycemrg("list-plugins", "--json", *words, **environment).stdout)
        return {entry["name"]: entry for entry in listed["plugins"]}

    def _pip(self, *words: object) -> None:
        outcome(self.programs / "python", "-m", "pip", *words, cwd=self.folder)


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """The wheels that all tests share, those of other workers too."""
    base = tmp_path_factory.getbasetemp()
    return House((base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "house")


@pytest.fixture(scope="session")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with links to all that is installed here, except what is ours."""
    # By this name hypothesis knows a library, and does not read its source for constants.
    folder = tmp_path_factory.mktemp("libraries") / "site-packages"
    folder.mkdir()
    for site in map(Path, sys.path):
        if site.name in ("site-packages", "dist-packages"):
            for entry in site.iterdir():
                link = folder / entry.name
                if not (entry.name.startswith(OURS) or entry.suffix == ".pth" or link.exists()):
                    link.symlink_to(entry.resolve())
    return folder


@pytest.fixture(scope="session")
def core(house: House, libraries: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """The core and nothing else; a test that installs more removes it."""
    environment = Environment(tmp_path_factory.mktemp("environment"), house, libraries)
    environment.install("pycemrg-core")
    yield environment
    shutil.rmtree(environment.folder)


@pytest.fixture(scope="module")
def make_environment(
    house: House, libraries: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Environment]]:
    """Makes environments with the distributions named; they are removed after the module's last test."""
    folders = []

    def make(*names: str) -> Environment:
        folders.append(tmp_path_factory.mktemp("environment"))
        environment = Environment(folders[-1], house, libraries)
        environment.install(*names)
        return environment

    yield make
    for folder in folders:
        shutil.rmtree(folder)
