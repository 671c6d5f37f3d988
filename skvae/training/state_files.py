"""Nested values with tensors in files: whole, or known to be damaged."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from skvae.tensor_file import TensorFile, canonical_json, write_tensor_file
from skvae.training.host import on_host

# As an array, what is nested is bounded by the disk; a description is short.
NESTED = "nested"

Arrays = Mapping[str, np.ndarray]


def write_state(path: Path, state: Mapping[str, Any], **description: Any) -> None:
    """Write a nested value; the same one, the same bytes.

    Whoever reads the file finds all of it, or what was there before.

    Parameters
    ----------
    path : Path
        The file.
    state : mapping of str to object
        What `packed` takes.
    **description : object
        What JSON knows, short.
    """
    arrays: dict[str, np.ndarray] = {}
    text = canonical_json(packed(state, arrays))
    ordered = {name: np.asarray(value, order="C") for name, value in arrays.items()}
    ordered[NESTED] = np.frombuffer(text.encode(), np.uint8)
    write_tensor_file(path, description, ordered)


def read_state(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the state and the description of a file.

    Nothing in it is run: it is JSON and numbers. The hashes tell damage, not intent.

    Raises
    ------
    ValueError
        If it cannot be read, or holds something else than was written.
    FileNotFoundError
        If there is none.
    """
    with TensorFile(path) as file:
        arrays = {name: file.array(name) for name in file.entries}
        if NESTED not in arrays:
            raise file.refused("it holds no state of a fit")
        nested = json.loads(arrays.pop(NESTED).tobytes())
        return unpacked(nested, arrays), file.description


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
