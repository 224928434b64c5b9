"""Counts and tables: how an object is shown, in words and in HTML."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

_MOST_ROWS = 60
_NUMBER = ' style="text-align: right"'


def html_table(
    title: str,
    columns: Sequence[str] = (),
    rows: Iterable[Sequence[object]] = (),
    *,
    notes: Iterable[str] = (),
    png: bytes = b"",
) -> str:
    """HTML of a heading, a picture, a table of at most 60 rows, and lines below it.

    Numbers stand on the right, floats with four digits. All text is escaped: a name from a file stays text.

    >>> html_table("one heart", ("label", "voxels"), [("LV_BP", 1234)])[:26]
    '<div><b>one heart</b><tabl'
    """
    # Imported here: no list and no help shows HTML.
    from base64 import b64encode
    from html import escape

    rows = list(rows)
    left_out = [f"and {len(rows) - _MOST_ROWS:,} more"] if len(rows) > _MOST_ROWS else []
    parts = [f"<b>{escape(title)}</b>"]
    if png:
        parts.append(f'<br><img alt="" src="data:image/png;base64,{b64encode(png).decode()}">')
    if rows:
        head = "".join(f"<th>{escape(column)}</th>" for column in columns)
        body = "".join(f"<tr>{''.join(_cell(value, escape) for value in row)}</tr>" for row in rows[:_MOST_ROWS])
        parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")
    parts += [f"<div>{escape(note)}</div>" for note in (*left_out, *notes)]
    return f"<div>{''.join(parts)}</div>"


def counted(count: int, noun: str) -> str:
    """``1 step``, ``14 steps``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def amount(value: float, unit: str) -> str:
    """``12.5 mm``, ``1,168 mm2``: four digits, or all before the point."""
    return f"{value:,.0f} {unit}" if abs(value) >= 1000 else f"{value:.4g} {unit}"


def _cell(value: object, escape: Callable[[str], str]) -> str:
    if isinstance(value, (int, float)):
        text = f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
        return f"<td{_NUMBER}>{text}</td>"
    return f"<td>{escape(str(value))}</td>"
