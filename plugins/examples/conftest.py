"""Each example is tested where it is installed: tests/test_installed_examples.py gives it an environment."""

from importlib.util import find_spec

EXAMPLES = ("pycemrg-internal-part", "pycemrg-paper-recipes", "pycemrg-partition")

collect_ignore = [name for name in EXAMPLES if find_spec(name.replace("-", "_")) is None]
