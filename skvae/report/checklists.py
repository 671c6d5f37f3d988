"""Lists that reviewers go by, filled in with what a report has; else an item asks."""

import csv
from collections.abc import Collection
from dataclasses import dataclass
from importlib import resources

from skvae.report.evidence_rules import RULES, Rule

__all__ = ["CHECKLISTS", "Answer", "Checklist", "answered", "markdown"]


@dataclass(frozen=True)
class Checklist:
    """A published list.

    Attributes
    ----------
    key, title : str
        Name of its file, and what it is called.
    source : str
        Who published it where, and its licence.
    """

    key: str
    title: str
    source: str


CHECKLISTS = (
    Checklist(
        "clear",
        "CLEAR",
        "Kocak et al. (2023). CheckList for EvaluAtion of Radiomics research (CLEAR). "
        "Insights into Imaging 14, 75. doi:10.1186/s13244-023-01415-8. CC BY 4.0.",
    ),
    Checklist(
        "metrics",
        "METRICS",
        "Kocak et al. (2024). METhodological RadiomICs Score (METRICS). Insights into "
        "Imaging 15, 8. doi:10.1186/s13244-023-01572-w. CC BY 4.0.",
    ),
    Checklist(
        "tripod_ai",
        "TRIPOD+AI",
        "Collins et al. (2024). TRIPOD+AI statement. BMJ 385, e078378. "
        "doi:10.1136/bmj-2023-078378. CC BY 4.0.",
    ),
)


@dataclass(frozen=True)
class Answer:
    """An item with what a report answers to it.

    Attributes
    ----------
    item, section, text : str
        Its number, where it belongs, what it demands.
    status : str
        `"yes"`, `"part"` or `"ask"`.
    evidence : tuple of str
        Parts of the report that prove it.
    missing : str
        What the author has to add.
    weight : float
        Its weight; 0 in lists without weights.
    """

    item: str
    section: str
    text: str
    status: str
    evidence: tuple[str, ...] = ()
    missing: str = ""
    weight: float = 0.0


def answered(key: str, evidence: Collection[str]) -> list[Answer]:
    """Fill a list in.

    Parameters
    ----------
    key : str
        Which: `"clear"`, `"metrics"` or `"tripod_ai"`.
    evidence : collection of str
        The parts that a report has: ids of its page, and its files as `file:NAME`.

    Returns
    -------
    list of Answer
        All items in order.

    Examples
    --------
    >>> from skvae.report.checklists import answered
    >>> item = answered("clear", {"methods-missing"})[28]
    >>> item.item, item.status, item.evidence
    ('29', 'yes', ('methods-missing',))
    >>> answered("clear", set())[28].status
    'ask'
    """
    return [_answer(row, RULES[key].get(row["item"], []), evidence) for row in _items(key)]


def _items(key: str) -> list[dict[str, str]]:
    path = resources.files("skvae.report") / "data" / f"{key}.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def _answer(row: dict[str, str], rules: list[Rule], evidence: Collection[str]) -> Answer:
    section = row.get("section") or row["category"]
    weight = float(row.get("weight") or 0)
    for rule in rules:
        found = [_first(need, evidence) for need in rule.needs]
        if all(found):
            known = tuple(f for f in found if f)
            return Answer(
                row["item"], section, row["text"], rule.status, known, rule.missing, weight
            )
    return Answer(row["item"], section, row["text"], "ask", weight=weight)


def _first(need: str, evidence: Collection[str]) -> str | None:
    """Return the part that is needed, or the first of those that begin so."""
    if need.endswith("*"):
        return min((e for e in evidence if e.startswith(need[:-1])), default=None)
    return need if need in evidence else None


def tally(answers: list[Answer]) -> str:
    """Say how much of a list is answered.

    Parameters
    ----------
    answers : list of Answer
        The items.

    Returns
    -------
    str
        A sentence.
    """
    n = {s: sum(a.status == s for a in answers) for s in ("yes", "part", "ask")}
    text = (
        f"{n['yes']} of {len(answers)} items are answered, {n['part']} in part; "
        f"{n['ask']} ask the author."
    )
    weights = {s: sum(a.weight for a in answers if a.status == s) for s in ("yes", "part")}
    if any(weights.values()):
        text += (
            f" There is evidence for items of a weight of {sum(weights.values()):.3f} of 1 "
            f"({weights['yes']:.3f} answered, {weights['part']:.3f} in part)."
        )
    return text


def markdown(checklist: Checklist, answers: list[Answer], page: str = "report.html") -> str:
    """Write a list for the author to complete.

    Parameters
    ----------
    checklist : Checklist
        Which.
    answers : list of Answer
        Its items.
    page : str, default="report.html"
        The page that the evidence is in.

    Returns
    -------
    str
        Markdown: a table whose items link to their evidence.
    """
    lines = [
        f"# {checklist.title}",
        "",
        f"Source: {checklist.source}",
        "",
        f"{tally(answers)} `part`: the author adds what stands behind it. `ask`: the study "
        "does not know.",
        "",
        "| item | section | text | status | evidence | to add |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for a in answers:
        links = ", ".join(
            f"[{e.removeprefix('file:')}]({link(e, page)})" for e in a.evidence
        )
        cells = [a.item, a.section, a.text, a.status, links, a.missing]
        lines.append("| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |")
    return "\n".join(lines) + "\n"


def link(evidence: str, page: str = "") -> str:
    """Return the address of a part of a report, relative to its folder.

    Parameters
    ----------
    evidence : str
        An id of the page, or `file:NAME`.
    page : str, default=""
        The page; empty within it.

    Returns
    -------
    str
        The address.
    """
    if evidence.startswith("file:"):
        return evidence.removeprefix("file:")
    return f"{page}#{evidence}"
