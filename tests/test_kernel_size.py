"""The kernel of the framework can be read in an hour: its code has a limit, and this counts it."""

from __future__ import annotations

import ast
import io
import tokenize
from pathlib import Path

CORE = Path(__file__).resolve().parent.parent / "pycemrg_core"
IMAGES = tuple(f"images/{name}.py" for name in ("label_volume", "edits", "answers", "boxes", "dilation", "kernels"))
KERNEL = ("api/*.py", "plugins/*.py", "recipes/*.py", *IMAGES)
LIMIT = 3500

_NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def code_lines(source: str) -> int:
    """Lines with code on them: no blanks, comments or docstrings, and no imports that only type checkers see.

    A door names each of its names once for the program; the imports repeat them for type checkers.
    """
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in _NO_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node, clean=False):
            docstring = node.body[0]
            lines -= set(range(docstring.lineno, (docstring.end_lineno or docstring.lineno) + 1))
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            lines -= {line for one in node.body for line in range(node.lineno, (one.end_lineno or one.lineno) + 1)}
    return len(lines)


def test_lines_are_counted_without_blanks_comments_docstrings_and_imports_for_types() -> None:
    source = '"""Module.\n\nMore.\n"""\n\n# comment\nx = 1  # one\n\n\n'
    source += "if TYPE_CHECKING:\n    from a import b as b\n    from a import c as c\n"
    source += 'def f():\n    """Doc."""\n    return (\n        x\n    )\n'
    assert code_lines(source) == 5


def test_the_kernel_reads_in_an_hour() -> None:
    files = [path for pattern in KERNEL for path in sorted(CORE.glob(pattern))]
    assert len(files) > len(KERNEL)
    total = sum(code_lines(path.read_text(encoding="utf-8")) for path in files)
    assert total < LIMIT, f"{total} lines of code; the limit is {LIMIT}"
