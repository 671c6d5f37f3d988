"""Folders that can be written to, files that are whole or not there at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

__all__ = ["writable_folder", "written_whole"]


@contextmanager
def written_whole(path: str | Path) -> Iterator[Path]:
    """Give a temporary name to write to; on success it takes the place of the file.

    Whoever reads the file finds the old one or the new one, whenever the process is
    killed; a full disk leaves the old one as it is.

    Parameters
    ----------
    path : str or Path
        The file.

    Yields
    ------
    Path
        A file beside it, of the same suffix.

    Examples
    --------
    >>> folder = Path(tempfile.mkdtemp())
    >>> with written_whole(folder / "table.csv") as unfinished:
    ...     _ = unfinished.write_text("a,b")
    >>> [file.name for file in folder.iterdir()]
    ['table.csv']
    """
    path = Path(path)
    # Named before it is there, so that Ctrl-C at any time finds what to remove.
    unfinished = path.with_name(f".{path.stem}-{token_hex(8)}{path.suffix}")
    try:
        unfinished.touch(exist_ok=False)
        yield unfinished
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def writable_folder(path: str | Path, parameter: str = "output") -> Path:
    """Make a folder and try to write to it, before anything takes time.

    Parameters
    ----------
    path : str or Path
        The folder.
    parameter : str, default="output"
        What the caller calls it, for the error.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    ValueError
        Where it is a file, or cannot be written to.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder, prefix=".skvae-trial-"):
            pass
    except OSError as error:
        raise ValueError(
            f"Got {parameter}={str(path)!r}, expected a folder that can be written to: "
            f"{error.strerror}."
        ) from error
    return folder
