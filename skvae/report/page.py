"""The page of a report: one file of HTML that needs no other, and no program."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources

from skvae.report.checklists import CHECKLISTS, Answer, link, tally
from skvae.report.markup import part_html
from skvae.report.number_format import count
from skvae.report.parts import NotRun, Part, Picture
from skvae.report.record import Record
from skvae.report.score_names import score_name
from skvae.report.sections import SECTIONS, SectionPlan, parts_of

__all__ = ["Drafted", "anchors_in", "draft", "page_html"]

_COLUMNS = ("item", "section", "text", "status", "evidence", "to add")


@dataclass(frozen=True, eq=False)
class Drafted:
    """The sections of a report before the page is put together.

    Attributes
    ----------
    sections : list of (SectionPlan, list of Part)
        Each with its parts.
    texts : list of str
        Each as HTML.
    """

    sections: list[tuple[SectionPlan, list[Part]]]
    texts: list[str]

    @property
    def pictures(self) -> list[Picture]:
        """All figures, in order."""
        parts = (part for _, found in self.sections for part in found)
        return [part for part in parts if isinstance(part, Picture)]

    @property
    def anchors(self) -> set[str]:
        """The ids of all that is there."""
        return anchors_in("".join(self.texts))


def anchors_in(text: str) -> set[str]:
    """Return the ids of what a page shows.

    Parameters
    ----------
    text : str
        HTML.

    Returns
    -------
    set of str
        Those of paragraphs, items, figures and tables.
    """
    return set(re.findall(r'<(?:p|li|figure|table) id="([^"]+)"', text))


def draft(record: Record) -> Drafted:
    """Make all sections."""
    sections = [(plan, parts_of(plan, record)) for plan in SECTIONS]
    return Drafted(sections, [_section(plan, parts) for plan, parts in sections])


def _section(plan: SectionPlan, parts: Sequence[Part]) -> str:
    inner = "\n".join(map(part_html, parts))
    heading = f'<h2 id="heading-{plan.key}">{escape(plan.title)}</h2>'
    return (
        f'<section id="{plan.key}" aria-labelledby="heading-{plan.key}">{heading}\n'
        f"{inner}\n</section>"
    )


def page_html(
    record: Record,
    drafted: Drafted,
    answers: dict[str, list[Answer]],
    files: Collection[str],
) -> str:
    """Put the page together.

    Parameters
    ----------
    record : Record
        What the report is made of.
    drafted : Drafted
        Its sections.
    answers : dict of str to list of Answer
        The lists, filled in.
    files : collection of str
        Names of the files beside the page.

    Returns
    -------
    str
        A whole document.
    """
    result = record.result
    title = f"Study of {', '.join(map(str, result.arms))}"
    style = (resources.files("skvae.report") / "data" / "page.css").read_text("utf-8")
    positive = "" if result.positive is None else f", positive class {result.positive}"
    about = (
        f"{count(result.n_groups, 'patient')}, {count(record.n_rows, 'row')}, "
        f"{count(len(result.arms), 'arm')}; score: {score_name(result.scoring)}{positive}"
    )
    about += f"; reference: {result.reference}" if len(result.arms) > 1 else ""
    return "\n".join(
        [
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            # Whatever a name may hold: nothing is fetched, nothing runs.
            '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
            "style-src 'unsafe-inline'; img-src data:\">",
            '<link rel="icon" href="data:,">',
            f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>",
            '<a class="skip" href="#summary">To the findings</a>\n<div class="frame">',
            f"<header><h1>{escape(title)}</h1><p>{escape(about)}</p></header>",
            _contents(drafted),
            "<main>",
            *drafted.texts,
            _checklists(answers),
            _files(files),
            "</main>",
            "<footer><p>Made by skvae. It computes no features of the Image Biomarker "
            "Standardisation Initiative. Lists: "
            + escape(" ".join(c.source for c in CHECKLISTS))
            + "</p></footer>\n</div>\n</body>\n</html>\n",
        ]
    )


def _contents(drafted: Drafted) -> str:
    items = []
    for plan, parts in drafted.sections:
        first = parts[0]
        kind, note = "", ""
        if isinstance(first, NotRun):
            kind, note = ' class="absent"', f" ({first.label.lower()})"
        items.append(f'<li{kind}><a href="#{plan.key}">{escape(plan.title)}</a>{note}</li>')
    items.append('<li><a href="#checklists">Checklists</a></li>')
    items.append('<li><a href="#files">Files</a></li>')
    listed = "\n".join(items)
    return (
        f'<nav aria-labelledby="contents"><h2 id="contents">Contents</h2><ol>{listed}</ol>'
        "</nav>"
    )


def _checklists(answers: dict[str, list[Answer]]) -> str:
    parts = [
        '<section id="checklists" aria-labelledby="heading-checklists">'
        '<h2 id="heading-checklists">Checklists</h2>',
        "<p>Filled in with what this report has. <b>part</b>: the author adds what stands "
        "behind it. <b>ask</b>: the study does not know. The lists are files too: "
        "clear.md, metrics.md, tripod_ai.md.</p>",
    ]
    for checklist in CHECKLISTS:
        found = answers[checklist.key]
        head = "".join(f'<th scope="col">{name}</th>' for name in _COLUMNS)
        body = "".join(map(_answer, found))
        title = escape(checklist.title)
        parts.append(
            f'<h3 id="list-{checklist.key}">{title}</h3><p>{escape(tally(found))}</p>'
            f"<details><summary>All items of {title}</summary>"
            f'<div class="scroll long cards checklist" role="region" tabindex="0" '
            f'aria-label="Items of {title}"><table><thead><tr>{head}</tr></thead>'
            f"<tbody>{body}</tbody></table></div></details>"
        )
    return "\n".join([*parts, "</section>"])


def _answer(answer: Answer) -> str:
    links = ", ".join(
        f'<a href="{escape(link(e))}">{escape(e.removeprefix("file:"))}</a>'
        for e in answer.evidence
    )
    cells = (
        escape(answer.section),
        escape(answer.text),
        f'<span class="status-{answer.status}">{answer.status}</span>',
        links,
        escape(answer.missing),
    )
    filled = (
        f'<td data-label="{name}">{cell}</td>'
        for name, cell in zip(_COLUMNS[1:], cells, strict=True)
    )
    return f'<tr><th scope="row">{escape(answer.item)}</th>{"".join(filled)}</tr>'


def _files(files: Collection[str]) -> str:
    items = "".join(
        f'<li><a href="{escape(name)}">{escape(name)}</a></li>' for name in sorted(files)
    )
    return (
        '<section id="files" aria-labelledby="heading-files">'
        f'<h2 id="heading-files">Files</h2><ul>{items}</ul></section>'
    )
