"""The page as a browser shows it, which asks for nothing."""

import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from browser import Browser, find_chromium
from matplotlib.figure import Figure
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skvae import VAEFeatureExtractor
from skvae.exceptions import PosteriorCollapseWarning
from skvae.report.figure_calls import FigureCall
from skvae.study import nested_cv
from skvae.study.arm_features import flatten

HIDDEN = """
[...document.querySelectorAll('figure svg[role=img], figure img')].filter(picture => {
  const box = picture.getBoundingClientRect();
  return box.width < 50 || box.height < 20;
}).length
"""
N_PICTURES = "document.querySelectorAll('figure svg[role=img], figure img').length"
OVERFLOW = "document.scrollingElement.scrollWidth - innerWidth"
# Luminance of the text of each kind of element against what is behind it, as of WCAG 2.
CONTRAST = """
(() => {
  const rgb = c => c.match(/[\\d.]+/g).map(Number);
  const light = c => rgb(c).slice(0, 3).map(v => v / 255)
    .map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const behind = e => {
    for (; e; e = e.parentElement) {
      const c = getComputedStyle(e).backgroundColor;
      if (!(rgb(c).length == 4 && rgb(c)[3] == 0)) return c;
    }
    return 'rgb(255, 255, 255)';
  };
  const every = [...document.querySelectorAll('p, li, a, th, td, h1, h2, span, code')];
  return Math.min(...every.map(e => {
    const pair = [light(getComputedStyle(e).color), light(behind(e))];
    return (Math.max(...pair) + .05) / (Math.min(...pair) + .05);
  }));
})()
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    program = find_chromium()
    if program is None:
        pytest.skip("no Chromium: install it, or name it in CHROMIUM")
    opened = Browser(program, tmp_path_factory.mktemp("chromium"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def of_volumes(tmp_path_factory):
    """Return the folder of a report on volumes; the page of the table has the others."""
    rng = np.random.default_rng(0)
    y = np.arange(40) % 2
    X = rng.normal(size=(40, 1, 8, 12, 12)).astype(np.float32)
    X[y == 1, :, 2:6, 4:8, 4:8] += 1
    options = {"max_iter": 2, "channels": (4,), "random_state": 0}
    arms = {
        "pca": make_pipeline(FunctionTransformer(flatten), PCA(2), LogisticRegression()),
        "vae": make_pipeline(VAEFeatureExtractor(3, **options), LogisticRegression()),
    }
    how = {"outer": (2, 1), "inner": 2, "threshold": "youden", "explain": True}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PosteriorCollapseWarning)
        result = nested_cv(arms, X, y, **how)
    folder = tmp_path_factory.mktemp("volumes")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FigureCall, "draw", of_explained_arms(FigureCall.draw))
        result.report(folder)
    return folder


def of_explained_arms(draw):
    """Return what draws the figures of images, and something quick for the others."""

    def drawn(call, result, *arm):
        if arm:
            return draw(call, result, *arm)
        figure = Figure(figsize=(7, 3))
        figure.subplots().plot([0, 1], [0, 1])
        return figure

    return drawn


def check_page(browser, page, width, height, dark):
    """Check that a page asks for nothing, hides nothing and can be read."""
    browser.open(page, width, height, dark)
    assert browser.ask("innerWidth") == width
    assert browser.complaints() == []
    asked = [url for url in browser.requested() if not url.startswith("data:")]
    assert asked == [page.as_uri()]
    assert browser.ask(N_PICTURES) >= 12
    assert browser.ask(HIDDEN) == 0
    assert browser.ask(OVERFLOW) <= 0
    assert browser.ask(CONTRAST) >= 4.5


SIZES = pytest.mark.parametrize(
    ("width", "height", "dark"),
    [(1280, 900, False), (1280, 900, True), (390, 844, False), (390, 844, True)],
    ids=["desktop", "desktop, dark", "phone", "phone, dark"],
)


@SIZES
@pytest.mark.parametrize("kind", ["written", "of_volumes"], ids=["table", "volumes"])
def test_it_is_shown_whole(kind, request, browser, width, height, dark):
    page = request.getfixturevalue(kind) / "report.html"
    check_page(browser, page, width, height, dark)


@SIZES
def test_pages_of_whole_studies_are_shown_whole(browser, width, height, dark):
    """Open the pages that SKVAE_REPORTS names, as of `make study` and `study-images`."""
    pages = os.environ.get("SKVAE_REPORTS", "").split(os.pathsep)
    if pages == [""]:
        pytest.skip("SKVAE_REPORTS names no pages of studies")
    for page in pages:
        check_page(browser, Path(page).resolve(), width, height, dark)


def test_it_can_be_printed(written, browser, tmp_path):
    browser.open(written / "report.html", 1280, 900)
    browser.paper(tmp_path / "report.pdf")
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")


def test_what_a_page_asks_for_is_seen(browser, tmp_path):
    page = tmp_path / "asking.html"
    page.write_text('<img src="https://example.org/a.png"><script>console.log(1)</script>')
    browser.open(page, 390, 844)
    assert "https://example.org/a.png" in browser.requested()
    assert browser.complaints()
