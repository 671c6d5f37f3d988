import inspect

import pytest
from contract import KINDS
from numpydoc.validate import validate

import skvae
from skvae.estimators.docstrings import merge_docstrings

# Style that the project leaves to the reader: extended summaries, examples and See Also
# on every method, a blank line at the end, a type per return value.
LEFT_OUT = {"ES01", "EX01", "SA01", "SA04", "GL01", "GL02", "GL03", "RT02"}


def public_methods(kind):
    for name, member in inspect.getmembers(kind, inspect.isfunction):
        if not name.startswith("_") and member.__module__.startswith("skvae"):
            yield f"{kind.__module__}.{kind.__name__}.{name}"


NAMES = [f"{kind.__module__}.{kind.__name__}" for kind in KINDS] + [
    name for kind in KINDS for name in public_methods(kind)
]


@pytest.mark.parametrize("name", NAMES)
def test_numpydoc(name):
    errors = [error for error in validate(name)["errors"] if error[0] not in LEFT_OUT]
    assert not errors


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_parameters_are_documented_in_the_order_of_the_signature(kind):
    listed = kind.__doc__.split("Parameters\n----------\n")[1].split("\n\n")[0]
    documented = [
        line.split(" :")[0]
        for line in listed.splitlines()
        if line[0] not in " }" and " :" in line
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


def test_the_public_names_are_importable_and_listed():
    for name in skvae.__all__:
        assert getattr(skvae, name).__name__ == name
    assert set(skvae.__all__) <= set(dir(skvae))
    with pytest.raises(AttributeError, match="no attribute 'VAE'"):
        _ = skvae.VAE
