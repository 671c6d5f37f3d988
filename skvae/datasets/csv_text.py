"""Text tables as frames of strings and numbers: separators, compression, headers."""

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from skvae.extras import import_extra

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["read_csv"]

_SEPARATORS = (",", "\t", ";")
_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"
# How digits are parted is seen in the first rows.
_N_ROWS_FOR_DIGITS = 50
_LONGEST_HEADER = 1 << 24
_COMMA = re.compile(r"\s*[+-]?\d+,\d+(e[+-]?\d+)?\s*", re.IGNORECASE)
_POINT = re.compile(r"\s*[+-]?\d+\.\d+(e[+-]?\d+)?\s*", re.IGNORECASE)


def read_csv(
    path: str | Path, as_text: tuple[str, ...] = ()
) -> tuple["DataFrame", list[str]]:
    r"""Read a csv or tsv file, gzipped or not, to which others may have been appended.

    A header that is repeated further down, as by appending one csv to another, starts a
    part of its own: its columns are aligned by name.

    Parameters
    ----------
    path : str or Path
        The file, in UTF-8. What separates the columns is read from its first line.
    as_text : tuple of str, default=()
        Columns that stay text, so that `007` is not 7.

    Returns
    -------
    frame : DataFrame
        The table; without lines that are empty.
    notes : list of str
        What was done to it.

    Raises
    ------
    ValueError
        Where the file is no such table.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "appended.csv"
    >>> _ = path.write_text("case,a,b\n01,1,2\ncase,b,a\n02,4,3\n")
    >>> frame, notes = read_csv(path, as_text=("case",))
    >>> print(frame)
      case  a  b
    0   01  1  2
    1   02  3  4
    >>> notes
    ['a header is repeated on line 3; the rows below it are aligned by name']
    """
    pd = import_extra("pandas")
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"Got path={str(path)!r}, which is not a file.")
    try:
        layout = _layout(path)
        frame = pd.read_csv(
            _aligned(path, layout) if layout.repeats else path,
            sep=layout.separator,
            decimal="," if layout.is_comma_decimal else ".",
            dtype=dict.fromkeys(as_text, str),
            compression="gzip" if _starts_with(path, _GZIP) else None,
            low_memory=False,
            encoding="utf-8-sig",
        )
    except (ValueError, OSError, EOFError, zlib.error, csv.Error) as error:
        raise ValueError(
            f"Got path={str(path)!r}, expected a table of text (csv or tsv, gzipped or "
            f"not): {_said(error)}."
        ) from error
    frame = frame.dropna(how="all").reset_index(drop=True)
    if frame.empty:
        raise ValueError(f"Got path={str(path)!r} without a row below its header.")
    notes = [
        f"a header is repeated on line {line}; the rows below it are aligned by name"
        for line in layout.repeats
    ]
    return frame, notes


class _NotATableError(ValueError):
    """What is wrong with a file, in words for its owner."""


@dataclass(frozen=True)
class _Layout:
    """How a table is written: what parts its columns and digits, where headers are."""

    separator: str
    header: list[str]
    repeats: dict[int, list[str]] = field(default_factory=dict)
    is_comma_decimal: bool = False


def _said(error: Exception) -> str:
    if isinstance(error, _NotATableError):
        return str(error)
    if isinstance(error, UnicodeDecodeError):
        return "it is not text in UTF-8, as which a spreadsheet can save it"
    if isinstance(error, EOFError | zlib.error | gzip.BadGzipFile):
        return "its compression is cut off or damaged"
    if isinstance(error, OSError):
        return f"it cannot be read ({error.strerror})"
    return "its lines cannot be parted into columns"


def _starts_with(path: Path, mark: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(mark)) == mark


def _opened(path: Path) -> TextIO:
    if _starts_with(path, _ZIP):
        raise _NotATableError("it is a zip archive, as workbooks are; save it as csv")
    if _starts_with(path, _GZIP):
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _rows(path: Path, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the cells of each line that is not blank, with its number."""
    with _opened(path) as file:
        reader = csv.reader(file, delimiter=separator)
        yield from ((reader.line_num, row) for row in reader if row)


def _layout(path: Path) -> _Layout:
    with _opened(path) as file:
        first = file.readline(_LONGEST_HEADER)
    if not first.strip():
        raise _NotATableError("its first line is empty")
    if "\0" in first:
        raise _NotATableError("it is not text")
    separator = max(_SEPARATORS, key=first.count)
    rows = _rows(path, separator)
    _, header = next(rows)
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise _NotATableError(
            f"more than one of its columns is called {', '.join(twice[:5])}"
        )
    names, repeats, sample = set(header), {}, []
    for line, row in rows:
        if _is_header(row, names):
            _check_repeat(line, row, names)
            repeats[line] = row
        elif len(row) != len(header):
            raise _NotATableError(
                f"its line {line} has {len(row)} values, its header has {len(header)}"
            )
        elif len(sample) < _N_ROWS_FOR_DIGITS:
            sample.append(row)
    return _Layout(separator, header, repeats, _has_comma(separator, sample))


def _is_header(row: list[str], names: set[str]) -> bool:
    """Whether most cells of a row are names of columns."""
    if row[0] not in names and row[-1] not in names:
        return False
    return sum(cell in names for cell in row) > len(names) / 2


def _check_repeat(line: int, row: list[str], names: set[str]) -> None:
    new, missing = sorted(set(row) - names), sorted(names - set(row))
    if new or missing or len(row) != len(names):
        raise _NotATableError(
            f"its line {line} is another header, whose columns are not those of the first: "
            f"{', '.join(new[:5]) or 'none'} only there, "
            f"{', '.join(missing[:5]) or 'none'} only in the first"
        )


def _has_comma(separator: str, sample: list[list[str]]) -> bool:
    """Whether a comma parts digits, as in the spreadsheets of half of Europe."""
    if separator == ",":
        return False
    cells = [cell for row in sample for cell in row]
    return any(map(_COMMA.fullmatch, cells)) and not any(map(_POINT.fullmatch, cells))


def _aligned(path: Path, layout: _Layout) -> io.StringIO:
    """Write the table again with one header, each part in the order of the first."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=layout.separator)
    order = range(len(layout.header))
    for line, row in _rows(path, layout.separator):
        if line in layout.repeats:
            order = [row.index(name) for name in layout.header]
        else:
            writer.writerow([row[i] for i in order])
    text.seek(0)
    return text
