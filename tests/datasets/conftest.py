import pytest


@pytest.fixture(scope="session")
def lidc_home(tmp_path_factory):
    """A data home of its own: the nodules are derived once for all tests."""
    return tmp_path_factory.mktemp("data_home")
