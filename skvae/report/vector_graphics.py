"""Figures as SVG within a page, and in files: the same bytes for the same figure."""

import base64
import io
import re
from typing import Any

from skvae.extras import import_extra

__all__ = ["inline_svg", "png_bytes", "svg_text"]

DPI = 300
# Of more points, paths are many times the size of their picture.
_MOST_POINTS = 2000
_LARGEST_SVG = 400_000  # bytes
_SETTINGS = {
    "svg.hashsalt": "skvae",  # ids that are the same each time
    "svg.fonttype": "path",  # no font of the reader's is needed
    "svg.image_inline": True,
}


def inline_svg(text: str, figure: Any, name: str, title: str) -> str:
    """Return a figure as an element of a page.

    Parameters
    ----------
    text : str
        The figure as a file of SVG.
    figure : Figure
        The same, for a picture of points where the file is large.
    name : str
        Before all its ids, which else would be those of other figures too.
    title : str
        What a screen reader says, escaped already.

    Returns
    -------
    str
        An `svg`; where that is large, an `img` that holds a PNG.
    """
    if len(text) > _LARGEST_SVG:
        encoded = base64.b64encode(png_bytes(figure, dpi=150)).decode()
        return f'<img src="data:image/png;base64,{encoded}" alt="{title}">'
    body = text[text.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", body, flags=re.DOTALL)
    start, rest = body.split(">", 1)
    box = re.search(r'viewBox="([^"]+)"', start)
    rest = _own_ids(rest.replace("xlink:href", "href"), name)
    size = box.group(1) if box else "0 0 100 100"
    width = float(size.split()[2])
    # A px for each point and a third: as large as it was drawn, or as the page is wide.
    return (
        f'<svg viewBox="{size}" role="img" aria-label="{title}" '
        f'style="width:{width * 4 / 3:.0f}px">{rest.strip()}'
    )


def _own_ids(text: str, name: str) -> str:
    """Put a name before all ids that something points to, and leave out the others."""
    pointed = set(re.findall(r'(?:href="|url\()#([^")]+)', text))

    def own(found: re.Match[str]) -> str:
        return f' id="{name}-{found.group(1)}"' if found.group(1) in pointed else ""

    # Where a name has a double quote, matplotlib writes single ones.
    text = re.sub(r"\sid='[^']+'", "", text)
    text = re.sub(r'\sid="([^"]+)"', own, text)
    return text.replace('href="#', f'href="#{name}-').replace("url(#", f"url(#{name}-")


def svg_text(figure: Any) -> str:
    """Return a file of SVG, in which paths of many points are pictures.

    Parameters
    ----------
    figure : Figure
        What is drawn.

    Returns
    -------
    str
        The same for the same figure.
    """
    for artist in figure.findobj(_has_many_points):
        artist.set_rasterized(True)
    try:
        return _saved(figure)
    except ValueError:
        # A name with dollars is taken for a formula, and is none.
        for text in figure.findobj(lambda artist: hasattr(artist, "set_parse_math")):
            text.set_parse_math(False)
        return _saved(figure)


def _saved(figure: Any) -> str:
    buffer = io.StringIO()
    with import_extra("matplotlib").rc_context(_SETTINGS):
        figure.savefig(
            buffer, format="svg", dpi=150, metadata={"Date": None, "Creator": None}
        )
    return buffer.getvalue()


def png_bytes(figure: Any, *, dpi: int = DPI) -> bytes:
    """Return a file of PNG.

    Parameters
    ----------
    figure : Figure
        What is drawn.
    dpi : int, default=300
        Points to an inch.

    Returns
    -------
    bytes
        The same for the same figure.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return buffer.getvalue()


def _has_many_points(artist: Any) -> bool:
    if hasattr(artist, "get_xydata"):
        return len(artist.get_xydata()) > _MOST_POINTS
    if hasattr(artist, "get_offsets") and hasattr(artist, "get_paths"):
        return len(artist.get_offsets()) > _MOST_POINTS
    return False
