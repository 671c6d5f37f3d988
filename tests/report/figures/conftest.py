"""Small results of each kind of outcome."""

import pytest
from made_results import ARMS, events, numbers, three_classes, two_classes


@pytest.fixture(scope="session")
def binary():
    return two_classes()


@pytest.fixture(scope="session")
def many_arms():
    return two_classes(arms=ARMS, n=150)


@pytest.fixture(scope="session")
def multiclass():
    return three_classes()


@pytest.fixture(scope="session")
def regression():
    return numbers()


@pytest.fixture(scope="session")
def survival():
    return events()
