"""What these tests need wherever the folder is: the marker ``slow``, and examples that may take their time."""

import pytest
from hypothesis import settings

settings.register_profile("unhurried", settings(), deadline=None)
settings.load_profile("unhurried")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: takes more than a tenth of a second; left out by -m 'not slow'")
