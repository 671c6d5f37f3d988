"""Sentences that name a file and say what is wrong with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from skvae.images.volume import ImageFileError

__all__ = ["refusal", "refusing"]


def refusal(path: str | Path, reason: str) -> ImageFileError:
    """Return the error of a file that cannot be used.

    Parameters
    ----------
    path : str or Path
        The file.
    reason : str
        What is wrong with it; goes on after the name, without a full stop.

    Returns
    -------
    ImageFileError
        To be raised.

    Examples
    --------
    >>> raise refusal("scan.nii", "which is empty")
    Traceback (most recent call last):
    skvae.images.volume.ImageFileError: Got path='scan.nii', which is empty.
    """
    return ImageFileError(f"Got path={str(path)!r}, {reason}.")


@contextmanager
def refusing(path: str | Path) -> Iterator[None]:
    """Turn what the system says of a file into a sentence.

    Parameters
    ----------
    path : str or Path
        The file.

    Yields
    ------
    None
        Nothing.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or "the system says no more"
        raise refusal(path, f"which cannot be read: {reason}") from error
    except MemoryError as error:
        raise refusal(
            path, "which holds more voxels than the memory has room for"
        ) from error
