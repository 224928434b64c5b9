"""The documents as a site, built once for all tests that ask; without the extra ``docs`` they are skipped."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path

import pytest
from wheelhouse import locked

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the site; the first process that asks builds it, and a warning is an error."""
    for needed in ("mkdocs", "material", "mkdocstrings", "mkdocs_click"):
        pytest.importorskip(needed, reason="needs the extra 'docs'")
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "site"
    done = folder.with_suffix(".done")
    with locked(folder.with_suffix(".lock")):
        if not done.exists():
            config = import_module("mkdocs.config").load_config(
                str(ROOT / "mkdocs.yml"), strict=True, site_dir=str(folder)
            )
            import_module("mkdocs.commands.build").build(config)
            done.touch()
    return folder
