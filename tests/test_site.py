"""The documents as a site: every page has its place, links lead somewhere, nothing is fetched from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest_plugins = ("built_site",)

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
CONFIG = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
PAGES = sorted(DOCS.rglob("*.md"))


def leaves(node: Any) -> Iterator[str]:
    """The files in a navigation tree."""
    if isinstance(node, str):
        yield node
    else:
        for child in node.values() if isinstance(node, dict) else node:
            yield from leaves(child)


def links(text: str) -> list[str]:
    """The targets of Markdown links and pictures, code left out."""
    prose = re.sub(r"^```.*?^```$|`[^`\n]*`", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"\]\(([^)\s]+)\)", prose)


def slugs(page: Path) -> set[str]:
    """The anchors of a page, as GitHub and the site both make them."""
    prose = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    titles = re.findall(r"^#+ (.*)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def test_every_page_is_in_the_navigation_once() -> None:
    shown = list(leaves(CONFIG["nav"]))
    made = [page.with_suffix(".md").name for page in DOCS.glob("*.ipynb")]  # by docs/notebooks.py
    assert sorted(shown) == sorted([*(page.relative_to(DOCS).as_posix() for page in PAGES), *made])


@pytest.mark.slow(every=2)
@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """As on GitHub; the site's own check is ``mkdocs build --strict``."""
    for link in links(page.read_text(encoding="utf-8")):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        # A page that is generated has anchors that its source does not show.
        generated = target.suffix != ".md" or ":::" in target.read_text(encoding="utf-8")
        assert not anchor or anchor in slugs(target) or generated, link


def test_pages_of_the_readme_are_on_the_site() -> None:
    pages = {link.partition("#")[0] for link in links((ROOT / "README.md").read_text(encoding="utf-8"))}
    shown = {f"docs/{page}" for page in leaves(CONFIG["nav"])}
    assert {page for page in pages if page.startswith("docs/") and page.endswith(".md")} <= shown


def test_pictures_are_small_and_used() -> None:
    everything = "".join(page.read_text(encoding="utf-8") for page in [ROOT / "README.md", *PAGES])
    for picture in (DOCS / "images").iterdir():
        assert picture.stat().st_size < 150_000, picture.name
        assert f"images/{picture.name}" in everything + str(CONFIG["theme"]["favicon"]), picture.name


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_fetches_nothing(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert {page.name for page in pages} >= {page.with_suffix(".html").name for page in PAGES}
    fetched = r"<(?:script|img|iframe|source)[^>]*\ssrc=[\"']?(?:https?:)?//|<link[^>]*href=[\"']?(?:https?:)?//"
    for page in pages:
        assert not re.search(fetched, page.read_text(encoding="utf-8")), page.name
