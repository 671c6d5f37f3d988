"""The page as a browser shows it, which asks for nothing."""

import pytest
from browser import Browser, find_chromium

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


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
def test_it_is_shown_whole(written, browser, width, height, dark):
    browser.open(written / "report.html", width, height, dark)
    assert browser.ask("innerWidth") == width
    assert browser.complaints() == []
    asked = [url for url in browser.requested() if not url.startswith("data:")]
    assert asked == [(written / "report.html").as_uri()]
    assert browser.ask(N_PICTURES) > 12
    assert browser.ask(HIDDEN) == 0
    assert browser.ask(OVERFLOW) <= 0
    assert browser.ask(CONTRAST) >= 4.5


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
