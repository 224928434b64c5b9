"""What these tests need wherever the folder is: the marker ``slow``."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: takes more than a tenth of a second; left out by -m 'not slow'")
