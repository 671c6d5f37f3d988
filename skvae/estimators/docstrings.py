"""Parameters documented once, in the base, and merged into each kind's docstring."""

import inspect
import re

MERGED = ("Parameters", "Attributes")


def merge_docstrings(base: str, kind: str) -> str:
    """Add the base's parameters and attributes to a kind's docstring.

    An entry that the kind documents itself replaces the base's, in its place; the
    kind's new ones follow, as its fields do in the signature.
    """
    inherited = _sections(base)
    sections = _sections(kind)
    merged = {"": sections.pop("", "")}
    for title in MERGED:
        entries = _entries(inherited.get(title, "")) | _entries(sections.pop(title, ""))
        if entries:
            merged[title] = "\n".join(entries.values())
    merged |= sections
    return "\n\n".join(
        f"{title}\n{'-' * len(title)}\n{text}" if title else text
        for title, text in merged.items()
    )


def _sections(docstring: str) -> dict[str, str]:
    text = inspect.cleandoc(docstring)
    parts = re.split(r"^(\w[\w ]*)\n-{3,}\n", text, flags=re.MULTILINE)
    titles = ["", *parts[1::2]]
    return {t: body.strip("\n") for t, body in zip(titles, parts[::2], strict=True)}


def _entries(section: str) -> dict[str, str]:
    entries = [
        entry.rstrip() for entry in re.split(r"^(?=\S)", section, flags=re.MULTILINE)
    ]
    return {re.split(r"[ :]", entry, maxsplit=1)[0]: entry for entry in entries if entry}
