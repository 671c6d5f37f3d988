"""What pyproject.toml allows is what is tested."""

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[1]
# Extras that `make minimum` installs; those of the others are tested in one version.
TESTED = ("study", "lidc", "images", "arrays", "dev")


def lowest():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))[
        "project"
    ]
    lines = list(project["dependencies"])
    for extra in TESTED:
        lines += project["optional-dependencies"][extra]
    return {each.name: each for each in map(Requirement, lines) if each.name != "skvae"}


def pinned(name):
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    found = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {each.name.lower(): each.specifier for each in found}


@pytest.mark.parametrize("required", lowest().values(), ids=str)
def test_lower_bounds_are_those_that_are_tested(required):
    (bound,) = required.specifier
    (pin,) = pinned("minimum.txt")[required.name.lower()]
    assert (bound.operator, pin.operator) == (">=", "==")
    assert Version(bound.version) == Version(pin.version)


@pytest.mark.parametrize("required", lowest().values(), ids=str)
def test_the_constraints_are_within_the_bounds(required):
    (pin,) = pinned("constraints.txt").get(required.name.lower(), [None])
    if pin is None:  # of no extra that the constraints are for
        pytest.skip("not constrained")
    assert Version(pin.version) in required.specifier
