"""What a class does not document itself, it documents as its bases do."""

import inspect
import re
from collections.abc import Iterator, Sequence
from typing import Any

MERGED = ("Parameters", "Attributes")
# Sections of a method that hold for the one that overrides it.
INHERITED = ("Returns", "Raises")


def merge_docstrings(base: str, kind: str, order: Sequence[str] = ()) -> str:
    """Add the base's parameters and attributes to a kind's docstring.

    An entry that the kind documents itself replaces the base's.

    Parameters
    ----------
    base, kind : str
        The docstrings.
    order : sequence of str
        Names of the parameters in the order of the signature.
    """
    inherited = _sections(base)
    sections = _sections(kind)
    merged = {"": sections.pop("", "")}
    for title in MERGED:
        entries = _entries(inherited.get(title, "")) | _entries(sections.pop(title, ""))
        listed = sorted(entries, key=lambda name: _place(name, order))
        if listed:
            merged[title] = "\n".join(entries[name] for name in listed)
    return _joined(merged | sections)


def _place(name: str, order: Sequence[str]) -> int:
    first = name.partition(",")[0]
    return order.index(first) if first in order else len(order)


def complete_docstrings(cls: type, arguments: Sequence[str] = ()) -> None:
    """Document what the methods that a class defines leave out.

    Parameters
    ----------
    cls : type
        The class.
    arguments : sequence of str
        Entries of sections of parameters, for those that a method documents neither
        itself nor in the classes above; the first that has one counts. Without any,
        those of the class's other methods.
    """
    methods = dict(_public_methods(cls))
    if not arguments:
        sections = (_sections(inspect.getdoc(f) or "") for f in methods.values())
        arguments = [each.get("Parameters", "") for each in sections]
    known: dict[str, str] = {}
    for text in reversed(arguments):
        known |= _entries(inspect.cleandoc(text))
    for name, function in methods.items():
        above = (getattr(base, name, None) for base in cls.__mro__[1:])
        inherited = next((doc for f in above if (doc := getattr(f, "__doc__", None))), "")
        names = [
            "*" * (p.kind == p.VAR_POSITIONAL) + "**" * (p.kind == p.VAR_KEYWORD) + p.name
            for p in list(inspect.signature(function).parameters.values())[1:]
        ]
        own = function.__doc__ or inherited
        docstring = _completed(own, inherited, known, names)
        for each in (function, vars(cls)[name]):
            each = getattr(each, "fn", each)  # behind available_if
            getattr(each, "__func__", each).__doc__ = docstring


def completed(cls: type) -> type:
    """Complete the docstrings of a class's methods by those of its other methods."""
    complete_docstrings(cls)
    return cls


def with_arguments(arguments: str) -> Any:
    """Return a decorator that documents the arguments that a function leaves out.

    Parameters
    ----------
    arguments : str
        Entries of a section of parameters.
    """

    def decorate(function: Any) -> Any:
        known = _entries(inspect.cleandoc(arguments))
        names = list(inspect.signature(function).parameters)
        function.__doc__ = _completed(function.__doc__ or "", "", known, names)
        return function

    return decorate


def _public_methods(cls: type) -> Iterator[tuple[str, Any]]:
    for name, value in vars(cls).items():
        function = inspect.unwrap(getattr(value, "fn", getattr(value, "__func__", value)))
        if not name.startswith("_") and inspect.isfunction(function):
            yield name, function


def _completed(
    docstring: str, inherited: str, known: dict[str, str], names: Sequence[str]
) -> str:
    """Return a docstring with what it leaves out of arguments of some names."""
    base, own = _sections(inherited), _sections(docstring)
    documented = _entries(own.pop("Parameters", ""))
    entries = known | _entries(base.get("Parameters", ""))
    # One entry may stand for several names: "y_true, y_pred : array-like".
    heads = (entry.partition(" :")[0].split(", ") for entry in documented.values())
    several = {name for head in heads if len(head) > 1 for name in head}
    entries = {name: entries[name] for name in names if name in entries}
    listed = {n: e for n, e in entries.items() if n not in several} | documented
    completed = {"": own.pop("", "")}
    if listed:
        order = sorted(listed, key=lambda name: _place(name, names))
        completed["Parameters"] = "\n".join(listed[name] for name in order)
    for title in INHERITED:
        if title in own or title in base:
            completed[title] = own.pop(title, base.get(title, ""))
    return _joined(completed | own)


def _joined(sections: dict[str, str]) -> str:
    return "\n\n".join(
        f"{title}\n{'-' * len(title)}\n{text}" if title else text
        for title, text in sections.items()
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
