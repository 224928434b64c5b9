"""The commands of ``pycemrg labels`` that write an image with other labels."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pycemrg_core.api import like_number, name_of, whole_number
from pycemrg_core.cli.kit import completing, heart_from, plugin_options, require_output, scheme_from, session_of

if TYPE_CHECKING:
    from pycemrg_core import Catalogue
    from pycemrg_core.api import LabelRemapper, LabelVolume, NamedVolume, Names, RemapReport
    from schematics_builtin.labels.label_files import Kind


USUAL = "cemrg"
"""The label scheme of an image where neither the user nor the source nor the run beside it names its labels."""

scheme_option = click.option(
    "--scheme",
    metavar="NAME",
    shell_complete=completing("label scheme"),
    help=f"The label scheme of IMAGE; default: the names in it, or in run.json beside it, or else {USUAL}.",
)

label_table_option = click.option(
    "--label-table",
    type=click.Choice(["slicer", "itksnap"]),
    help="Also write names and colours for this viewer, next to the image.",
)


def write_label_map(
    volume: LabelVolume,
    output: str,
    names: Mapping[int, str],
    catalogue: Catalogue,
    label_table: Kind | None,
    *,
    read: NamedVolume,
    sure: bool,
    quiet: bool = False,
) -> None:
    """Write a label map and, if requested, the table of its labels for a viewer.

    ``sure``: the user or the source, which was ``read``, says what the names are; then they are written into the image,
    if its format has a place for them. A 2-D image is written as one.
    """
    from pycemrg_core.api import Extras, flattened, image_of, write_image, write_volume
    from pycemrg_core.cli.kit import staged
    from schematics_builtin.readers import named_extras, segments_of

    path, table = Path(output), _table_of(output, label_table)
    own = read.segmentation.segments if read.labels else ()
    extras = named_extras(output, volume, segments_of(names, catalogue, own)) if sure else Extras()

    def write(place: str | Path) -> None:
        if read.flat:
            write_image(flattened(image_of(volume)), place, extras)
        else:
            write_volume(volume, place, extras)

    if label_table is None or not path.parent.is_dir():
        write(output)
        click.echo(f"{name_of(output)} written", err=quiet)
        return
    from pycemrg_core import colours_of
    from schematics_builtin.labels.label_files import write_label_table
    from schematics_builtin.labels.outputs import table_rows

    rows = table_rows(volume.boxes, names, colours_of(catalogue))
    with staged(path.parent) as folder:
        write(folder / path.name)
        write_label_table(rows, folder / table.name, label_table)
    click.echo(f"{name_of(output)} and {name_of(table)} written", err=quiet)


def _table_of(output: str, label_table: Kind | None) -> Path:
    """The file of the table for a viewer, next to the image."""
    path = Path(output)
    stem = path.name.removesuffix(".gz").rpartition(".")[0]
    return path.with_name(f"{stem}.ctbl" if label_table == "slicer" else f"{stem}.label")


def require_outputs(output: str, label_table: Kind | None, *inputs: str | None) -> None:
    """Refuse an image that cannot be written, and an image or a table that would overwrite an input."""
    require_output(output, *inputs, image=True)
    if label_table:
        require_output(_table_of(output, label_table), *inputs)


def _pairs(_ctx: click.Context, _param: click.Parameter, texts: tuple[str, ...]) -> dict[int | str, int | str]:
    pairs: dict[int | str, int | str] = {}
    for text in texts:
        old, equals, new = (part.strip() for part in text.partition("="))
        if not (equals and old and new):
            raise click.BadParameter(f"{text!r} is not OLD=NEW; give for example 3=1 or 3=LV_BP_label")
        if wrong := [one for one in (old, new) if like_number(one) and whole_number(one) is None]:
            raise click.BadParameter(f"{wrong[0]!r} is not a whole number; give an integer such as 10, or a name")
        pairs[_either(old)] = _either(new)
    return pairs


def _either(text: str) -> int | str:
    return text if (value := whole_number(text)) is None else value


@click.command(short_help="Give the labels other integers.")
@click.argument("image")
@click.option("-o", "--output", required=True, metavar="FILE", help="The image to write.")
@click.option("--from", "source", metavar="SCHEME", help="The scheme of IMAGE, or a label file.")
@click.option("--to", "target", metavar="SCHEME", help="The scheme to write, or a label file.")
@click.option("--map", "pairs", metavar="OLD=NEW", multiple=True, callback=_pairs, help="One label; can be repeated.")
@click.option("--table", metavar="FILE", help="A table of old and new integers or names (CSV: source,target).")
@click.option("--merge", is_flag=True, help="Allow several labels to become one.")
@click.option("--drop", is_flag=True, help="Turn labels that the target does not have into background.")
@label_table_option
@plugin_options
@click.pass_context
def remap(
    ctx: click.Context,
    image: str,
    output: str,
    source: str | None,
    target: str | None,
    pairs: dict[int | str, int | str],
    table: str | None,
    merge: bool,
    drop: bool,
    label_table: Kind | None,
) -> None:
    """Give the labels of IMAGE other integers, all at once, so that swaps and chains are correct.

    With --map or --table, --from and --to only define the names used there.

    \b
      pycemrg labels remap ts.nrrd -o heart.nrrd --from totalsegmentator-heartchambers --to cemrg
      pycemrg labels remap slicer.nrrd -o heart.nrrd --from my_labels.ctbl --to cemrg
      pycemrg labels remap heart.nrrd -o out.nrrd --map 1=3 --map 3=1
    """
    if not target and not pairs and not table:
        raise click.UsageError("no mapping of labels; give --from and --to, --map, or --table", ctx)
    from pycemrg_core.api import LabelRemapper, names_in, read_mapping_file, remap_volume

    require_outputs(output, label_table, image, table, source, target)
    catalogue = session_of(ctx).catalogue()
    read = _read(image, source, catalogue)
    if not (source or read.labels or pairs or table):
        raise click.UsageError(f"{name_of(image)} has no names; give --from too, --map, or --table", ctx)
    old_names = _names(source, catalogue) if source else dict(scheme_from(read, catalogue, None, USUAL).labels)
    new_names = _names(target, catalogue) if target else old_names
    if pairs or table:
        given = {**(read_mapping_file(Path(table)) if table else {}), **pairs}
        known = names_in(catalogue, (*old_names, *new_names))
        listed = {_named(old, known): _named(new, known) for old, new in given.items()}
        remapper = LabelRemapper.named(listed, old_names, new_names if target else None, merge=merge, delete=drop)
    else:
        remapper = _between(read.volume.boxes, old_names, new_names, merge, drop)
    report = remapper.report(read.volume.array)
    for line in report.lines():
        click.echo(line, err=True)
    _require_rest(image, report, old_names, new_names, catalogue)
    result = remap_volume(read.volume, remapper)
    shown, sure = {value: name for name, value in new_names.items()}, bool(target or source or read.labels)
    write_label_map(result, output, shown, catalogue, label_table, read=read, sure=sure)


def _read(image: str, source: str | None, catalogue: Catalogue) -> NamedVolume:
    """Read a heart. ``source``: the user says what its labels are."""
    import attrs

    from pycemrg_core import read_heart
    from pycemrg_core.api import heart_names

    read = read_heart(image, catalogue, named=bool(source))
    if not source and not read.labels:
        labels, more = heart_names(image, catalogue, read.volume)
        read = attrs.evolve(read, labels=labels, notes=(*read.notes, *more))
    _echo_notes(read.notes)
    return read


def _require_rest(
    image: str, report: RemapReport, old_names: Mapping[str, int], new_names: Mapping[str, int], catalogue: Catalogue
) -> None:
    """Refuse to delete every label, or every chamber: then the names or integers were not understood."""
    from pycemrg_core.api import ImageError, LabelScheme, names_in

    dropped = {change.old for change in report.deleted}
    gone = [name for name, value in old_names.items() if value in dropped]
    rest = {change.new for change in (*report.mapped, *report.kept)} - {0}
    shown = (
        f"{', '.join(gone[:5]) or ', '.join(map(str, sorted(dropped)[:5]))}{' and more' if len(dropped) > 5 else ''}"
    )
    if dropped and not rest:
        raise ImageError(
            f"{name_of(image)}: no label would be left, because {shown} would be dropped; check --from and --to"
        )
    groups = [one.record.groups for one in catalogue.all(LabelScheme)]
    chambers = {name for group in groups for name in group.get("chambers", ())}
    # The labels of a mesh are walls.
    wanted = chambers & new_names.keys() or {name for group in groups for name in group.get("walls", ())}
    unknown = {*gone} - names_in(catalogue).known
    if (unknown or chambers & {*gone}) and not any(new_names.get(name) in rest for name in wanted):
        raise ImageError(
            f"{name_of(image)}: no chamber would be left, because {shown} would be dropped;"
            " check --from and --to, or choose"
            " what stays with 'pycemrg labels keep'"
        )


def _echo_notes(notes: Iterable[str]) -> None:
    for note in notes:
        click.echo(f"note: {note}", err=True)


def _between(
    there: Collection[int], source: Mapping[str, int], target: Mapping[str, int], merge: bool, drop: bool
) -> LabelRemapper:
    """Match labels by name; labels that are not in the image (``there``) need not be in the target."""
    from pycemrg_core.api import LabelRemapper

    present = {name: value for name, value in source.items() if value in there}
    return LabelRemapper.between(present, target, dropped="drop" if drop else "refuse", merge=merge)


def _names(scheme: str, catalogue: Catalogue) -> dict[str, int]:
    """The integers by canonical name of a scheme or a label file. Names of a file that are unknown are said."""
    from pycemrg_core.api import LABEL_FILES, LabelScheme, read_labels_file

    if os.path.splitext(scheme)[1].lower() in LABEL_FILES:
        return canonical_labels(read_labels_file(scheme), scheme, catalogue)
    return dict(catalogue.get(LabelScheme, scheme).labels)


def canonical_labels(labels: Mapping[str, int], where: str, catalogue: Catalogue) -> dict[str, int]:
    """The integers by canonical name. Names that are no structure are said on stderr, and stay.

    Raises :class:`LabelError` when two names are one structure.
    """
    from pycemrg_core.api import LabelError, names_in

    names = names_in(catalogue)
    found: dict[str, int] = {}
    said: dict[str, str] = {}
    for spelling, value in labels.items():
        name = names.canonical(spelling)
        if found.setdefault(name, value) != value:
            raise LabelError(f"{where}: {said[name]!r} and {spelling!r} are one structure, {name!r}; rename one")
        said.setdefault(name, spelling)
        if name not in names.known:
            click.echo(f"note: {where}: no structure is called {name!r}{names.close(name)}", err=True)
    return found


def _named(name: int | str, known: Names) -> int | str:
    return known.canonical(name) if isinstance(name, str) else name


def _selection(kind: str, help_line: str) -> click.Command:
    @click.command(kind, short_help=help_line, help=f"{help_line} NAMES are labels, groups or integers.")
    @click.argument("image")
    @click.argument("names", nargs=-1, required=True)
    @click.option("-o", "--output", required=True, metavar="FILE", help="The image to write.")
    @scheme_option
    @label_table_option
    @plugin_options
    @click.pass_context
    def command(
        ctx: click.Context,
        image: str,
        names: tuple[str, ...],
        output: str,
        scheme: str | None,
        label_table: Kind | None,
    ) -> None:
        from pycemrg_core.api import ImageError, LabelRemapper, remap_volume

        require_outputs(output, label_table, image)
        catalogue = session_of(ctx).catalogue()
        read = heart_from(image, catalogue, scheme)
        record = scheme_from(read, catalogue, scheme, USUAL)
        chosen = chosen_labels(names, record, catalogue)
        there = set(read.volume.boxes)
        gone = there - chosen if kind == "keep" else there & chosen
        if gone == there:
            raise ImageError(
                f"{name_of(image)}: no label would be left; the image has {', '.join(map(str, sorted(there)))}"
            )
        old_names = {value: name for name, value in record.labels.items()}
        remapper = LabelRemapper(dict.fromkeys(gone, 0), merge=True, delete=True, old_names=old_names)
        for line in remapper.report(read.volume.array).lines():
            if "background" in line:
                click.echo(line, err=True)
        result, sure = remap_volume(read.volume, remapper), bool(scheme or read.labels)
        write_label_map(result, output, old_names, catalogue, label_table, read=read, sure=sure)

    return command


def chosen_labels(names: Iterable[str], record: Any, catalogue: Catalogue) -> set[int]:
    """The integers of names, groups and integers. Raises :class:`LabelError` with close matches."""
    from pycemrg_core.api import LabelError, LabelTable, close_to, names_in

    table = LabelTable(record.labels, record.groups)
    known = [*table.labels, *table.groups]
    spelt = names_in(catalogue, known)
    chosen: set[int] = set()
    for name in names:
        if (value := whole_number(name)) is not None:
            chosen.add(value)
        elif like_number(name):
            raise LabelError(f"{name!r} is not a whole number; give integers in decimal digits, or names")
        elif (own := spelt.canonical(name)) in known:
            chosen |= {table.value(member) for member in table.names_of(own)}
        else:
            close = close_to(name, known) or close_to(name, [one.removesuffix("_label") for one in known])
            raise LabelError(f"no label or group is called {name!r}{close}")
    return chosen


keep = _selection("keep", "Keep only some labels.")
remove = _selection("remove", "Remove some labels.")
