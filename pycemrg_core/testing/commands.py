"""Run commands in the process of a test."""

from __future__ import annotations

from click.testing import CliRunner, Result


def run_command(*arguments: object, code: int = 0) -> Result:
    """Run ``pycemrg`` with these arguments. It must end with the exit code ``code``, and never with a traceback.

    The result has ``stdout`` and ``stderr``. It goes into a pipe, so text is not wrapped::

        shown = run_command("compare", mine, truth, "--metrics", "dice").stdout
        refused = run_command("compare", mine, "nowhere.nrrd", code=1).stderr
    """
    from pycemrg_core.cli import main

    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    crashed = result.exception and not isinstance(result.exception, SystemExit)
    assert not crashed, f"{arguments}: {result.exception!r}"
    assert result.exit_code == code, f"{arguments}: {result.exit_code}\n{result.output}"
    return result
