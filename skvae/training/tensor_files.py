"""Files of arrays and of what JSON says of them: whole, or known to be damaged."""

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from skvae.files import written_whole
from skvae.training.host import on_host

# A single entry of the metadata: of several, safetensors mixes the order.
ENTRY = "skvae"

Arrays = Mapping[str, np.ndarray]


class DamagedFileError(Exception):
    """A file holds something else than was written."""


def write_tensors(path: Path, content: Any, arrays: Arrays) -> None:
    """Write a file in the format of safetensors; the same content, the same bytes.

    Whoever reads the file finds all of it, or what was there before.

    Parameters
    ----------
    path : Path
        The file.
    content : dict, list, str, int, float, bool or None
        What JSON can hold, without NaN and infinity.
    arrays : mapping of str to ndarray
        The arrays.
    """
    found = {"content": content, "sha256": digest(content, arrays)}
    # Of an array that lies in another order, safetensors writes other values.
    ordered = {name: np.asarray(value, order="C") for name, value in arrays.items()}
    with written_whole(path) as unfinished:
        save_file(ordered, unfinished, metadata={ENTRY: canonical(found)})


def read_tensors(path: Path) -> tuple[Any, dict[str, np.ndarray]]:
    """Return content and arrays of a file.

    Nothing in it is run: it is JSON and numbers. The hash tells damage, not intent.

    Raises
    ------
    DamagedFileError
        If it cannot be read, or holds something else than was written.
    FileNotFoundError
        If there is none.
    """
    try:
        with safe_open(path, framework="np") as file:
            found = json.loads(file.metadata()[ENTRY])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            whole = found["sha256"] == digest(found["content"], arrays)
    except FileNotFoundError:
        raise
    except (SafetensorError, OSError, ValueError, LookupError, TypeError) as error:
        raise DamagedFileError(f"it cannot be read ({error})") from error
    if not whole:
        raise DamagedFileError("its hash is not that of its content")
    return found["content"], arrays


def digest(content: Any, arrays: Arrays) -> str:
    """Hash all that a file holds."""
    found = hashlib.sha256(canonical(content).encode())
    for name in sorted(arrays):
        array = np.asarray(arrays[name], order="C")
        found.update(f"{name} {array.dtype.str} {array.shape}".encode())
        found.update(array.reshape(-1).view(np.uint8).data)
    return found.hexdigest()


def canonical(content: Any) -> str:
    """Return the one text of JSON that says so."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)


def packed(value: Any, arrays: dict[str, np.ndarray], name: str = "") -> Any:
    """Return what JSON can hold of a nested value, and name its tensors in ``arrays``.

    Dictionaries keep the order and the types of their keys, tuples are no lists, and
    floats keep their bits.
    """
    if isinstance(value, torch.Tensor | np.ndarray):
        arrays[name] = on_host(value)
        return {"tensor": name}
    if isinstance(value, Mapping):
        pairs = [
            [key, packed(each, arrays, f"{name}/{key}")] for key, each in value.items()
        ]
        return {"pairs": pairs}
    if isinstance(value, list | tuple):
        items = [packed(each, arrays, f"{name}/{i}") for i, each in enumerate(value)]
        return items if isinstance(value, list) else {"tuple": items}
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    return value


def unpacked(value: Any, arrays: Arrays) -> Any:
    """Return the nested value, with tensors of its own, of which ``packed`` made this."""
    if isinstance(value, list):
        return [unpacked(each, arrays) for each in value]
    if not isinstance(value, dict):
        return value
    ((kind, held),) = value.items()
    if kind == "tensor":
        return torch.from_numpy(np.array(arrays[held]))
    if kind == "pairs":
        return {key: unpacked(each, arrays) for key, each in held}
    return float(held) if kind == "float" else tuple(unpacked(held, arrays))
