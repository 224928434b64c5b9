"""``python -m pycemrg_core`` is ``pycemrg``."""

from pycemrg_core.cli import main

main()
