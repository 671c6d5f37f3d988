import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data():
    """Folder of real data; tests that need it are skipped where it is not given."""
    folder = os.environ.get("SKVAE_TEST_DATA")
    if not folder:
        pytest.skip("needs real data: set SKVAE_TEST_DATA to its folder")
    return Path(folder)


@pytest.fixture(scope="session")
def lidc_home(tmp_path_factory):
    """A data home of its own: the nodules are derived once for all tests."""
    return tmp_path_factory.mktemp("data_home")
