"""Files of a cache that tell whether they are whole."""

import hashlib
import io
import pickle
from pathlib import Path
from typing import Any, TypeVar

import joblib

from skvae.files import written_whole

MAGIC = b"skvae entry 2\n"
DIGEST_LENGTH = hashlib.sha256().digest_size

Result = TypeVar("Result")


class DamagedEntryError(Exception):
    """A file of the cache is not what was written under its key."""


def read_entry(path: Path, kind: type[Result]) -> Result | None:
    """Return what a file holds; None where there is none.

    Nothing is unpickled before the hash was right. It tells damage, not intent: who can
    write to the folder can have a pickle run anything.

    Parameters
    ----------
    path : Path
        The file; the name of its folder is its key.
    kind : type
        What it should hold.

    Raises
    ------
    DamagedEntryError
        If it cannot be read, or holds something else than was written.
    """
    try:
        read = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise DamagedEntryError(f"it cannot be read: {error.strerror}") from error
    start = len(MAGIC) + DIGEST_LENGTH
    payload = memoryview(read)[start:]
    if read[:start] != MAGIC + digest(path, payload):
        raise DamagedEntryError("its hash is not that of its content")
    try:
        found = pickle.loads(joblib.load(io.BytesIO(payload)))
    except Exception as error:  # such as of a class that was renamed
        raise DamagedEntryError(f"it does not load: {error!r}") from error
    if not isinstance(found, kind):
        raise DamagedEntryError(f"it holds {type(found).__name__}, not {kind.__name__}")
    return found


def write_entry(path: Path, result: Any, compress: Any = False) -> None:
    """Write a result; whoever reads the file finds all of it, or none."""
    pickled = io.BytesIO()
    # As bytes: joblib's pickler is of Python, and slow with a long history.
    joblib.dump(pickle.dumps(result, protocol=5), pickled, compress=compress)
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as unfinished, unfinished.open("wb") as file:
        file.write(MAGIC + digest(path, pickled.getbuffer()))
        file.write(pickled.getbuffer())


def digest(path: Path, payload: memoryview) -> bytes:
    """Hash what a file holds with its key, so that none is taken for another."""
    found = hashlib.sha256(path.parent.name.encode())
    found.update(payload)
    return found.digest()
