"""Text that a browser reads: every name and number of a study is escaped."""

from html import escape
from typing import Any

from skvae.report.parts import Listed, NotRun, Paragraph, Part, Picture, Tabular
from skvae.report.vector_graphics import inline_svg

__all__ = ["attribute", "part_html", "table_html"]


_LONGEST_LINE = 32  # characters of a cell


def attribute(anchor: str) -> str:
    """Return the id of an element, or nothing.

    Parameters
    ----------
    anchor : str
        The id; empty for none.

    Returns
    -------
    str
        With a blank before it.
    """
    return f' id="{escape(anchor)}"' if anchor else ""


def part_html(part: Part) -> str:
    """Return a part of a section as HTML.

    Parameters
    ----------
    part : Paragraph, Picture, Tabular, Listed or NotRun
        The part.

    Returns
    -------
    str
        Its elements.
    """
    return _WRITERS[type(part)](part)


def table_html(part: Tabular) -> str:
    """Return a table in a box of its own, which scrolls where the page is narrow.

    Parameters
    ----------
    part : Tabular
        The table.

    Returns
    -------
    str
        Its elements.
    """
    frame = part.frame
    head = "".join(f'<th scope="col">{_heading(c)}</th>' for c in frame.columns)
    body = "".join(_row(row) for row in frame.itertuples(index=False, name=None))
    return (
        f'<div class="scroll" role="region" tabindex="0" '
        f'aria-label="{escape(part.caption)}"><table{attribute(part.anchor)} '
        f'aria-describedby="about-{escape(part.name)}">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
        f'<p class="caption" id="about-{escape(part.name)}">{escape(part.caption)}</p>'
    )


def _heading(column: Any) -> str:
    """Keep what an interval is of in one piece."""
    return escape(str(column)).replace("[95 % CI]", "[95\u00a0%\u00a0CI]")


def _row(row: tuple[Any, ...]) -> str:
    first, *others = map(str, row)
    cells = "".join(f"<td{_whole(cell)}>{escape(cell)}</td>" for cell in others)
    return f'<tr><th scope="row"{_whole(first)}>{escape(first)}</th>{cells}</tr>'


def _whole(cell: str) -> str:
    """Keep a short cell, such as a number with its interval, in one line."""
    return ' class="whole"' if len(cell) <= _LONGEST_LINE else ""


def _paragraph(part: Paragraph) -> str:
    kind = ' class="verdict"' if part.is_main else ""
    return f"<p{attribute(part.anchor)}{kind}>{escape(part.text)}</p>"


def _picture(part: Picture) -> str:
    svg = inline_svg(part.svg, part.figure, part.name, escape(part.alt))
    files = ", ".join(
        f'<a href="figures/{escape(part.name)}.{kind}">{kind.upper()}</a>'
        for kind in ("svg", "png")
    )
    return (
        f'<figure{attribute(part.anchor)}><div class="card" role="group" tabindex="0" '
        f'aria-label="{escape(part.alt)}">{svg}</div>'
        f"<figcaption>{escape(part.caption)} <span>Files: {files}</span></figcaption>"
        "</figure>"
    )


def _listed(part: Listed) -> str:
    items = (f"<li{attribute(anchor)}>{escape(text)}</li>" for anchor, text in part.items)
    return f"<ul>{''.join(items)}</ul>"


def _not_run(part: NotRun) -> str:
    command = f" <code>{escape(part.command)}</code>" if part.command else ""
    return f'<p class="not-run"><b>{part.label}.</b> {escape(part.why)}{command}</p>'


_WRITERS: dict[type, Any] = {
    Paragraph: _paragraph,
    Picture: _picture,
    Tabular: table_html,
    Listed: _listed,
    NotRun: _not_run,
}
