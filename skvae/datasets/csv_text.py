"""Text tables as frames of strings and numbers: separators, compression, headers."""

import gzip
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from skvae.extras import import_extra

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["read_csv"]

_SEPARATORS = (",", "\t", ";")


def read_csv(
    path: str | Path, as_text: tuple[str, ...] = ()
) -> tuple["DataFrame", list[str]]:
    r"""Read a csv or tsv file, gzipped or not, to which others may have been appended.

    A header that is repeated further down, as by appending one csv to another, starts a
    part of its own: its columns are aligned by name.

    Parameters
    ----------
    path : str or Path
        The file. What separates the columns is read from its first line.
    as_text : tuple of str, default=()
        Columns that stay text, so that `007` is not 7.

    Returns
    -------
    frame : DataFrame
        The table.
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
        lines = _first_lines(path)
        separator = max(_SEPARATORS, key=lines[0].count)
        # Where a semicolon parts columns, a comma parts digits: spreadsheets of half
        # of Europe.
        comma = separator == ";" and any("," in line for line in lines[1:])
        frame = pd.read_csv(
            path,
            sep=separator,
            decimal="," if comma else ".",
            dtype=dict.fromkeys(as_text, str),
            compression="gzip" if _is_gzip(path) else None,
            low_memory=False,
            encoding="utf-8-sig",
        )
    except (ValueError, OSError, EOFError, zlib.error) as error:
        raise ValueError(
            f"Got path={str(path)!r}, expected a table of text (csv or tsv, gzipped or "
            f"not): {str(error).splitlines()[0]}"
        ) from error
    if frame.empty:
        raise ValueError(f"Got path={str(path)!r} without a row below its header.")
    _check_columns(frame, path)
    return _aligned(frame, path, as_text)


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _first_lines(path: Path) -> list[str]:
    """Return up to three lines, of which a file without line ends gives a megabyte."""
    with gzip.open(path) if _is_gzip(path) else path.open("rb") as file:
        lines = [file.readline(1 << 20).decode("utf-8-sig") for _ in range(3)]
    if not lines[0].strip():
        raise ValueError("its first line is empty.")
    return lines


def _check_columns(frame: "DataFrame", path: Path) -> None:
    """Refuse columns of one name, which pandas would number."""
    with (
        gzip.open(path, "rt", encoding="utf-8-sig")
        if _is_gzip(path)
        else path.open(encoding="utf-8-sig") as file
    ):
        header = file.readline().rstrip("\r\n")
    names = [name.strip('"') for name in header.split(max(_SEPARATORS, key=header.count))]
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice and len(names) == len(frame.columns):
        raise ValueError(
            f"Got path={str(path)!r} with more than one column called "
            f"{', '.join(twice[:5])}; expected one of each name."
        )


def _aligned(
    frame: "DataFrame", path: Path, as_text: tuple[str, ...]
) -> tuple["DataFrame", list[str]]:
    """Part the frame at repeated headers and join the parts by the names of columns."""
    pd = import_extra("pandas")
    names = list(frame.columns)
    text = frame.select_dtypes(exclude="number")
    likely = text.eq(text.columns, axis=1).any(axis=1) | text.isin(names).all(axis=1)
    starts = [row for row in frame.index[likely] if _is_header(frame.loc[row], names)]
    if not starts:
        return frame, []
    parts = [frame.iloc[: starts[0]]]
    for start, end in zip(starts, [*starts[1:], len(frame)], strict=True):
        header = [str(cell) for cell in frame.iloc[start]]
        if set(header) != set(names):
            raise ValueError(
                f"Got path={str(path)!r} with another header on line {start + 2}, whose "
                "columns are not those of the first line; expected tables of the same "
                f"columns. Only there: {sorted(set(header) - set(names))[:5]}."
            )
        parts.append(frame.iloc[start + 1 : end].set_axis(header, axis=1)[names])
    joined = pd.concat(parts, ignore_index=True)
    for name in set(names) - set(as_text):
        numbers = pd.to_numeric(joined[name], errors="coerce")
        if numbers.notna().eq(joined[name].notna()).all():
            joined[name] = numbers
    notes = [
        f"a header is repeated on line {start + 2}; the rows below it are aligned by name"
        for start in starts
    ]
    return joined, notes


def _is_header(row: "DataFrame", names: list[str]) -> bool:
    """Whether most cells of a row are names of columns."""
    return sum(str(cell) in names for cell in row) > len(names) / 2
