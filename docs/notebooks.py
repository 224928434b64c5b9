"""The example notebook: a page of the site made of it, and what its cells show, made anew.

    python docs/notebooks.py

runs all cells of ``docs/notebook.ipynb`` and keeps what they show. Beside that, this is a hook of MkDocs.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

NOTEBOOK = Path(__file__).with_name("notebook.ipynb")


def as_markdown(notebook: dict[str, Any]) -> str:
    """A page of the cells of a notebook, each followed by what it showed."""
    parts = []
    for cell in notebook["cells"]:
        text = "".join(cell["source"])
        parts.append(text if cell["cell_type"] == "markdown" else f"```python\n{text}\n```")
        parts += [_shown(output) for output in cell.get("outputs", [])]
    return "\n\n".join(parts) + "\n"


def _shown(output: dict[str, Any]) -> str:
    data = output.get("data", {"text/plain": output.get("text", "")})
    if html := "".join(data.get("text/html", "")):
        return f'<div class="shown">{html}</div>'
    return f"```text\n{''.join(data['text/plain']).rstrip()}\n```"


def on_files(files: Any, config: Any) -> Any:
    """Add the page; the notebook itself stays a file to download."""
    from mkdocs.structure.files import File

    page = as_markdown(json.loads(NOTEBOOK.read_text(encoding="utf-8")))
    files.append(File.generated(config, "notebook.md", content=page))
    return files


def on_page_markdown(markdown: str, page: Any, **_others: Any) -> str:
    """Lead from other pages to the page, and not to the file."""
    return markdown if page.file.src_uri == "notebook.md" else re.sub(r"\(notebook\.ipynb\)", "(notebook.md)", markdown)


def run(notebook: Any, folder: Path) -> Any:
    """Run the cells of a notebook in a folder, and return it with what they show and nothing about the machine."""
    from nbclient import NotebookClient

    NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute()
    notebook.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    for cell in notebook.cells:
        cell.metadata = {}
    return notebook


if __name__ == "__main__":
    from tempfile import TemporaryDirectory

    import nbformat

    with TemporaryDirectory() as folder:
        nbformat.write(run(nbformat.read(NOTEBOOK, as_version=4), Path(folder)), NOTEBOOK)
