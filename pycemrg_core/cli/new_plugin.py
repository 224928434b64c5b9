"""``pycemrg new-plugin``."""

from __future__ import annotations

from pathlib import Path

import click

PARTS = ("schematic", "recipe", "step", "metric")


@click.command("new-plugin", short_help="Write a plugin package that works, to start from.")
@click.argument("name")
@click.option("--with", "parts", metavar="PARTS", default=",".join(PARTS), show_default=True, help="What to include.")
@click.option("-o", "--output", metavar="DIR", default=".", help="Where to make the folder NAME; here by default.")
def new_plugin(name: str, parts: str, output: str) -> None:
    """Write a complete plugin package into a new folder NAME: installable, tested, ready to change.

    \b
      pycemrg new-plugin my-heart-steps
      pycemrg new-plugin my-recipes --with schematic,recipe
    """
    from pycemrg_core.api.labels import close_to
    from pycemrg_core.cli.scaffold import write_package

    chosen = [part.strip() for part in parts.split(",") if part.strip()]
    for part in chosen:
        if part not in PARTS:
            raise click.UsageError(f"--with knows no {part!r}{close_to(part, PARTS)} (known: {', '.join(PARTS)})")
    if not chosen:
        raise click.UsageError(f"--with needs at least one of {', '.join(PARTS)}")
    written = write_package(Path(output), name, [part for part in PARTS if part in chosen])
    folder = Path(output) / name
    for path in written:
        click.echo(f"{folder / path}")
    click.echo(f'next: cd {folder} && pip install -e ".[test]" && pytest && pycemrg list-plugins --check')
