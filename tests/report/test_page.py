import csv
import json
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from skvae.report.sections import SECTIONS

VOID = {"meta", "link", "img", "br", "path", "use", "image", "rect"}


class Page(HTMLParser):
    """The elements of a page, whether they close, and what each points to."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.texts = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    def of(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def page(written):
    return Page((written / "report.html").read_text(encoding="utf-8"))


def ids(page):
    return [a["id"] for _, a in page.elements if "id" in a]


def test_it_is_a_whole_document_whose_ids_are_unique(page):
    assert not page.open
    assert len(page.of("h1")) == 1
    assert page.of("html") == [{"lang": "en"}]
    assert max(Counter(ids(page)).values()) == 1


def test_each_section_is_there_and_in_the_contents(page):
    sections = [a["id"] for a in page.of("section")]
    assert sections == [*(plan.key for plan in SECTIONS), "checklists", "files"]
    linked = [a["href"] for a in page.of("a") if a.get("href", "").startswith("#")]
    assert {f"#{key}" for key in sections} <= set(linked)
    headings = [tag for tag, _ in page.elements if tag in ("h1", "h2", "h3")]
    assert headings[0] == "h1"
    assert headings.count("h2") == len(sections) + 1


def test_every_link_resolves(page, written):
    known = set(ids(page))
    targets = [a["href"] for a in page.of("a")]
    assert len(targets) > 80
    for target in targets:
        name, _, anchor = target.partition("#")
        assert not anchor or name == ""
        assert anchor in known if anchor else (written / name).is_file()
    for element in ("use", "image"):
        for attributes in page.of(element):
            target = attributes["href"]
            assert target.startswith("data:") or target[1:] in known
    for _, attributes in page.elements:
        for target in re.findall(r"url\(#([^)]+)\)", str(attributes)):
            assert target in known


def test_the_links_of_the_lists_resolve(page, written):
    known = set(ids(page))
    for name in ("clear.md", "metrics.md", "tripod_ai.md"):
        targets = re.findall(r"\]\(([^)]+)\)", (written / name).read_text(encoding="utf-8"))
        assert len(targets) > 10
        for target in targets:
            file, _, anchor = target.partition("#")
            assert (written / file).is_file()
            assert not anchor or anchor in known


def test_it_loads_nothing_and_runs_nothing(page, written):
    assert not page.of("script")
    for _, attributes in page.elements:
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name in ("src", "href", "xlink:href", "srcset", "action"):
                assert not re.match(r"(?i)\s*(https?:)?//", value)
    text = (written / "report.html").read_text(encoding="utf-8")
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)


def test_figures_have_words_and_both_files(page, written):
    figures = page.of("figure")
    drawn = {a["id"].removeprefix("figure-") for a in figures}
    assert {"comparison", "flow", "roc", "calibration", "confusion", "loss"} <= drawn
    pictures = [a for a in page.of("svg") if a.get("role") == "img"]
    assert len(pictures) == len(figures)
    assert all(len(a["aria-label"]) > 10 for a in pictures)
    for name in drawn:
        svg = (written / "figures" / f"{name}.svg").read_text(encoding="utf-8")
        assert svg.startswith("<?xml")
        png = (written / "figures" / f"{name}.png").read_bytes()
        # The physical size of a pixel: 300 to an inch.
        place = png.index(b"pHYs") + 4
        assert int.from_bytes(png[place : place + 4], "big") == 11811


def test_the_numbers_are_those_of_the_result(page, result):
    texts = "".join(page.texts)
    for row in result.summary().itertuples():
        assert f"{row.mean:.3f} [{row.ci_low:.3f}, {row.ci_high:.3f}]" in texts
    assert "In each repeat, all rows of a patient are in one test fold." in texts


def test_all_files_are_told(result, covariates, tmp_path, no_figures):
    paths = result.report(tmp_path, inputs=covariates)
    assert paths[0].name == "report.html"
    assert all(path.is_file() for path in paths)
    names = {path.relative_to(tmp_path).as_posix() for path in paths}
    assert {"methods.md", "provenance.json", "clear.md", "results.csv"} <= names
    known = json.loads((tmp_path / "provenance.json").read_text(encoding="utf-8"))
    assert known["settings"]["outer"] == [2, 2]
    assert set(known["hashes"]) >= {"X['radiomics']", "y", "groups", "external y"}
    assert known["files"]["results.csv"].startswith("sha256:")


# All figures are written alike: two of them show what all of them do.
@pytest.mark.parametrize(
    "sections",
    [
        ["summary", "calibration", "learning_curve"],
        pytest.param(None, marks=pytest.mark.nightly),
    ],
    ids=["some", "all"],
)
def test_the_same_result_has_the_same_bytes(
    sections, written, result, covariates, tmp_path
):
    with open(written / "learning_curve.csv", newline="") as file:
        curve = pd.DataFrame(list(csv.DictReader(file)))
    curve.iloc[:, 1:] = curve.iloc[:, 1:].replace("", np.nan)
    curve = curve.astype(dict.fromkeys(curve.columns[1:], float))
    options = {"inputs": covariates, "further": {"learning_curve": curve}}
    paths = result.report(tmp_path / "one", sections=sections, **options)
    result.report(tmp_path / "two", sections=sections, **options)
    assert len([path for path in paths if path.suffix == ".svg"]) >= 2
    for path in paths:
        other = tmp_path / "two" / path.relative_to(tmp_path / "one")
        assert other.read_bytes() == path.read_bytes(), path.name


HOSTILE = "<script>alert('x')</script>&\"|$x_1^{2$"


def test_names_are_text_and_never_markup(result, covariates, tmp_path, monkeypatch):
    # Figures are part of the page as SVG.
    monkeypatch.setattr("skvae.report.writing.png_bytes", lambda figure: b"")

    def renamed(frame):
        return frame.assign(arm=frame["arm"].replace("net", HOSTILE))

    arms = {HOSTILE if k == "net" else k: v for k, v in result.design["arms"].items()}
    hostile = replace(
        result,
        scores=renamed(result.scores),
        predictions=renamed(result.predictions),
        timings=renamed(result.timings),
        external_scores=renamed(result.external_scores),
        external_predictions=renamed(result.external_predictions),
        training=renamed(result.training),
        units=renamed(result.units),
        importance=renamed(result.importance),
        attributes=renamed(result.attributes),
        pictures={HOSTILE: result.pictures["net"]} if "net" in result.pictures else {},
        design=result.design | {"arms": arms},
    )
    columns = covariates.rename(columns={"volume": HOSTILE})
    hostile.report(tmp_path, inputs=columns)
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert not page.open
    assert not page.of("script")
    assert HOSTILE in "".join(page.texts)
    cells = (tmp_path / "clear.md").read_text(encoding="utf-8").splitlines()
    rows = [line for line in cells if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {7}


def test_what_is_not_asked_for_says_so(result, tmp_path, no_figures):
    result.report(tmp_path, sections=["summary", "calibration"])
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert text.count("It was not asked for.") == len(SECTIONS) - 2
    assert 'id="figure-calibration"' in text
    assert 'id="figure-roc"' not in text


def test_an_absent_section_says_how_to_run_it(result, tmp_path, no_figures):
    result.report(tmp_path, command="skvae study --config study.toml")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    for key in ("layer_map", "learning_curve", "permutation_null"):
        assert f"skvae study --config study.toml --resume --sections {key}" in text
    assert "further={&#x27;stability&#x27;" in text


@pytest.mark.parametrize("sections", ["summary", ["summary", "rock"]])
def test_unknown_sections_are_refused(result, tmp_path, sections):
    with pytest.raises(ValueError, match="Got sections"):
        result.report(tmp_path / "new", sections=sections)
    assert not (tmp_path / "new").exists()
