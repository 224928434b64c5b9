"""Returns a dict where a record is wanted."""

from pycemrg_core.api import hookimpl


@hookimpl
def pycemrg_schematics():
    return [{"name": "a_dict", "step": "create"}]
