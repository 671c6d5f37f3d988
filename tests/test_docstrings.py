import inspect

import pytest
from contract import KINDS

from skvae.docstrings import merge_docstrings


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_parameters_are_documented_in_the_order_of_the_signature(kind):
    listed = kind.__doc__.split("Parameters\n----------\n")[1].split("\n\n")[0]
    documented = [
        name
        for line in listed.splitlines()
        if line[0] not in " }" and " :" in line
        for name in line.split(" :")[0].split(", ")
    ]
    assert documented == list(inspect.signature(kind).parameters)


def test_a_kind_replaces_an_entry_in_its_place_and_adds_its_own():
    base = """Base.

    Parameters
    ----------
    a : int
        First.
    b : int, default=1
        Second.

    Attributes
    ----------
    c_ : int
        Fitted.
    """
    kind = """Kind.

    Parameters
    ----------
    a : str
        Mine.
    d : int
        New.

    Examples
    --------
    >>> 1
    1
    """
    merged = merge_docstrings(base, kind)
    order = [
        merged.index(text)
        for text in ("Kind.", "a : str", "b : int", "d : int", "c_", ">>>")
    ]
    assert order == sorted(order)
    assert "First." not in merged
