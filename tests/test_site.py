"""The site names every public object, estimator and measurement, and its links lead on."""

import doctest
import inspect
import re
import sys
from importlib import import_module
from pathlib import Path

import pytest
from contract import KINDS

import skvae

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
sys.path.insert(0, str(DOCS / "_ext"))

import benchmark_page  # noqa: E402
import check_links  # noqa: E402
import public_objects  # noqa: E402

NAMES = [
    (module, name)
    for module in public_objects.ROOMS
    for name in public_objects.public_names(module)
]
LINK = re.compile(r"\]\(([^)#\s]+)(#[^)\s]*)?\)")
SOURCES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md")]
SOURCES += [page for page in DOCS.rglob("*.md") if "generated" not in page.parts]


@pytest.mark.parametrize(("module", "name"), NAMES, ids=[".".join(name) for name in NAMES])
def test_every_public_object_has_an_example(module, name):
    found = getattr(import_module(module), name)
    text = public_objects.VALUES.get(f"{module}.{name}", ("", inspect.getdoc(found)))[1]
    examples = doctest.DocTestParser().get_examples(text)
    assert examples
    # pytest runs those of docstrings; what is no class or function has none.
    if f"{module}.{name}" in public_objects.VALUES:
        space = {}
        for example in examples:
            if example.want:
                assert repr(eval(example.source, space)) == example.want.strip()
            else:
                exec(example.source, space)


@pytest.mark.parametrize(("module", "name"), NAMES, ids=[".".join(name) for name in NAMES])
def test_signatures_can_be_read_in_help(module, name):
    found = getattr(import_module(module), name)
    if callable(found) and not module.endswith("exceptions"):
        for parameter in inspect.signature(found).parameters.values():
            shown = str(parameter)
            assert "Union[" not in shown
            assert len(shown) < 200


def test_the_reference_names_all_and_each_once():
    page = public_objects.index()
    for module in public_objects.ROOMS:
        listed = [name for _, names in public_objects.rooms(module) for name in names]
        assert sorted(listed) == sorted(public_objects.public_names(module))
        for name in listed:
            assert f":doc:`{name} <{module}.{name}>`" in page


def test_every_public_module_is_in_the_reference():
    shown = set()
    for path in (ROOT / "skvae").glob("*/__init__.py"):
        if "__all__" in path.read_text(encoding="utf-8"):
            shown.add(f"skvae.{path.parent.name}")
    assert shown | {"skvae", "skvae.exceptions"} == set(public_objects.ROOMS)


@pytest.mark.parametrize(
    "kind", [*KINDS, skvae.LesionCrop, skvae.StableFeatures], ids=lambda kind: kind.__name__
)
def test_every_estimator_has_a_page_of_the_same_parts(kind):
    pages = {path.stem.replace("_", ""): path for path in DOCS.glob("estimators/*.md")}
    page = pages[kind.__name__.lower()].read_text(encoding="utf-8")
    titles = re.findall(r"^## (.*)$", page, re.MULTILINE)
    assert titles == [
        "What it computes",
        "Advantages",
        "Limits",
        "When PCA is enough",
        "Parameters that matter",
        "Literature",
    ]
    assert f"{{py:class}}`skvae.{kind.__name__}`" in page
    named = re.findall(r"^\| `(\w+)`", page.partition("## Parameters")[2], re.MULTILINE)
    assert set(named) <= set(kind().get_params())


@pytest.mark.parametrize("page", SOURCES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_sources_lead_to_files(page):
    for target, _ in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" not in target and "generated/" not in target:
            assert (page.parent / target).exists(), target


def test_the_readme_is_short_and_begins_with_two_commands():
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) < 150
    first = "\n".join(lines[:30])
    assert first.count("\nmake ") == 2
    assert "![" in first


def test_every_measurement_has_its_command(tmp_path):
    benchmark_page.write_page(ROOT / "benchmarks", tmp_path)
    page = (tmp_path / "all-measurements.md").read_text(encoding="utf-8")
    sections = page.split("\n## ")[1:]
    assert len(sections) == len(list((ROOT / "benchmarks" / "results").glob("*.csv")))
    for section in sections:
        command = re.search(r"```sh\n(.*)\n", section)[1]
        assert command.startswith(("python benchmarks/", "make nightly"))
        assert "| --- |" in section


def test_means_are_over_what_is_repeated():
    rows = [
        {"model": model, "seed": str(seed), "auc": str(0.5 + seed / 10 + (model == "b"))}
        for model in "ab"
        for seed in range(16)
    ]
    names, found, note = benchmark_page.averaged(rows, ["model", "seed", "auc"])
    assert names == ["model", "auc"]
    assert [row["auc"] for row in found] == ["1.25", "2.25"]
    assert note == ["Means over seed."]


def test_dead_links_are_found(tmp_path):
    (tmp_path / "a.html").write_text(
        '<h1 id="here"></h1><a href="b.html#there">x</a><a href="#here">x</a>'
        '<a href="c.html">x</a><a href="b.html#gone">x</a><a href="https://nowhere">x</a>'
        '<a href="https://example.org/a">x</a><img src="https://example.org/b.png">'
    )
    (tmp_path / "b.html").write_text('<p id="there"></p>')
    wrong, n_pages, n_inside, n_outside = check_links.complaints(tmp_path)
    assert (n_pages, n_inside, n_outside) == (2, 4, 3)
    assert [line.rpartition(" ")[2] for line in wrong] == [
        "https://example.org/b.png",
        "c.html",
        "b.html#gone",
        "https://nowhere",
    ]
