"""What the documents show works: the examples run, the commands and their options exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from phantom import heart_phantom

from pycemrg_core.cli import main
from pycemrg_core.imaging import write_image

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def commands(page: Path) -> list[str]:
    return re.findall(r"^    (?:.*&& )?(pycemrg .*?)(?: &&.*)?$", page.read_text(encoding="utf-8"), re.MULTILINE)


def run_with_plugin(tmp_path: Path, name: str, text: str, recipe: str) -> None:
    heart, plugin = tmp_path / "heart.nrrd", tmp_path / name
    write_image(heart_phantom(96), heart)
    plugin.write_text(text, encoding="utf-8")
    arguments = ["run", recipe, str(heart), "-o", str(tmp_path / "out"), "--plugin", str(plugin), "--no-check"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "out" / "heart.nrrd").exists()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_options_exist(page: Path) -> None:
    for line in commands(page):
        words = shlex.split(line)[1:]
        context = click.Context(main)
        command: click.Command | None = main
        while isinstance(command, click.Group) and words and not words[0].startswith("-"):
            command = command.get_command(context, words.pop(0))
        assert command is not None, line
        known = {option for parameter in command.params for option in parameter.opts} | {"--help", "--version"}
        assert {word for word in words if re.match(r"--?[a-z]", word)} <= known, line


def test_every_command_has_a_place_in_the_documents() -> None:
    shown = " ".join(page.read_text(encoding="utf-8") for page in PAGES)
    for name in main.list_commands(click.Context(main)):
        assert f"pycemrg {name}" in shown, name


def test_the_plugin_in_the_readme_runs(tmp_path: Path) -> None:
    (text,) = (block for block in blocks(ROOT / "README.md", "python") if block.startswith("# my_heart.py"))
    run_with_plugin(tmp_path, "readme_heart.py", text, "my_heart")


def test_the_yaml_plugin_runs(tmp_path: Path) -> None:
    (text,) = blocks(ROOT / "docs" / "plugins.md", "yaml")
    run_with_plugin(tmp_path, "my_recipes.yaml", text, "my_heart")


def test_the_step_kind_runs(tmp_path: Path) -> None:
    (text,) = (block for block in blocks(ROOT / "docs" / "plugins.md", "python") if block.startswith("# sealing.py"))
    recipe = (
        "from pycemrg_core import Recipe, include\n\n\n@hookimpl\ndef pycemrg_recipes():\n"
        "    yield Recipe(name='sealed', steps=(include('four_chamber_full'), 'seal_mitral_valve'))\n"
    )
    run_with_plugin(tmp_path, "sealing.py", text + recipe, "sealed")


def test_the_cleaning_recipe_runs(tmp_path: Path) -> None:
    (text,) = blocks(ROOT / "docs" / "labels.md", "yaml")
    run_with_plugin(tmp_path, "tidy.yaml", text, "tidy_heart")


def test_the_python_in_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_image(heart_phantom(96), tmp_path / "my_heart.nrrd")
    monkeypatch.chdir(tmp_path)
    (text,) = (block for block in blocks(ROOT / "README.md", "python") if "load_catalogue" in block)
    namespace: dict[str, object] = {}
    exec(compile(text, "README.md", "exec"), namespace)
    assert "LA_WT" in namespace["result"].record.parameters  # type: ignore[attr-defined]
