"""``pycemrg new-plugin``."""

from __future__ import annotations

from pathlib import Path

import click

from pycemrg_core.api.kinds import KINDS
from pycemrg_core.text.files import name_of

_PARTS = {kind.part: kind for kind in KINDS}
_DATA = {part: kind for part, kind in _PARTS.items() if kind.data}
_DEFAULT = "schematic,recipe,step,metric"


@click.command("new-plugin", short_help="Write a working plugin package to start from.")
@click.argument("name")
@click.option(
    "--with", "parts", metavar="KINDS",
    help=f"What to include, separated by commas: {', '.join(_PARTS)}. [default: {_DEFAULT}]",
)  # fmt: skip
@click.option(
    "--yaml", "as_yaml", is_flag=True, help=f"Write a package with YAML only, without code: {', '.join(_DATA)}."
)
@click.option("-o", "--output", metavar="DIR", default=".", help="Make the folder NAME here. [default: this folder]")
def new_plugin(name: str, parts: str | None, as_yaml: bool, output: str) -> None:
    """Write a complete plugin package into a new folder NAME. It installs, has tests, and is ready to change.

    \b
      pycemrg new-plugin my-heart-steps
      pycemrg new-plugin my-checks --with check,output
      pycemrg new-plugin my-recipes --yaml
    """
    from pycemrg_core.cli.scaffold import write_package
    from pycemrg_core.text.names import close_to

    known = _DATA if as_yaml else _PARTS
    if parts is None:
        parts = ",".join(_DATA) if as_yaml else _DEFAULT
    chosen = [part.strip().replace(" ", "-") for part in parts.split(",") if part.strip()]
    for part in chosen:
        if part in _PARTS and part not in known:
            raise click.UsageError(f"--yaml cannot write a {part}, which needs code; choose from {', '.join(known)}")
        if part not in known:
            raise click.UsageError(f"--with knows no {part!r}{close_to(part, known)} (known: {', '.join(known)})")
    if not chosen:
        raise click.UsageError(f"--with needs at least one of {', '.join(known)}")
    kinds = [kind for part, kind in known.items() if part in chosen]
    written = write_package(Path(output), name, kinds, as_yaml=as_yaml)
    folder = Path(output) / name
    for path in written:
        click.echo(f"{name_of(folder / path)}")
    click.echo(f'next: cd {name_of(folder)} && pip install -e ".[test]" && pytest && pycemrg list-plugins --check')
