"""Every public name is importable as documented, and documented as numpydoc wants it."""

import doctest
import inspect
from pathlib import Path

import pytest
from contract import KINDS
from numpydoc.validate import validate

import skvae
import skvae.datasets
import skvae.exceptions
import skvae.images
import skvae.inspection
import skvae.networks
import skvae.search
import skvae.study

DOCS = Path(skvae.__file__).parents[1] / "docs"
PAGES = [page for page in sorted(DOCS.rglob("*.md")) if "generated" not in page.parts]
# What a page takes that is in no extra of `make test`.
NEEDS = {
    "combat": "combatlearn",
    "dask": "distributed",
    "imbalanced": "imblearn",
    "optuna": "optuna",
    "survival": "sksurv",
}

# Style that the project leaves to the writer: extended summaries, examples and See Also
# on every method, a blank line at the end, a name for each return value.
LEFT_OUT = {"ES01", "EX01", "SA01", "SA04", "GL01", "GL02", "GL03", "RT02"}


def methods(kind):
    for name, member in inspect.getmembers(kind, inspect.isfunction):
        if not name.startswith("_") and member.__module__.startswith("skvae"):
            yield f"{kind.__module__}.{kind.__name__}.{name}"


MODULES = (
    skvae.datasets,
    skvae.images,
    skvae.inspection,
    skvae.search,
    skvae.study,
    skvae.exceptions,
)


def public_names():
    for module in MODULES:
        for name in module.__all__:
            member = getattr(module, name)
            yield f"{member.__module__}.{name}"
            if inspect.isclass(member) and not issubclass(member, Exception):
                yield from methods(member)
    for module in (skvae, skvae.networks):
        for name in module.__all__:
            if (member := getattr(module, name)) not in KINDS:
                yield f"{member.__module__}.{name}"
    for kind in KINDS:
        yield f"{kind.__module__}.{kind.__name__}"
        yield from methods(kind)


@pytest.mark.parametrize("name", list(public_names()))
def test_numpydoc(name):
    errors = [error for error in validate(name)["errors"] if error[0] not in LEFT_OUT]
    assert not errors


def examples(pages):
    """Run the pages that need another package nightly, where it is installed."""
    for page in pages:
        if ">>>" in page.read_text(encoding="utf-8"):
            marks = [pytest.mark.nightly] if page.stem in NEEDS else []
            yield pytest.param(page, marks=marks, id=str(page.relative_to(DOCS)))


@pytest.mark.parametrize("page", list(examples(PAGES)))
def test_the_examples_of_the_guide(page):
    if page.stem in NEEDS:
        pytest.importorskip(NEEDS[page.stem])
    options = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    found = doctest.testfile(str(page), module_relative=False, optionflags=options)
    assert not found.failed


def test_the_public_names_are_importable_and_listed():
    for name in skvae.__all__:
        assert getattr(skvae, name).__name__ == name
    assert set(skvae.__all__) <= set(dir(skvae))
    with pytest.raises(AttributeError, match="no attribute 'VAE'"):
        _ = skvae.VAE
