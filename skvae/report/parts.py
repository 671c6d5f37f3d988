"""What sections are made of: paragraphs, figures, tables, and what was not run."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from skvae.report.vector_graphics import svg_text

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["Listed", "NotRun", "Paragraph", "Part", "Picture", "Tabular"]


@dataclass(frozen=True)
class Paragraph:
    """A sentence or several.

    Attributes
    ----------
    text : str
        The text, without markup.
    anchor : str
        Its id in the page, where it is evidence of something.
    is_main : bool
        Whether it stands out.
    """

    text: str
    anchor: str = ""
    is_main: bool = False


@dataclass(frozen=True, eq=False)
class Picture:
    """A figure with its caption.

    Attributes
    ----------
    name : str
        Name of its files, and of its id in the page after `figure-`.
    figure : Figure
        What is drawn.
    alt : str
        What it shows, for those who do not see it.
    caption : str
        What it shows, and how it was computed.
    """

    name: str
    figure: Any
    alt: str
    caption: str

    @property
    def anchor(self) -> str:
        """Its id in the page."""
        return f"figure-{self.name}"

    @cached_property
    def svg(self) -> str:
        """Its file of SVG, drawn once."""
        return svg_text(self.figure)


@dataclass(frozen=True, eq=False)
class Tabular:
    """A table of texts with its caption.

    Attributes
    ----------
    name : str
        Its id in the page, after `table-`.
    frame : DataFrame
        Texts and whole numbers; the first column names the rows.
    caption : str
        What it shows.
    """

    name: str
    frame: "DataFrame"
    caption: str

    @property
    def anchor(self) -> str:
        """Its id in the page."""
        return f"table-{self.name}"


@dataclass(frozen=True)
class Listed:
    """Sentences below one another.

    Attributes
    ----------
    items : sequence of (str, str)
        Anchor (or nothing) and text of each.
    """

    items: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class NotRun:
    """That there is nothing, why, and what would make it.

    Attributes
    ----------
    why : str
        The reason, in a sentence.
    command : str
        What to run; empty where nothing would help.
    applies : bool
        Whether the outcome is of a kind that the section is made for.
    """

    why: str
    command: str = ""
    applies: bool = True

    @property
    def label(self) -> str:
        """What is said before the reason."""
        return "Not run" if self.applies else "Does not apply"


Part: TypeAlias = Paragraph | Picture | Tabular | Listed | NotRun
