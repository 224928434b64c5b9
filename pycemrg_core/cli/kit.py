"""The door for authors of commands: options, tables, progress, and files written completely or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pycemrg_core.doors import door

if TYPE_CHECKING:
    from pycemrg_core.cli.app import main as main
    from pycemrg_core.cli.completion import completing as completing
    from pycemrg_core.cli.inputs import target_of as target_of
    from pycemrg_core.cli.options import accept_option as accept_option
    from pycemrg_core.cli.options import heart_from as heart_from
    from pycemrg_core.cli.options import outputs_from as outputs_from
    from pycemrg_core.cli.options import require_order as require_order
    from pycemrg_core.cli.options import require_output as require_output
    from pycemrg_core.cli.options import scheme_from as scheme_from
    from pycemrg_core.cli.options import setting_options as setting_options
    from pycemrg_core.cli.options import settings_from as settings_from
    from pycemrg_core.cli.options import with_option as with_option
    from pycemrg_core.cli.run import run as run
    from pycemrg_core.cli.session import Session as Session
    from pycemrg_core.cli.session import echo_json as echo_json
    from pycemrg_core.cli.session import echo_table as echo_table
    from pycemrg_core.cli.session import plugin_options as plugin_options
    from pycemrg_core.cli.session import session_of as session_of
    from pycemrg_core.cli.session import wrapped as wrapped
    from pycemrg_core.cli.terminal import status as status
    from pycemrg_core.cli.terminal import style as style
    from pycemrg_core.images.scratch import sweep as sweep
    from pycemrg_core.runs.earlier import step_images as step_images
    from pycemrg_core.runs.run_folder import IMAGE as IMAGE
    from pycemrg_core.runs.run_folder import RECORD as RECORD
    from pycemrg_core.runs.run_folder import STEPS as STEPS
    from pycemrg_core.runs.run_folder import held as held
    from pycemrg_core.runs.run_folder import require_folder as require_folder
    from pycemrg_core.runs.run_folder import staged as staged
    from pycemrg_core.runs.run_folder import write_json as write_json
    from pycemrg_core.runs.run_folder import write_text as write_text
    from pycemrg_core.text.files import same_file as same_file
    from pycemrg_core.text.tables import csv_text as csv_text
else:
    __all__, __getattr__, __dir__ = door(
        __name__,
        {
            "pycemrg_core.cli.app": "main",
            "pycemrg_core.cli.completion": "completing",
            "pycemrg_core.cli.inputs": "target_of",
            "pycemrg_core.cli.options": (
                "accept_option heart_from outputs_from require_order require_output scheme_from setting_options "
                "settings_from with_option"
            ),
            "pycemrg_core.cli.run": "run",
            "pycemrg_core.cli.session": "Session echo_json echo_table plugin_options session_of wrapped",
            "pycemrg_core.cli.terminal": "status style",
            "pycemrg_core.text.tables": "csv_text",
            "pycemrg_core.images.scratch": "sweep",
            "pycemrg_core.runs.earlier": "step_images",
            "pycemrg_core.runs.run_folder": "IMAGE RECORD STEPS held require_folder staged write_json write_text",
            "pycemrg_core.text.files": "same_file",
        },
    )
